"""Models that nobody asks sleep, and wake when somebody does.

Store, registry, agent, runtimes and doors are real; only times are short.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from edged.activate import judge, probation
from edged.activate.agent import Rules
from edged.activate.sleeper import Sleeper
from edged.errors import (
    BadModel,
    DeadlineExceeded,
    InvalidTensor,
    LowPriority,
    NoMemory,
    NotReady,
    QueueFull,
)
from edged.host.headroom import available_bytes
from edged.serve.live import Live
from edged.serve.request import Sequence
from edged.serve.slumber import Slumber
from edged.store.releases import Release
from edged.wire.adapt import Strategy
from edged.wire.messages import ModelPhase
from edged.wire.proofs import Proof
from tests.data import onnx_files
from tests.fakes.box import Box, bundle, totals
from tests.fakes.doors import Caller, Reply, binary, doors, exchange, post
from tests.fakes.ladders import regime

DOUBLED = [2.0] * 4
NEGATED = onnx_files.unary("Neg", dims=(1, 4))
SLOW = Rules(
    trial=judge.Rules(),
    probation=probation.Rules(
        duration_s=60.0, inferences=1000, error_share=0.05, slowdown=3.0
    ),
)
IN_JSON = post(
    b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[1,1,1,1]}]}',
    model="sums",
)
IN_BINARY = binary({"x": np.ones((1, 4), "<f4")}, model="sums")


@asynccontextmanager
async def dozing(box: Box, after_s: float = 0.1) -> AsyncIterator[Sleeper[Live]]:
    """Let models of a box sleep after so long."""
    sleeper = Sleeper(
        box.agent, Slumber(box.registry), box.regime.watch, floor_s=after_s / 2
    )
    hold(box, idle_unload_s=after_s)
    ready = asyncio.Event()
    life = asyncio.get_running_loop().create_task(sleeper.run(ready.set))
    await ready.wait()
    try:
        yield sleeper
    finally:
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life


def hold(box: Box, strategy: Strategy = Strategy.NORMAL, **caps: object) -> None:
    """Let a strategy be in force."""
    now = regime(strategy, caps=caps)
    box.registry.obey(now)
    box.regime.set(now)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # no event outside
            await asyncio.sleep(0.01)


async def asleep(box: Box, name: str = "sums") -> None:
    """Wait until a model sleeps and its memory is free."""
    await until(lambda: box.registry.status(name).phase is ModelPhase.ASLEEP)
    async with box.shop.turn:
        pass


def large(megabytes: int) -> dict[str, bytes]:
    """Return a bundle of `y = x + sum(x w)`; w is 0, and as large as that."""
    size = megabytes << 20
    weights = onnx_files.tensor(onnx_files.field(9, bytes(size)), dims=(4, size // 16))
    model = onnx_files.model(
        [
            onnx_files.node("MatMul", ["x", "w"], ["h"]),
            onnx_files.node("ReduceSum", ["h"], ["s"]),
            onnx_files.node("Add", ["x", "s"], ["y"]),
        ],
        [onnx_files.value_info("x", onnx_files.FLOAT, (1, 4))],
        [onnx_files.value_info("y", onnx_files.FLOAT, (1, 4))],
        tensors=[weights],
    )
    return bundle(model)


def threads(name: str = "run-sums") -> list[str]:
    """Return the names of a model's workers."""
    return [t.name for t in threading.enumerate() if t.name.startswith(name)]


def gated(box: Box) -> tuple[threading.Event, threading.Event]:
    """Let the next loads wait; return what tells that one began, and lets it go on."""
    began, go = threading.Event(), threading.Event()
    prepare = box.registry.prepare

    def slow(*args: Any, **more: Any) -> Live:
        began.set()
        go.wait(10)
        return prepare(*args, **more)

    box.registry.prepare = slow  # type: ignore[method-assign]  # only later
    return began, go


async def test_it_sleeps_when_nobody_asked_and_wakes_when_somebody_does(
    box: Box,
) -> None:
    """Ready all the time; what was counted goes on; nothing is in the journal."""
    await box.install(bundle())
    assert await box.ask() == DOUBLED
    journal = box.steps()
    async with dozing(box):
        await asleep(box)
        told = box.registry.status("sums")
        await until(lambda: not threads())
        box.regime.set(regime(caps={"idle_unload_s": 60.0}))
        answer = await box.ask()
        woken = box.registry.status("sums")

    assert (ModelPhase.ASLEEP, "1.1", 1) == (told.phase, told.version, told.requests)
    assert [False] == [variant.loaded for variant in told.variants]
    assert (DOUBLED, ModelPhase.READY) == (answer, woken.phase)
    assert (2, 2, 0) == (woken.requests, box.registry.loads["ok"], woken.failures)
    assert (0, journal) == (box.registry.switches, box.steps())


