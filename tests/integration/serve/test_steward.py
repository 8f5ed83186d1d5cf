"""The service that lets models do as the strategy in force says."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from edged.adapt.regime import Regime
from edged.errors import NotReady
from edged.runtime.base import Array, Tensors
from edged.serve.ladder import Rung
from edged.serve.registry import Registry
from edged.serve.steward import Steward
from edged.watch import Owned
from edged.wire.adapt import Axis, Headroom, Strategy
from edged.wire.release import BackendName, Variant
from tests.data import onnx_files
from tests.data.tflite_files import adder
from tests.fakes.box import Box, bundle
from tests.fakes.ladders import asked, ladder, regime
from tests.fakes.models import registry_of


async def test_what_holds_is_obeyed_from_the_start_and_when_it_changes() -> None:
    """Each model's choice follows it, the sooner the better."""
    live = ladder()
    registry = registry_of(live)
    holds = Owned(regime(Strategy.CRITICAL))
    ready = asyncio.Event()
    seen = []
    async with asyncio.TaskGroup() as group:
        life = group.create_task(Steward(registry, holds.watch).run(ready.set))
        await ready.wait()

        seen.append(live.chooser.choose(asked()).rung.id)
        for strategy in (Strategy.LIGHTWEIGHT, Strategy.NORMAL):
            holds.set(regime(strategy))
            await asyncio.sleep(0.01)
            seen.append(live.chooser.choose(asked()).rung.id)
        life.cancel()

    assert ["small", "mid", "big"] == seen
    with suppress(asyncio.CancelledError):
        await life
    await asyncio.wrap_future(live.close_now())


def obeys(registry: Registry, now: Regime) -> bool:
    """Tell whether a registry does as holds."""
    return registry.conditions.regime is now


async def test_another_strategy_is_news_and_a_warmer_box_is_none() -> None:
    """Who writes the status down is woken for the first, not for each half degree."""
    live = ladder()
    registry = registry_of(live)
    holds = Owned(regime())
    ready = asyncio.Event()
    revisions = [registry.revision.value]
    async with asyncio.TaskGroup() as group:
        life = group.create_task(Steward(registry, holds.watch).run(ready.set))
        await ready.wait()

        for now in (
            regime(Strategy.THROTTLED),
            regime(Strategy.THROTTLED, temp_c=70.0),
            regime(Strategy.THROTTLED, by="pi"),
            regime(),
        ):
            holds.set(now)
            await until(partial(obeys, registry, now))
            revisions.append(registry.revision.value)
        life.cancel()

    grown = [after > before for before, after in pairwise(revisions)]
    assert [True, False, True, True] == grown
    with suppress(asyncio.CancelledError):
        await life
    await asyncio.wrap_future(live.close_now())


THREE = bundle(
    extra={"mid.onnx": onnx_files.adder(dims=(1, 4)), "small.tflite": adder()},
    variants=(
        Variant(id="big", backend=BackendName.ONNX, file="model.onnx"),
        Variant(id="mid", backend=BackendName.ONNX, file="mid.onnx"),
        Variant(id="small", backend=BackendName.LITERT, file="small.tflite"),
    ),
)


def memory(value: float | None) -> Headroom:
    """Return the headroom of memory."""
    return Headroom(axis=Axis.MEMORY, value=value)


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


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110  # no event outside
            await asyncio.sleep(0.01)


async def test_short_memory_takes_rungs_and_gives_them_back(tmp_path: Path) -> None:
    """Nobody's request fails for it, all the while; real runtimes, real threads."""
    box = Box(tmp_path)
    await box.start()
    await box.install(THREE)
    live = box.registry.live("sums")
    holds = Owned(regime(memory=memory(0.9)))
    answered = 0
    is_over = False

    async def asks() -> None:
        nonlocal answered
        while not is_over:
            assert await box.ask() == [2.0] * 4
            answered += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group, stewarded(box, holds):
        group.create_task(asks())
        held = []
        for _ in range(3):
            holds.set(regime(memory=memory(0.1)))
            await until(lambda: live.variants == ("big",))
            with pytest.raises(NotReady, match="let go of, memory is short"):
                await box.ask(variant="small")
            rows = {v.id: v for v in live.variant_statuses()}
            held.append((rows["mid"].loaded, rows["mid"].passed_over))
            holds.set(regime(memory=memory(0.9)))
            await until(lambda: live.variants == ("big", "mid", "small"))
            assert await box.ask(variant="small") == [2.0] * 4
        is_over = True

    assert [(False, "it is not in memory: memory is short")] * 3 == held
    assert answered > 10
    assert not live.residence.is_stirred
    box.close()


async def test_what_is_asked_for_stays_where_memory_is_short(tmp_path: Path) -> None:
    """Only what nobody used since the last look goes."""
    box = Box(tmp_path)
    await box.start()
    await box.install(THREE)
    live = box.registry.live("sums")
    holds = Owned(regime(memory=memory(0.1)))

    async with stewarded(box, holds):
        while "mid" in live.variants:
            assert await box.ask(variant="small") == [2.0] * 4
            await asyncio.sleep(0.005)

        assert live.variants == ("big", "small")
    box.close()


async def test_memory_that_is_not_known_changes_nothing(tmp_path: Path) -> None:
    """Neither does what lies between short and eased."""
    box = Box(tmp_path)
    await box.start()
    await box.install(THREE)
    live = box.registry.live("sums")
    holds = Owned(regime(memory=memory(None)))

    async with stewarded(box, holds):
        for value in (None, 0.4, None, 1.0):
            holds.set(regime(memory=memory(value)))
            await asyncio.sleep(0.12)
            assert live.variants == ("big", "mid", "small")
    box.close()


async def test_a_release_that_goes_while_its_rung_loads_leaves_nothing(
    tmp_path: Path,
) -> None:
    """It closes when the load has ended, and takes the new rung along."""
    box = Box(tmp_path)
    await box.start()
    await box.install(THREE)
    live = box.registry.live("sums")
    holds = Owned(regime(memory=memory(0.1)))
    async with stewarded(box, holds):
        await until(lambda: live.variants == ("big",))
        loading, go = threading.Event(), threading.Event()
        load = live.residence.load

        def slow(variant: Variant) -> Rung:
            loading.set()
            go.wait(10)
            return load(variant)

        live.residence.load = slow  # type: ignore[method-assign]  # only later
        holds.set(regime(memory=memory(0.9)))
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
    box.close()


async def test_requests_that_wait_for_a_rung_that_goes_are_answered() -> None:
    """It closes when the last of them is; until then it holds its memory."""
    gate = threading.Event()

    def held(feeds: Tensors) -> dict[str, Array]:
        gate.wait(10)
        assert not small.runs.closed  # type: ignore[attr-defined]  # `FunctionRuns`
        return {"y": feeds["x"]}

    live = ladder(held)
    small = live.ladder.rungs[-1]
    registry = registry_of(live)
    live.spare()
    live.spare()  # everything but the best goes: nobody used it
    live.residence.take(small)
    live.chooser.house(live.residence.rungs, live.residence.away)

    async with asyncio.TaskGroup() as group:
        asks = [
            group.create_task(registry.infer(asked(variant="small"))) for _ in range(3)
        ]
        await asyncio.sleep(0.01)
        live.spare()
        live.bury()
        assert ("big",) == live.variants
        gate.set()

    assert ["small"] * 3 == [each.result().variant for each in asks]
    live.bury()
    await until(lambda: small.runs.closed)  # type: ignore[attr-defined]  # as above
    await asyncio.wrap_future(live.close_now())
