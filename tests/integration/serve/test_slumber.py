"""A model that sleeps, as who lets it sleep sees it."""

import asyncio

import pytest

from edged.errors import NoMemory
from edged.serve.slumber import Slumber
from edged.wire.messages import ModelPhase
from tests.fakes.ladders import asked, ladder
from tests.fakes.models import registry_of


async def test_one_that_is_turned_away_calls_again() -> None:
    """Each of those who wait is told once, and only the first of them calls."""
    live = ladder()
    registry = registry_of(live)
    slumber = Slumber(registry)
    called: list[str] = []
    seen = registry.revision.value
    (name,) = slumber.awake()
    await slumber.sleep(name, lambda: called.append("once"))
    waiting = [asyncio.ensure_future(registry.infer(asked())) for _ in range(3)]  # noqa: TID251
    await asyncio.sleep(0)

    assert ({}, ModelPhase.ASLEEP) == (slumber.awake(), registry.status(name).phase)
    assert (["once"], 3) == (called, registry.status(name).waiting)
    assert registry.revision.value > seen
    error = NoMemory("cannot load m: no", retry_after_s=1.0)
    slumber.turn_away(name, error, lambda: called.append("again"))
    told = await asyncio.gather(*waiting, return_exceptions=True)  # noqa: TID251
    assert [error] * 3 == told
    assert ["once"] == called
    late = asyncio.ensure_future(registry.infer(asked()))  # noqa: TID251
    await asyncio.sleep(0)
    assert ["once", "again"] == called
    registry.switch(ladder())
    assert "big" == (await late).variant
    assert {"no-memory": 3} == live.stats.codes


async def test_what_is_in_use_does_not_sleep() -> None:
    """That would be a bug of the caller, and is told as one."""
    live = ladder()
    registry = registry_of(live)
    slumber = Slumber(registry)
    live.hold()

    assert {"m": None} == slumber.awake()
    with pytest.raises(AssertionError, match="cannot sleep"):
        await slumber.sleep("m", lambda: None)
    live.let_go()
    assert slumber.awake()["m"] is not None
    assert "m" == repr(slumber)
    await slumber.sleep("m", lambda: None)
    assert "nothing is awake" == repr(slumber)
