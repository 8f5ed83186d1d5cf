"""Rungs get the threads that a strategy allows, on real runtimes and under load."""

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from edged.adapt.regime import Regime
from edged.errors import BadModel
from edged.host.process import Self
from edged.runtime.base import Array, Tensors
from edged.serve.ladder import Rung
from edged.serve.live import Live
from edged.serve.steward import Steward
from edged.watch import Owned
from edged.wire.adapt import Strategy
from edged.wire.proofs import Board, Cost, Proof, VariantProof
from edged.wire.release import BackendName, Variant
from tests.data.tflite_files import adder
from tests.fakes.box import LIMITS, Box, bundle
from tests.fakes.ladders import asked, ladder, regime
from tests.fakes.models import registry_of

FOUR = replace(LIMITS, threads=4, workers=2)
TWO = bundle(
    extra={"small.tflite": adder()},
    variants=(
        Variant(id="big", backend=BackendName.ONNX, file="model.onnx"),
        Variant(id="small", backend=BackendName.LITERT, file="small.tflite"),
    ),
)
NORMAL, THROTTLED = regime(Strategy.NORMAL), regime(Strategy.THROTTLED)


@asynccontextmanager
async def stewarded(box: Box, holds: Owned[Regime]) -> AsyncIterator[None]:
    """Let a steward that looks often look after a box."""
    steward = Steward(box.registry, holds.watch, ease_s=0.1, look_s=0.05)
    ready = asyncio.Event()
    life = asyncio.get_running_loop().create_task(steward.run(ready.set))
    await ready.wait()
    try:
        yield
    finally:
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life


@asynccontextmanager
async def boxed(path: Path) -> AsyncIterator[tuple[Box, Live]]:
    """Give a box whose runs have four threads, with a model on both runtimes."""
    box = Box(path, limits=FOUR)
    await box.start()
    await box.install(TWO)
    try:
        yield box, box.registry.live("sums")
    finally:
        box.close()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110  # no event outside
            await asyncio.sleep(0.005)


def threads(live: Live) -> set[int | None]:
    """Return the counts that status tells."""
    return {row.threads for row in live.variant_statuses()}


def has(live: Live, count: int) -> bool:
    """Tell whether every rung has so many threads, and no other is left."""
    return threads(live) == {count} and not live.residence.is_leaving


async def closed(live: Live) -> None:
    """Wait until its workers have closed what was given to them to close."""
    meet = threading.Barrier(FOUR.workers)

    def arrive() -> None:
        meet.wait(10)

    for arrived in [live.scheduler.dispose(arrive) for _ in range(FOUR.workers)]:
        await asyncio.wrap_future(arrived)


async def test_caps_that_change_under_load_cost_no_request(tmp_path: Path) -> None:
    """Answers stay the same, memory and descriptors too; both runtimes."""
    holds = Owned(NORMAL)
    answered: Counter[str] = Counter()
    is_over = False

    async def asks(box: Box, variant: str) -> None:
        while not is_over:
            assert await box.ask(variant=variant) == [2.0] * 4
            answered[variant] += 1
            await asyncio.sleep(0)

    async def turn(live: Live) -> None:
        for now, count in ((THROTTLED, 2), (NORMAL, 4)):
            holds.set(now)
            await until(lambda: has(live, count))  # noqa: B023  # waited for at once

    def held() -> tuple[list[str], int, int]:
        gc.collect()
        own = Path("/proc/self")
        fds = sorted(
            str(fd.readlink()) for fd in (own / "fd").iterdir() if fd.is_symlink()
        )
        return fds, len(list((own / "task").iterdir())), Self().usage().rss_bytes

    async with (
        boxed(tmp_path) as (box, live),
        stewarded(box, holds),
        asyncio.TaskGroup() as group,
    ):
        for variant in ("big", "small", "big"):
            group.create_task(asks(box, variant))
        for _ in range(3):
            await turn(live)
        await closed(live)
        fds, tasks, rss = held()
        for _ in range(20):
            await turn(live)
        await closed(live)
        fds_after, tasks_after, rss_after = held()
        is_over = True

    assert min(answered.values()) > 20
    assert fds == fds_after
    assert tasks == tasks_after
    assert rss_after - rss < 8 << 20


async def test_a_release_that_begins_to_answer_obeys_what_holds(
    tmp_path: Path,
) -> None:
    """It is loaded as it was tried, and gets its share as soon as it answers."""
    holds = Owned(regime(Strategy.CRITICAL, caps={"priority_only": False}))
    box = Box(tmp_path, limits=FOUR)
    await box.start()

    async with stewarded(box, holds):
        await box.install(TWO)
        live = box.registry.live("sums")
        await until(lambda: has(live, 1))

        assert [2.0] * 4 == await box.ask(variant="small")
        assert {4} == {row.most_threads for row in live.variant_statuses()}
    box.close()


