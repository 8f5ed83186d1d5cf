"""A model that sleeps, as who lets it sleep sees it."""

import asyncio

import pytest

from edged.errors import NoMemory
from edged.serve.reception import Ticket
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


async def test_what_edged_does_for_itself_is_no_use() -> None:
    """A rung that is exchanged or comes back keeps nobody awake."""
    live = ladder()
    slumber = Slumber(registry_of(live))
    live.unused_s -= 100.0

    live.hold()
    live.let_go(used=False)
    before = slumber.awake()["m"]
    live.hold()
    live.let_go()
    after = slumber.awake()["m"]

    assert before is not None
    assert after is not None
    assert before >= 100.0 > after
    await asyncio.wrap_future(live.close_now())


async def test_one_that_memory_has_room_for_in_part_does_not_sleep() -> None:
    """It answers with what there is; asleep it would wait for room for all of it."""
    live = ladder()
    slumber = Slumber(registry_of(live))

    live.spare()
    live.spare()

    assert {"m": None} == slumber.awake()
    await asyncio.wrap_future(live.close_now())


async def test_who_is_told_may_take_another_one_along() -> None:
    """Whoever was cancelled is called by nobody."""
    registry = registry_of(ladder())
    slumber = Slumber(registry)
    await slumber.sleep("m", lambda: None)
    told: list[str] = []
    later: list[Ticket] = []

    def first(_: object) -> None:
        told.append("first")
        later[0].cancel()

    registry.submit(asked(), first)
    later.append(registry.submit(asked(), lambda _: told.append("second")))
    registry.submit(asked(), lambda _: told.append("third"))
    slumber.turn_away("m", NoMemory("cannot load m: no"), lambda: None)

    assert ["first", "third"] == told
