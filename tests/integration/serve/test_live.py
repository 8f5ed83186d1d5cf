"""One release that answers: its thread and its end."""

import asyncio
import threading
import time

import numpy as np
import pytest

from edged.errors import DeadlineExceeded
from edged.serve.ladder import Ran
from tests.fakes.box import Box

ONES = {"x": np.ones((1, 4), "<f4")}


async def test_a_run_past_its_deadline_is_told_at_the_deadline(box: Box) -> None:
    """The caller does not wait for the thread; the thread stays counted."""
    live = box.registry.live("sums")
    go_on = threading.Event()

    def slow(_feeds: object, _wanted: object) -> Ran:
        go_on.wait(10)
        return Ran({}, 0, 0)

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await live.run(slow, ONES, ("y",), deadline_s=began + 0.05)

    assert time.monotonic() - began < 5
    assert live.inflight == 1
    assert live.running_s(time.monotonic()) > 0
    assert box.registry.running_s() > 0
    go_on.set()
    assert await live.run(live.rung(None).run, ONES, ("y",), deadline_s=began + 9)
    assert live.inflight == 0
    assert live.running_s(time.monotonic()) == 0


async def test_a_caller_that_is_cancelled_leaves_the_count_right(box: Box) -> None:
    """Its request is finished or never run; nothing stays in flight."""
    live = box.registry.live("sums")
    hold = threading.Event()

    async def ask() -> None:
        await live.on_thread(lambda: hold.wait(5))

    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(ask()), group.create_task(ask())
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        hold.set()

    assert (first.cancelled(), second.cancelled()) == (False, True)
    await live.on_thread(lambda: None)
    assert live.inflight == 0


async def test_a_retired_release_finishes_what_it_began(box: Box) -> None:
    """Then its rungs close; a request in flight never sees a closed one."""
    live = box.registry.live("sums")
    hold = threading.Event()

    def slow(feeds: dict[str, np.ndarray], wanted: tuple[str, ...]) -> Ran:
        hold.wait(5)
        return live.rung(None).run(feeds, wanted)

    async with asyncio.TaskGroup() as group:
        answer = group.create_task(
            live.run(slow, ONES, ("y",), deadline_s=time.monotonic() + 10)
        )
        await asyncio.sleep(0)
        box.registry.unload("sums")
        hold.set()

    assert answer.result().outputs["y"].tolist() == [[2.0] * 4]
