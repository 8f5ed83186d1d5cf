"""Requests that wait while a release makes room for another."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import numpy as np
import pytest

from edged.errors import (
    BadModel,
    Busy,
    DeadlineExceeded,
    EdgedError,
    InvalidTensor,
    NotReady,
    QueueFull,
)
from edged.runtime.base import Array, Tensors
from edged.serve.live import Live
from edged.serve.reception import Ticket
from edged.serve.registry import Registry
from edged.serve.request import InferRequest, InferResponse, Sequence
from edged.wire.messages import ModelPhase
from edged.wire.tensors import Datatype
from tests.fakes.box import Box
from tests.fakes.models import live_model, registry_of, signature

ONES = np.ones(3, "<f4")


def version(
    number: int,
    function: Callable[[Tensors], dict[str, Array]] = dict,
    datatype: Datatype = Datatype.FP32,
) -> Live:
    """Return a release of the model `m`."""
    tensor = ("x", datatype, (-1,))
    of = signature([tensor], [tensor])
    return live_model("m", of, function, version=f"{number}", variants=("best",))


class Asked:
    """Requests that were submitted, and what became of them, in that order."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.told: list[str] = []

    def ask(self, name: str, *, x: Array = ONES, within_s: float = 5.0) -> Ticket:
        """Submit one."""
        request = InferRequest(
            model="m", inputs={"x": x}, deadline_s=time.monotonic() + within_s
        )
        return self._registry.submit(request, partial(self._done, name))

    def _done(self, name: str, outcome: InferResponse | BaseException) -> None:
        what = type(outcome).__name__
        if isinstance(outcome, InferResponse):
            what = outcome.version
        self.told.append(f"{name} {what}")

    async def all_told(self, count: int) -> list[str]:
        """Wait until so many are told."""
        async with asyncio.timeout(5):
            while len(self.told) < count:  # noqa: ASYNC110  # told by callback
                await asyncio.sleep(0.005)
        return self.told


async def test_who_waits_is_answered_by_the_new_one_in_order() -> None:
    """A parked model looks alive, with its old signature; nothing runs meanwhile."""
    registry = registry_of(version(1))
    asked = Asked(registry)

    await registry.park("m")
    for name in "abc":
        asked.ask(name)
    await asyncio.sleep(0.02)
    meanwhile = list(asked.told)
    status = registry.status("m")
    registry.switch(version(2))

    assert [] == meanwhile
    assert (ModelPhase.READY, 3, "1") == (status.phase, status.inflight, status.version)
    assert 3 == status.waiting
    assert ["a 2", "b 2", "c 2"] == await asked.all_told(3)
    assert 0 == registry.status("m").inflight
    registry.forget("m")


async def test_what_is_in_flight_ends_before_the_old_one_closes() -> None:
    """And only then park returns; by then the memory is given back."""
    hold = threading.Event()
    order: list[str] = []

    def slow(feeds: Tensors) -> dict[str, Array]:
        hold.wait(5)
        order.append("ran")
        return dict(feeds)

    old = version(1, slow)
    registry = registry_of(old)
    asked = Asked(registry)
    asked.ask("early")
    await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        parked = group.create_task(registry.park("m"))
        parked.add_done_callback(lambda _: order.append("parked"))
        await asyncio.sleep(0.02)
        asked.ask("late")
        hold.set()
    closed = old.ladder.rungs[0].runs.closed  # type: ignore[attr-defined]  # a fake
    registry.switch(version(2))

    assert closed
    assert ["ran", "parked"] == order
    assert ["early 1", "late 2"] == await asked.all_told(2)
    registry.forget("m")


