"""Request -> admitted job -> counted answer."""

import asyncio
import contextlib
import threading
import time

import numpy as np
import pytest

from edged.adapt.strategy import DWELL_S
from edged.errors import BadModel, InvalidTensor, LowPriority, QueueFull
from edged.runtime.base import Array, Tensors
from edged.serve.request import InferRequest
from edged.wire.adapt import Strategy
from edged.wire.tensors import Datatype
from tests.fakes.ladders import asked as wanted
from tests.fakes.ladders import ladder, regime
from tests.fakes.models import live_model, registry_of, signature

PLAIN = signature([("x", Datatype.FP32, (-1,))], [("y", Datatype.FP32, (-1,))])


def asked() -> InferRequest:
    """Return a request."""
    return InferRequest(model="m", inputs={"x": np.ones(2, "<f4")}, peer="me")


async def test_every_answer_is_counted_once() -> None:
    """With who answered, and the labels of that release."""
    live = live_model("m", PLAIN, lambda f: {"y": f["x"]}, labels={"y": ("a", "b")})
    registry = registry_of(live)

    answer = await registry.infer(asked())

    assert (answer.variant, answer.labels) == ("best", {"y": ("a", "b")})
    assert (live.stats.success.count, live.stats.codes["ok"]) == (1, 1)
    assert live.stats.variants["best"].count == 1


async def test_a_failing_run_is_counted_by_its_code_and_a_bug_is_raised() -> None:
    """An EdgedError is an answer; anything else is ours to mend."""

    def broken(_feeds: object) -> dict[str, np.ndarray]:
        raise errors.pop()

    errors: list[Exception] = [ZeroDivisionError(), BadModel("cannot run m: no")]
    live = live_model("m", PLAIN, broken)
    registry = registry_of(live)

    with pytest.raises(BadModel):
        await registry.infer(asked())
    with pytest.raises(ZeroDivisionError):
        await registry.infer(asked())

    assert live.stats.codes == {"bad-model": 1}


async def test_a_refusal_is_no_failure() -> None:
    """It never reached the model."""
    live = live_model("m", PLAIN, lambda f: {"y": f["x"]})
    registry = registry_of(live)

    with pytest.raises(InvalidTensor):
        await registry.infer(InferRequest(model="m", inputs={}))

    assert live.stats.rejected == {"invalid-tensor": 1}
    assert live.stats.fail.count == 0


async def test_submit_tells_once_and_a_cancelled_one_not_at_all() -> None:
    """Its ticket is the caller's only duty."""
    live = live_model("m", PLAIN, lambda f: {"y": f["x"]})
    registry = registry_of(live)
    told: list[object] = []

    registry.submit(asked(), told.append)
    registry.submit(asked(), told.append).cancel()
    async with asyncio.timeout(5):
        while live.scheduler.inflight:  # noqa: ASYNC110  # no event outside
            await asyncio.sleep(0.005)

    assert len(told) == 1


async def test_a_critical_box_takes_urgent_requests_alone() -> None:
    """Others are refused at once, with the reason and until when it lasts."""
    live = ladder()
    registry = registry_of(live)
    now_s = time.monotonic()
    registry.obey(
        regime(Strategy.CRITICAL, because="thermal: 84 C of 80 C", since_s=now_s)
    )

    with pytest.raises(LowPriority, match=r"critical \(thermal: 84 C") as refused:
        await registry.infer(wanted())
    urgent = await registry.infer(wanted(priority=1))
    registry.obey(regime())
    usual = await registry.infer(wanted())

    assert ("small", "big") == (urgent.variant, usual.variant)
    assert DWELL_S - 5 < refused.value.retry_after_s <= DWELL_S
    assert live.stats.rejected == {"low-priority": 1}
    await asyncio.wrap_future(live.close_now())


async def test_a_strategy_shortens_the_queue() -> None:
    """It never lengthens it: the setting's bound stays one."""
    gate = threading.Event()

    def held(feeds: Tensors) -> dict[str, Array]:
        gate.wait(10)
        return {"y": feeds["x"]}

    live = ladder(held)
    registry = registry_of(live, queue_length=3)
    taken = []
    tickets = []
    for queue in (2, 1000):
        registry.obey(regime(Strategy.THROTTLED, caps={"queue": queue}))
        with contextlib.suppress(QueueFull):
            for _ in range(10):
                tickets.append(registry.submit(wanted(), lambda _: None))  # noqa: PERF401  # one by one
        taken.append(len(tickets))

    gate.set()
    await live.emptied()
    assert [2, 3] == taken
    await asyncio.wrap_future(live.close_now())
