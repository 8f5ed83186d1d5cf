"""Callers' own threads of state, on a real stateful model."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edged.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidTensor,
    NotReady,
    QueueFull,
    UnknownVersion,
)
from edged.serve.request import InferRequest, Sequence
from edged.wire.release import BackendName
from tests.data import onnx_files, tflite_files
from tests.fakes.box import LIMITS, Box, bundle, totals


async def test_callers_never_see_each_other_s_state(box: Box) -> None:
    """A stateful model forgets before each request outside a sequence."""
    answers = [await box.ask(model="totals") for _ in range(3)]

    assert answers == [[1.0] * 4] * 3


async def test_a_sequence_keeps_its_own_state(box: Box) -> None:
    """Two sequences and a plain caller, interleaved."""
    first, second = Sequence(id="a", start=True), Sequence(id="b", start=True)
    await box.ask(model="totals", sequence=first)
    await box.ask(model="totals", sequence=second)

    a = await box.ask(model="totals", sequence=Sequence(id="a"))
    plain = await box.ask(model="totals")
    a_end = await box.ask(model="totals", sequence=Sequence(id="a", end=True))
    b = await box.ask(model="totals", sequence=Sequence(id="b"))

    assert (a, plain, a_end, b) == ([2.0] * 4, [1.0] * 4, [3.0] * 4, [2.0] * 4)


async def test_a_sequence_that_is_not_open_is_refused(box: Box) -> None:
    """Never started, or ended."""
    await box.ask(model="totals", sequence=Sequence(id="a", start=True, end=True))

    for name in ("a", "never"):
        with pytest.raises(Conflict, match="not open"):
            await box.ask(model="totals", sequence=Sequence(id=name))


async def test_sequences_are_bounded(box: Box) -> None:
    """Each holds memory; the bound here is two, and an end makes room."""
    for name in "ab":
        await box.ask(model="totals", sequence=Sequence(id=name, start=True))

    with pytest.raises(QueueFull, match="bound"):
        await box.ask(model="totals", sequence=Sequence(id="c", start=True))
    await box.ask(model="totals", sequence=Sequence(id="a", end=True))

    assert await box.ask(model="totals", sequence=Sequence(id="c", start=True))


async def test_starting_a_sequence_anew_forgets(box: Box) -> None:
    """`sequence_start` on an open one is a fresh start, not one more."""
    for _ in range(3):
        fresh = await box.ask(model="totals", sequence=Sequence(id="a", start=True))
        assert fresh == [1.0] * 4


async def test_an_idle_sequence_ends_by_itself(tmp_path: Path) -> None:
    """Its memory goes too: a forgotten sequence costs nobody anything."""
    limits = msgspec.structs.replace(LIMITS, sequence_idle_s=0.05)
    box = Box(tmp_path, limits=limits)
    await box.start()
    await box.install(totals())
    await box.ask(model="totals", sequence=Sequence(id="a", start=True))

    async with asyncio.timeout(5):
        while True:
            try:
                await box.ask(model="totals", sequence=Sequence(id="a"))
            except Conflict:
                break
            await asyncio.sleep(0.1)

    box.close()


async def test_an_open_sequence_outlives_a_switch(box: Box) -> None:
    """It ends on the release that it began on; new ones begin on the new one."""
    await box.ask(model="totals", sequence=Sequence(id="a", start=True))

    await box.install(
        bundle(
            tflite_files.adder(),
            name="totals",
            seq=2,
            file="model.tflite",
            backend=BackendName.LITERT,
        )
    )

    assert await box.ask(model="totals", sequence=Sequence(id="a")) == [2.0] * 4
    assert await box.ask(model="totals") == [2.0] * 4
    end = await box.ask(model="totals", sequence=Sequence(id="a", end=True))
    assert end == [3.0] * 4


async def test_requests_of_a_sequence_run_in_the_order_they_came(box: Box) -> None:
    """Whatever deadlines and priorities they carry: the state depends on it."""
    loop = asyncio.get_running_loop()
    await box.ask(model="totals", sequence=Sequence(id="a", start=True))
    now_s = loop.time()

    async def ask(amount: float, **more: Any) -> float:
        x = np.full((1, 4), amount, "<f4")
        answer = await box.ask(x, model="totals", sequence=Sequence(id="a"), **more)
        return answer[0]

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(ask(1, deadline_s=now_s + 30)),
            group.create_task(ask(10, deadline_s=now_s + 5)),
            group.create_task(ask(100, priority=1)),
        ]

    assert [task.result() for task in tasks] == [2.0, 12.0, 112.0]


async def test_a_refused_start_takes_no_place(box: Box) -> None:
    """The bound is two; two wrong ones do not keep an honest caller out."""
    for name in "xy":
        with pytest.raises(InvalidTensor):
            await box.ask(
                np.ones((1, 9), "<f4"),
                model="totals",
                sequence=Sequence(id=name, start=True),
            )

    for name in "ab":
        assert await box.ask(model="totals", sequence=Sequence(id=name, start=True))


async def test_an_open_sequence_may_pin_what_it_began_on(box: Box) -> None:
    """After a switch its version and rung are still its own; others are refused."""
    await box.ask(model="totals", sequence=Sequence(id="a", start=True))
    await box.install(totals(2))

    answer = await box.ask(
        model="totals", sequence=Sequence(id="a"), version="1.1", variant="fp32"
    )
    with box.registry.pinned("totals", "1.1") as pin:
        pinned = pin.live.version, pin.is_current
    with pytest.raises(UnknownVersion, match=r"began in 1\.1"):
        await box.ask(model="totals", sequence=Sequence(id="a"), version="1.2")
    with pytest.raises(UnknownVersion):
        await box.ask(model="totals", version="1.1")

    assert answer == [2.0] * 4
    assert pinned == ("1.1", False)


async def test_a_start_heeds_its_deadline(box: Box) -> None:
    """Its instance waits for the worker; the caller does not wait for it."""
    live = box.registry.live("totals")
    hold = threading.Event()
    loop = asyncio.get_running_loop()
    held = loop.create_task(live.scheduler.on_thread(lambda: hold.wait(5)))
    await asyncio.sleep(0)

    began = loop.time()
    with pytest.raises(DeadlineExceeded, match="loading"):
        await box.ask(
            model="totals",
            sequence=Sequence(id="a", start=True),
            deadline_s=began + 0.1,
        )
    took_s = loop.time() - began
    hold.set()
    await held

    assert took_s < 2
    for name in "bc":
        assert await box.ask(model="totals", sequence=Sequence(id=name, start=True))


async def test_an_unload_ends_a_sequence_that_is_starting(box: Box) -> None:
    """It is told, and keeps nothing in memory."""
    live = box.registry.live("totals")
    hold = threading.Event()
    loop = asyncio.get_running_loop()
    held = loop.create_task(live.scheduler.on_thread(lambda: hold.wait(5)))
    await asyncio.sleep(0)
    start = loop.create_task(
        box.ask(model="totals", sequence=Sequence(id="a", start=True))
    )
    await asyncio.sleep(0.02)

    box.registry.unload("totals")
    hold.set()
    with pytest.raises(NotReady, match="meanwhile"):
        await start
    await held
    await box.load("totals")

    with pytest.raises(Conflict):
        await box.ask(model="totals", sequence=Sequence(id="a"))


async def test_a_sequence_that_starts_while_its_release_is_condemned_starts_anew(
    box: Box,
) -> None:
    """On what answers then: nothing of it had been lost, so nobody is refused."""
    live, loop = box.registry.live("totals"), asyncio.get_running_loop()
    plain = bundle(
        tflite_files.adder(),
        name="totals",
        seq=2,
        file="model.tflite",
        backend=BackendName.LITERT,
    )
    await box.install(plain)
    newer = box.registry.live("totals").release
    bad = box.registry.prepare(live.release, {}, strict=True, rotten={})
    box.registry.switch(bad)
    hold = threading.Event()
    held = loop.create_task(bad.scheduler.on_thread(lambda: hold.wait(5)))
    await asyncio.sleep(0)
    start = loop.create_task(
        box.ask(model="totals", sequence=Sequence(id="a", start=True))
    )
    await asyncio.sleep(0.02)

    good = box.registry.prepare(newer, {}, strict=True, rotten={})
    box.registry.switch(good, condemns=True)
    hold.set()

    assert await start == [2.0] * 4
    await held


async def test_a_pinned_request_is_answered_by_what_it_pinned(box: Box) -> None:
    """Also when the switch comes while its body is on its way."""
    with box.registry.pinned("sums", "1.1") as pin:
        await box.install(bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2))
        request = InferRequest(
            model="sums", version="1.1", inputs={"x": np.ones((1, 4), "<f4")}
        )
        pinned = await box.registry.infer(request, pin)
        current = await box.ask()

    assert pinned.outputs["y"].tolist() == [[2.0] * 4]
    assert current == [-1.0] * 4


async def test_a_sequence_is_its_caller_s_alone(box: Box) -> None:
    """Who guesses its id finds nothing open; the same id of another is another one."""
    await box.ask(model="totals", sequence=Sequence(id="a", start=True), peer="mine")

    with pytest.raises(Conflict):
        await box.ask(model="totals", sequence=Sequence(id="a"), peer="theirs")
    await box.ask(model="totals", sequence=Sequence(id="a", start=True), peer="theirs")
    mine = await box.ask(model="totals", sequence=Sequence(id="a"), peer="mine")

    assert mine == [2.0] * 4
