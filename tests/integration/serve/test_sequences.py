"""Callers' own threads of state, on a real stateful model."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from edged.errors import (
    Conflict,
    QueueFull,
)
from edged.serve.request import Sequence
from edged.wire.release import BackendName
from tests.data import tflite_files
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
    await box.agent.start()
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