async def test_a_run_that_hangs_does_not_hang_the_change() -> None:
    """The old release serves on, and those who waited come first."""
    hold = threading.Event()

    def slow(feeds: Tensors) -> dict[str, Array]:
        hold.wait(5)
        return dict(feeds)

    registry = registry_of(version(1, slow))
    registry.limits = msgspec.structs.replace(registry.limits, default_timeout_s=0.1)
    asked = Asked(registry)
    asked.ask("hangs")
    await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        parked = group.create_task(_outcome(registry.park("m")))
        await asyncio.sleep(0.02)
        asked.ask("waits")
    asked.ask("later")
    hold.set()

    assert isinstance(parked.result(), Busy)
    assert "a run of it has not ended for 0.1 s" in str(parked.result())
    assert ["hangs 1", "waits 1", "later 1"] == await asked.all_told(3)
    registry.forget("m")


async def test_the_bound_and_each_deadline_hold_while_waiting() -> None:
    """Beyond the bound there is a Retry-After; whoever goes away makes room."""
    registry = registry_of(version(1), queue_length=2)
    old = registry.live("m")
    asked = Asked(registry)
    await registry.park("m")

    asked.ask("short", within_s=0.05)
    gone = asked.ask("gone")
    with pytest.raises(QueueFull, match="its bound is 2") as full:
        asked.ask("third")
    with pytest.raises(QueueFull):
        await registry.infer(InferRequest(model="m", inputs={"x": ONES}))
    gone.cancel()
    asked.ask("fourth")
    late = await asked.all_told(1)
    with pytest.raises(DeadlineExceeded):
        asked.ask("passed", within_s=-1.0)

    assert full.value.retry_after_s > 0
    assert ["short DeadlineExceeded"] == late
    registry.switch(version(2))
    assert ["short DeadlineExceeded", "fourth 2"] == await asked.all_told(2)
    assert {"queue-full": 2, "deadline-exceeded": 2} == dict(old.stats.rejected)
    registry.forget("m")


async def test_the_default_deadline_runs_from_the_first_moment() -> None:
    """Waiting is not a new request; the limits are those in force."""
    registry = registry_of(version(1))
    registry.limits = msgspec.structs.replace(registry.limits, default_timeout_s=0.05)
    await registry.park("m")

    with pytest.raises(DeadlineExceeded, match="while its release was loaded"):
        await registry.infer(InferRequest(model="m", inputs={"x": ONES}))

    registry.forget("m")


async def test_the_deadline_is_the_same_before_and_after() -> None:
    """Who has waited has so much less time for its run."""
    registry = registry_of(version(1))
    await registry.park("m")
    began_s = time.monotonic()
    parking = registry._models["m"].parking
    turn = asyncio.get_running_loop().create_task(
        parking.turn(InferRequest(model="m", inputs={"x": ONES}))
    )
    await asyncio.sleep(0.05)

    registry.switch(version(2))
    asked = await turn

    default_s = registry.limits.default_timeout_s
    assert asked.deadline_s is not None
    assert 0 <= asked.deadline_s - began_s - default_s < 0.04
    registry.forget("m")


async def test_what_the_new_one_does_not_take_is_told_to_its_caller() -> None:
    """Those behind are answered all the same."""
    registry = registry_of(version(1))
    asked = Asked(registry)
    await registry.park("m")
    asked.ask("float")
    asked.ask("whole", x=np.ones(3, "<i4"))

    registry.switch(version(2, datatype=Datatype.INT32))

    assert ["float InvalidTensor", "whole 2"] == await asked.all_told(2)
    with pytest.raises(InvalidTensor):
        asked.ask("again")
    registry.forget("m")


async def test_when_nothing_could_be_loaded_all_are_told_why() -> None:
    """Those who waited, those who come after, and people."""
    registry = registry_of(version(1))
    asked = Asked(registry)
    await registry.park("m")
    asked.ask("a")
    waiting = asyncio.get_running_loop().create_task(
        _outcome(registry.infer(InferRequest(model="m", inputs={"x": ONES})))
    )
    await asyncio.sleep(0)

    registry.unpark("m", BadModel("cannot load m: the card is gone", hint="reboot"))

    outcome = await waiting
    assert ["a NotReady"] == asked.told
    assert isinstance(outcome, NotReady)
    assert "cannot use m: cannot load m: the card is gone" == outcome.message
    assert "reboot" == outcome.hint
    with pytest.raises(NotReady, match="the card is gone"):
        asked.ask("after")
    assert ModelPhase.FAILED is registry.status("m").phase
    registry.forget("m")


