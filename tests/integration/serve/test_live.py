"""One release that answers: its end."""

import asyncio
import threading
import time

import numpy as np

from edged.errors import DeadlineExceeded
from edged.serve.request import InferRequest
from tests.fakes.box import Box

ONES = np.ones((1, 4), "<f4")


async def test_a_retired_release_finishes_what_it_began(box: Box) -> None:
    """Then its rungs close; a request in flight never sees a closed one."""
    live = box.registry.live("sums")
    hold = threading.Event()
    held = asyncio.get_running_loop().create_task(
        live.scheduler.on_thread(lambda: hold.wait(5))
    )
    await asyncio.sleep(0)
    asked = asyncio.get_running_loop().create_task(box.ask())
    await asyncio.sleep(0)

    box.registry.unload("sums")
    hold.set()

    assert await asked == [2.0] * 4
    await held
    async with asyncio.timeout(5):
        while any(t.name.startswith("run-sums") for t in threading.enumerate()):  # noqa: ASYNC110  # a thread ends without an event
            await asyncio.sleep(0.01)


async def test_a_caller_that_is_cancelled_frees_its_place(box: Box) -> None:
    """It waited behind another one and never ran."""
    live = box.registry.live("sums")
    hold = threading.Event()
    held = asyncio.get_running_loop().create_task(
        live.scheduler.on_thread(lambda: hold.wait(5))
    )
    await asyncio.sleep(0)
    asked = asyncio.get_running_loop().create_task(box.ask())
    await asyncio.sleep(0.02)
    asked.cancel()
    await asyncio.sleep(0)

    hold.set()
    await held

    assert asked.cancelled()
    await box.ask()
    assert live.scheduler.inflight == 0


async def test_a_deadline_that_cannot_be_met_is_refused_at_once(box: Box) -> None:
    """By the measured time of a run and the turn that it would have."""
    live = box.registry.live("sums")
    await box.ask()
    live.stats.variants["fp32"].usual_ns = 10**9
    hold = threading.Event()
    held = asyncio.get_running_loop().create_task(
        live.scheduler.on_thread(lambda: hold.wait(5))
    )
    await asyncio.sleep(0)

    began = time.monotonic()
    try:
        await box.registry.infer(
            InferRequest(model="sums", inputs={"x": ONES}, deadline_s=began + 0.5)
        )
    except DeadlineExceeded as error:
        refused = error
    hold.set()
    await held

    assert time.monotonic() - began < 0.4
    assert "in time" in refused.message
    assert refused.retry_after_s >= 1.0