async def test_a_burst_at_both_doors_is_answered_with_one_load(box: Box) -> None:
    """A hundred callers, in JSON and in binary, and sequences beside them."""
    await box.install(bundle())
    async with dozing(box), doors(registry=box.registry) as here:
        await exchange(here.express, IN_JSON)  # it has a plan
        await asleep(box)
        loads = box.registry.loads["ok"]
        began, go = gated(box)
        paths = [here.express, here.plain]
        callers = [Caller(path) for path in paths for _ in range(25)]
        for i, caller in enumerate(callers):
            await caller.send(IN_JSON if i % 2 else IN_BINARY)
        await until(began.is_set)
        await until(lambda: box.registry.status("sums").waiting == len(callers))
        ready = [
            (await exchange(path, b"GET /v2/models/sums/ready HTTP/1.1\r\n"
             b"Host: edged\r\n\r\n")).status
            for path in paths
        ]  # fmt: skip
        go.set()
        replies: list[Reply | None] = [await caller.reply() for caller in callers]
        for caller in callers:
            caller.close()

    assert {200} == {reply.status for reply in replies if reply}
    assert (50, [200, 200]) == (len([r for r in replies if r]), ready)
    assert 1 == box.registry.loads["ok"] - loads


async def test_a_model_that_is_asked_does_not_sleep(box: Box) -> None:
    """Each answer begins the time anew."""
    await box.install(bundle())
    async with dozing(box, after_s=0.5):
        began_s = time.monotonic()
        while time.monotonic() - began_s < 1.5:
            assert await box.ask() == DOUBLED
            await asyncio.sleep(0.01)
        assert 1 == box.registry.loads["ok"]
        await asleep(box)


async def test_open_sequences_and_pins_keep_it_awake(box: Box) -> None:
    """So does a body that arrives."""
    await box.install(totals())
    await box.install(bundle())
    async with dozing(box):
        start = Sequence(id="s", start=True, end=False)
        await box.ask(model="totals", sequence=start)
        with box.registry.pinned("sums", None):
            await asyncio.sleep(0.5)
            phases = {box.registry.status(n).phase for n in ("sums", "totals")}
        end = Sequence(id="s", start=False, end=True)
        assert await box.ask(model="totals", sequence=end) == DOUBLED
        await asleep(box, "totals")
        await asleep(box)
        again = await box.ask(
            model="totals", sequence=Sequence(id="t", start=True, end=True)
        )

    assert {ModelPhase.READY} == phases
    assert [1.0] * 4 == again


async def test_nothing_sleeps_in_probation(tmp_path: Path) -> None:
    """What is watched must answer; when it is committed it may sleep."""
    box = Box(tmp_path, rules=SLOW)
    await box.start()
    await box.install(bundle())
    async with dozing(box):
        await asleep(box)
        await box.install(bundle(NEGATED, seq=2))
        await asyncio.sleep(0.5)
        watched = box.registry.status("sums").phase
        home = await box.rollback()
        await asleep(box)
        answer = await box.ask()

    assert (ModelPhase.READY, True, DOUBLED) == (watched, home.changed, answer)
    box.close()


async def test_nothing_sleeps_while_a_release_is_on_its_way(box: Box) -> None:
    """Not even if its trial takes long."""
    await box.install(bundle())
    go = threading.Event()
    box.trial.before = lambda: bool(go.wait(10))  # type: ignore[assignment,return-value]
    loop = asyncio.get_running_loop()
    coming = loop.create_task(box.install(bundle(NEGATED, seq=2)))
    await until(lambda: box.agent.passage.is_busy)
    async with dozing(box):
        await asyncio.sleep(0.5)
        phase = box.registry.status("sums").phase
        go.set()
        await coming

    assert ModelPhase.READY is phase


@pytest.mark.parametrize("verb", ["install", "rollback", "unload", "remove", "load"])
async def test_changes_of_a_model_that_sleeps(box: Box, verb: str) -> None:
    """They find what they would find of one that is awake."""
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    async with dozing(box):
        await asleep(box)
        hold(box, idle_unload_s=60.0)
        match verb:
            case "install":
                await box.install(bundle(seq=3))
                assert await box.ask() == DOUBLED
            case "rollback":
                await box.rollback()
                assert await box.ask() == DOUBLED
            case "load":
                assert (await box.load()).changed
                assert ModelPhase.READY is box.registry.status("sums").phase
                assert not (await box.load()).changed
            case "unload":
                assert (await box.unload()).changed
                with pytest.raises(NotReady, match="unloaded"):
                    await box.ask()
            case _:
                await box.remove()
                assert () == box.registry.names()
    assert [] == threads() or verb in {"install", "rollback", "load"}