async def test_unloading_ends_the_wait() -> None:
    """Nobody waits for what nobody will bring."""
    registry = registry_of(version(1))
    asked = Asked(registry)
    await registry.park("m")
    asked.ask("a")

    registry.unload("m")

    assert ["a NotReady"] == asked.told


async def test_a_caller_that_goes_away_is_not_asked_for() -> None:
    """Before the switch, and between the switch and the answer."""
    ran: list[int] = []

    def count(feeds: Tensors) -> dict[str, Array]:
        ran.append(1)
        return dict(feeds)

    registry = registry_of(version(1))
    asked = Asked(registry)
    await registry.park("m")
    first, second = asked.ask("first"), asked.ask("second")
    waiting = asyncio.get_running_loop().create_task(
        _outcome(registry.infer(InferRequest(model="m", inputs={"x": ONES})))
    )
    await asyncio.sleep(0)
    first.cancel()
    waiting.cancel()
    await asyncio.sleep(0)

    registry.switch(version(2, count))
    second.cancel()
    await asyncio.sleep(0.05)

    assert [] == asked.told
    assert len(ran) <= 1
    assert 0 == registry.status("m").inflight
    registry.forget("m")


async def test_a_version_that_is_named_waits_too() -> None:
    """Its body began to arrive before; the release that it named is gone by then."""
    registry = registry_of(version(1))
    told: list[str] = []
    request = InferRequest(model="m", version="1", inputs={"x": ONES})
    with registry.pinned("m", "1") as pin:
        await registry.park("m")
        registry.submit(request, lambda outcome: told.append(str(outcome)), pin)
        registry.switch(version(2))

    assert ["cannot find version '1' of m: 2 is the live one"] == told
    registry.forget("m")


async def test_sequences_end_and_new_ones_begin_on_the_new_release(box: Box) -> None:
    """A real model with state: what is started while it is parked counts from one."""
    ask = partial(box.ask, model="totals")
    await ask(sequence=Sequence(id="a", start=True))
    await ask(sequence=Sequence(id="a"))
    release = box.registry.live("totals").release

    await box.registry.park("totals")
    starting = asyncio.get_running_loop().create_task(
        ask(sequence=Sequence(id="b", start=True))
    )
    going = asyncio.get_running_loop().create_task(
        _outcome(ask(sequence=Sequence(id="a")))
    )
    await asyncio.sleep(0.02)
    box.registry.switch(box.registry.prepare(release, {}, strict=True, rotten={}))

    assert [1.0] * 4 == await starting
    assert "it is not open" in str(await going)
    assert [2.0] * 4 == await ask(sequence=Sequence(id="b"))


async def test_a_real_release_is_exchanged_under_load(box: Box) -> None:
    """Twenty times, while callers ask: each one is answered."""
    release = box.registry.live("sums").release
    answers: list[list[float]] = []
    over = asyncio.Event()

    async def ask() -> None:
        while not over.is_set():
            answers.append(await box.ask())

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(ask())
        for _ in range(20):
            await box.registry.park("sums")
            box.registry.switch(
                box.registry.prepare(release, {}, strict=True, rotten={})
            )
            await asyncio.sleep(0.005)
        over.set()

    assert len(answers) >= 80
    assert all(answer == [2.0] * 4 for answer in answers)
    assert 20 == box.registry.switches


async def test_a_model_that_is_not_loaded_is_not_parked(box: Box) -> None:
    """There is nothing to exchange, and nobody need wait."""
    box.registry.unload("sums")

    await box.registry.park("sums")
    await box.registry.park("nobody")

    assert "nobody" not in box.registry.names()
    with pytest.raises(NotReady, match="it is unloaded"):
        await box.ask()


async def _outcome(waited: Awaitable[object]) -> object:
    """Return what is awaited, or the error that it raises."""
    try:
        return await waited
    except EdgedError as error:
        return error