async def test_what_the_board_measured_decides_and_is_the_cost(
    tmp_path: Path,
) -> None:
    """A share is of the count that is best; the cost is that of the count it has."""

    def cost(threads: int, ms: float) -> Cost:
        return Cost(threads=threads, cpu_ms=2 * ms, busy_ms=ms, wall_ms=ms)

    holds = Owned(THROTTLED)
    async with boxed(tmp_path) as (box, live), stewarded(box, holds):
        await until(lambda: has(live, 2))
        measured = (cost(4, 8.0), cost(1, 9.0), cost(2, 5.0))
        proof = Proof(
            digest=live.digest,
            board=Board(runtimes={}, cpu=""),
            at_utc="",
            variants=(
                VariantProof(id="big", costs=measured),
                VariantProof(id="small", costs=(cost(4, 1.0), cost(2, 2.0))),
            ),
        )

        box.registry.proved("sums", proof)
        await until(lambda: [1, 2] == [row.threads for row in live.variant_statuses()])
        capped = [row.cost_ms for row in live.variant_statuses()]
        holds.set(NORMAL)
        await until(lambda: has(live, 4))

        assert [18.0, 4.0] == capped
        assert [16.0, 2.0] == [row.cost_ms for row in live.variant_statuses()]


async def test_one_thread_is_left_alone(tmp_path: Path) -> None:
    """Nothing is loaded anew where there is nothing to take away."""
    box = Box(tmp_path, limits=LIMITS)
    await box.start()
    await box.install(TWO)
    live = box.registry.live("sums")
    before = live.residence.rungs
    holds = Owned(NORMAL)

    async with stewarded(box, holds):
        for now in (regime(Strategy.CRITICAL), THROTTLED, NORMAL):
            holds.set(now)
            await asyncio.sleep(0.1)
            assert before == live.residence.rungs
    box.close()


async def test_one_that_does_not_load_keeps_what_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers on; the others are exchanged, and it is tried once."""
    holds = Owned(NORMAL)
    tried = []

    async with boxed(tmp_path) as (box, live), stewarded(box, holds):
        load = live.residence.load

        def fails(variant: Variant) -> Rung:
            tried.append(variant.id)
            if variant.id == "big":
                raise BadModel("cannot load big: no room", hint="make some")
            return load(variant)

        live.residence.load = fails  # type: ignore[method-assign]  # as a full box
        holds.set(THROTTLED)
        await until(lambda: threads(live) == {4, 2})
        await asyncio.sleep(0.2)

        assert [2.0] * 4 == await box.ask(variant="big")
    assert ["big", "small"] == tried
    assert "big keeps its threads: cannot load big: no room" in caplog.text


async def test_a_release_that_goes_while_its_rung_loads_leaves_nothing(
    tmp_path: Path,
) -> None:
    """It closes when the load has ended, and takes the new rung along."""
    holds = Owned(NORMAL)
    loading, go = threading.Event(), threading.Event()
    async with boxed(tmp_path) as (box, live), stewarded(box, holds):
        load = live.residence.load

        def slow(variant: Variant) -> Rung:
            loading.set()
            go.wait(10)
            return load(variant)

        live.residence.load = slow  # type: ignore[method-assign]  # only later
        holds.set(THROTTLED)
        await until(loading.is_set)
        box.registry.unload("sums")
        assert not live.is_closed
        go.set()
        await until(lambda: live.is_closed)
        await until(
            lambda: (
                not any(t.name.startswith("run-sums") for t in threading.enumerate())
            )
        )


async def test_a_request_under_way_keeps_its_rung_and_teaches_nothing() -> None:
    """The old one is closed when nobody has it; there are two at most."""
    gate = threading.Event()

    def held(feeds: Tensors) -> dict[str, Array]:
        gate.wait(10)
        assert not old.runs.closed  # type: ignore[attr-defined]  # `FunctionRuns`
        return {"y": feeds["x"]}

    live = ladder(held, threads=4)
    registry = registry_of(live)
    old = live.ladder.rungs[0]
    taught: list[str] = []

    def listens(variant: str, inputs: object, ns: int) -> None:  # noqa: ARG001  # as `learn`
        taught.append(variant)

    live.chooser.learn = listens  # type: ignore[method-assign]  # hears of lessons
    registry.obey(THROTTLED)
    new = ladder(held, threads=2).ladder.rungs[0]

    async with asyncio.TaskGroup() as group:
        ask = partial(registry.infer, asked(variant="big"))
        asks = [group.create_task(ask()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert live.residence.unfitting() == old.variant
        live.exchange(new)
        live.bury()
        registry.obey(regime(Strategy.CRITICAL))
        assert live.residence.unfitting() == live.ladder.rungs[1].variant  # not big
        assert live.residence.is_leaving
        gate.set()

    assert ["big"] * 3 == [each.result().variant for each in asks]
    assert [] == taught
    live.bury()
    await until(lambda: old.runs.closed)  # type: ignore[attr-defined]  # as above
    await asyncio.wrap_future(live.close_now())
    assert new.runs.closed  # type: ignore[attr-defined]  # as above