async def test_a_change_that_comes_while_it_wakes(box: Box) -> None:
    """Those who wait are answered, by what woke or by what came."""
    await box.install(bundle())
    async with dozing(box):
        await asleep(box)
        hold(box, idle_unload_s=60.0)
        began, go = gated(box)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(box.ask())
            await until(began.is_set)
            new = group.create_task(box.install(bundle(NEGATED, seq=2)))
            later = group.create_task(box.ask())
            await asyncio.sleep(0.05)
            go.set()
        assert [DOUBLED] * 2 == [first.result(), later.result()]
        assert new.result().changed
        assert await box.ask() == [-1.0] * 4


async def test_one_that_does_not_load_any_more_says_so(box: Box) -> None:
    """Rotten files are not run, not even on demand; a person mends it."""
    await box.install(bundle())
    async with dozing(box):
        await asleep(box)
        file = next(box.layout.root.rglob("model.onnx"))
        whole = file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(whole[:-1] + b"\x00")
        with pytest.raises(NotReady, match=r"cannot load .*model\.onnx"):
            await box.ask()
        assert ModelPhase.FAILED is box.registry.status("sums").phase
        file.write_bytes(whole)
        await box.load()
        assert await box.ask() == DOUBLED


async def test_what_was_before_serves_where_it_does_not_load(box: Box) -> None:
    """As a start has it."""
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    async with dozing(box):
        await asleep(box)
        live = box.live_folder()
        assert live is not None
        for file in (box.layout.releases("sums") / live).rglob("model.onnx"):
            file.chmod(0o644)
            file.write_bytes(b"rotten")
        assert await box.ask() == DOUBLED


async def test_too_little_memory_is_busy_and_it_sleeps_on(box: Box) -> None:
    """The next one who asks is not told of the past."""
    await box.install(bundle())
    prove = box.trial.holds
    async with dozing(box):
        await asleep(box)

        def enormous(release: Release) -> object:
            proof = prove(release)
            assert proof is not None
            each = tuple(
                msgspec.structs.replace(v, held_bytes=1 << 50) for v in proof.variants
            )
            return msgspec.structs.replace(proof, variants=each)

        box.trial.holds = enormous  # type: ignore[method-assign,assignment]  # as above
        with pytest.raises(NoMemory, match="cannot load sums again now") as told:
            await box.ask()
        phase = box.registry.status("sums").phase
        box.trial.holds = prove  # type: ignore[method-assign]  # as it was
        answer = await box.ask()

    assert told.value.retry_after_s > 0
    assert (ModelPhase.ASLEEP, DOUBLED) == (phase, answer)


async def test_who_would_be_refused_wakes_nobody(box: Box) -> None:
    """A wrong shape; a request that is not urgent while that counts; too many."""
    await box.install(bundle())
    async with dozing(box):
        await asleep(box)
        with pytest.raises(InvalidTensor):
            await box.ask(np.ones((2, 2), "<f4"))
        hold(box, Strategy.CRITICAL, queue=1)
        with pytest.raises(LowPriority):
            await box.ask()
        assert 1 == box.registry.loads["ok"]
        began, go = gated(box)
        first = asyncio.get_running_loop().create_task(box.ask(priority=1))
        await until(began.is_set)
        with pytest.raises(QueueFull):
            await box.ask(priority=1)
        go.set()
        assert await first == DOUBLED


async def test_deadlines_hold_while_it_wakes(box: Box) -> None:
    """A slow load keeps nobody longer than they said."""
    await box.install(bundle())
    async with dozing(box):
        await asleep(box)
        hold(box, idle_unload_s=60.0)
        began, go = gated(box)
        with pytest.raises(DeadlineExceeded):
            await box.ask(deadline_s=time.monotonic() + 0.2)
        assert began.is_set()
        go.set()
        assert await box.ask() == DOUBLED
        assert 2 == box.registry.loads["ok"]


