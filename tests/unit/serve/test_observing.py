"""What is told of a run: its values."""

import asyncio

import numpy as np
import pytest

from edged.errors import BadModel
from edged.serve.observing import BUG, Ear, Observation, code_of, is_finite


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_value_is_seen(dtype: str, bad: float) -> None:
    """In every width, half included, and wherever it stands."""
    good = np.zeros((2, 3), dtype)
    worse = good.copy()
    worse[1, 2] = bad

    assert is_finite({"y": good, "z": good})
    assert not is_finite({"y": good, "z": worse})


def test_large_halves_are_finite() -> None:
    """Nothing is summed on the way: 65504 twice would overflow."""
    assert is_finite({"y": np.full(1000, 65504, "<f2")})


def test_what_cannot_be_infinite_is_not_looked_at() -> None:
    """Integers, truth and text; and what is empty."""
    tensors = {
        "i": np.ones(3, "<i8"),
        "b": np.ones(3, bool),
        "s": np.array([b"nan"], object),
        "e": np.zeros((0, 3), "<f4"),
    }

    assert is_finite(tensors)


def test_a_failure_has_a_code() -> None:
    """A bug has none of its own."""
    assert (BadModel.code, BUG) == (code_of(BadModel("cannot")), code_of(KeyError()))


async def test_who_stopped_listening_hears_nothing_more() -> None:
    """Not even of a run that ended just before."""
    heard: list[Observation] = []
    run = Observation(
        variant="a",
        ok=True,
        code="",
        finite=True,
        input_bytes=0,
        busy_ns=0,
        compute_ns=0,
    )
    ear = Ear()
    ear.listen(heard.append)

    ear.tell(run)
    ear.listen(None)
    ear.tell(run)

    await _turn()
    assert [] == heard


async def test_who_listens_hears_on_the_loop() -> None:
    """Once a run, after the turn in which it ended."""
    heard: list[Observation] = []
    run = Observation(
        variant="a",
        ok=True,
        code="",
        finite=True,
        input_bytes=0,
        busy_ns=0,
        compute_ns=0,
    )
    ear = Ear()
    ear.listen(heard.append)

    ear.tell(run)
    at_once = len(heard)
    await _turn()

    assert (0, [run]) == (at_once, heard)


async def _turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)