async def test_a_variant_that_does_not_run_does_not_wake(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It did answer, so it sleeps on and is tried again; nothing takes its place."""
    monkeypatch.setattr("edged.activate.sleeper.RETRY_S", 0.3)
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    async with dozing(box):
        await asleep(box)
        live = box.live_folder()
        prepare = box.registry.prepare
        tried = 0

        def broken(*args: Any, **more: Any) -> Live:
            nonlocal tried
            tried += 1
            live = prepare(*args, **more)

            def fails(*_: object) -> None:
                raise BadModel("cannot run it: no")

            live.ladder.rungs[0].run = fails  # type: ignore[method-assign,assignment]
            return live

        box.registry.prepare = broken  # type: ignore[method-assign]  # only later
        for _ in range(3):
            with pytest.raises(NotReady, match="cannot run it: no"):
                await box.ask()
        await until(lambda: not threads())
        assert (1, ModelPhase.ASLEEP) == (tried, box.registry.status("sums").phase)
        assert ["not-ready"] == [trouble.code for trouble in box.shop.troubles]

        box.registry.prepare = prepare  # type: ignore[method-assign]  # as it was
        await asyncio.sleep(0.3)
        assert await box.ask() == [-1.0] * 4
        assert ((), live) == (box.shop.troubles, box.live_folder())


async def test_a_start_after_a_crash_while_it_slept(tmp_path: Path) -> None:
    """Nothing of sleep is on disk: what is live is loaded, and answers."""
    box = Box(tmp_path)
    await box.start()
    await box.install(bundle())
    async with dozing(box):
        await asleep(box)
    next_one = Box(tmp_path, boot="another")
    await next_one.start()

    assert ModelPhase.READY is next_one.registry.status("sums").phase
    assert await next_one.ask() == DOUBLED
    next_one.close()
    box.close()


async def test_a_person_who_stops_and_starts_it_many_times_loses_no_request(
    box: Box,
) -> None:
    """It sleeps and wakes under its callers, again and again."""
    await box.install(bundle())
    async with dozing(box, after_s=0.02):

        async def asks(pause_s: float) -> None:
            for _ in range(15):
                assert await box.ask() == DOUBLED
                await asyncio.sleep(pause_s)

        async with asyncio.TaskGroup() as group:
            for pause_s in (0.05, 0.08, 0.11):
                group.create_task(asks(pause_s))
        await asleep(box)

    assert 45 == box.registry.status("sums").requests
    assert box.registry.loads["ok"] > 2
    assert 0 == box.registry.loads["failed"]


async def test_its_memory_falls(box: Box) -> None:
    """A model of 64 MB is given back to the system, and is there again on demand."""
    await box.install(large(64))
    process = psutil.Process()
    async with dozing(box):
        await box.ask()
        awake = process.memory_info().rss
        await asleep(box)
        away = process.memory_info().rss
        assert len(await box.ask()) == 4

    assert awake - away > 40 << 20


async def test_one_that_sleeps_makes_no_room_for_another(box: Box) -> None:
    """A release that would fit in its place does not, where nothing is there."""
    await box.install(bundle())
    prove = box.trial.holds
    need = available_bytes() + (1 << 30)
    box.trial.found["1.2", "fp32"] = {"held_bytes": need}

    def enormous(release: Release) -> Proof | None:
        proof = prove(release)
        if proof is None or release.manifest.seq != 1:
            return proof
        (one,) = proof.variants
        large = msgspec.structs.replace(one, held_bytes=1 << 50)
        return msgspec.structs.replace(proof, variants=(large,))

    box.trial.holds = enormous  # type: ignore[method-assign]  # only later
    async with dozing(box):
        await asleep(box)
        with pytest.raises(NoMemory):
            await box.install(bundle(NEGATED, seq=2))
        await box.load()
        hold(box, idle_unload_s=60.0)
        await box.install(bundle(NEGATED, seq=2))
        assert await box.ask() == [-1.0] * 4


async def test_only_what_is_held_makes_room_for_another(tmp_path: Path) -> None:
    """What answers, and what can go back at once; no closed one, and no sleeper."""
    box = Box(tmp_path, rules=SLOW)
    await box.start()
    await box.install(bundle())
    one = box.shop.in_memory("sums")
    await box.install(bundle(NEGATED, seq=2))
    both = box.shop.in_memory("sums")
    box.registry.let_go("sums")
    alone = box.shop.in_memory("sums")

    assert (1, 2, 1) == (len(one), len(both), len(alone))
    assert both - alone == one
    assert frozenset() == box.shop.in_memory("nobody")
    box.close()


async def test_another_strategy_moves_the_time(box: Box) -> None:
    """At once; "at once" is after the floor."""
    await box.install(bundle())
    async with dozing(box) as sleeper:
        hold(box, idle_unload_s=3600.0)
        await box.ask()
        await asyncio.sleep(0.4)
        phase = box.registry.status("sums").phase
        told = repr(sleeper)
        hold(box, Strategy.CRITICAL)
        await asleep(box)

    assert (ModelPhase.READY, "after 3600 s: sums") == (phase, told)
    assert "after 0.05 s: nothing is awake" == repr(sleeper)


async def test_a_bug_that_keeps_it_from_waking_is_told(box: Box) -> None:
    """Who waits hears of it, and it is no crash of the daemon."""
    await box.install(bundle())
    async with dozing(box):
        await asleep(box)

        def broken(_: Release) -> Proof | None:
            raise ValueError("a bug")

        box.trial.holds = broken  # type: ignore[method-assign]  # only later
        with pytest.raises(NotReady, match="cannot load sums: a bug in edged"):
            await box.ask()
