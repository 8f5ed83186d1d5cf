"""How fast a download may go, and when it must wait."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.update.pace import Pace
from tests.fakes.clock import Hours


async def test_without_a_rate_nothing_waits() -> None:
    """As many bytes as come."""
    clock = Hours()

    await Pace(clock, sleep=clock.sleep).spend(1 << 40)

    assert [] == clock.slept


async def test_a_rate_is_kept_over_time() -> None:
    """After a second's burst, each byte is paid for."""
    clock = Hours()
    pace = Pace(clock, rate=1000, sleep=clock.sleep)

    for _ in range(10):
        await pace.spend(500)

    assert [0.5] * 8 == clock.slept


async def test_what_was_not_used_is_not_saved_up() -> None:
    """After an hour of nothing, a second's worth comes at once."""
    clock = Hours()
    pace = Pace(clock, rate=1000, sleep=clock.sleep)
    await pace.spend(1000)
    clock.now += 3600

    await pace.spend(1000)
    await pace.spend(1000)

    assert [1.0] == clock.slept


@given(
    rate=st.integers(1, 10**9),
    pieces=st.lists(st.integers(1, 1 << 18), min_size=1, max_size=50),
)
async def test_no_pattern_beats_the_rate(rate: int, pieces: list[int]) -> None:
    """In all, never more than the burst and what the time allows."""
    clock = Hours()
    pace = Pace(clock, rate=rate, sleep=clock.sleep)

    for count in pieces:
        await pace.spend(count)

    assert sum(pieces) <= rate + rate * (clock.now - 100) * (1 + 1e-9) + 1


async def test_the_way_is_clear_by_itself() -> None:
    """Nobody else, no wait."""
    assert await Pace(Hours()).clear()


async def test_it_waits_for_whoever_has_the_right_of_way() -> None:
    """Not longer than it is told to; then it goes on when it may."""
    free = asyncio.Event()

    async def clear() -> None:
        await free.wait()

    pace = Pace(Hours(), clear=clear)

    first = await pace.clear(within_s=0.01)
    free.set()
    second = await pace.clear(within_s=10)

    assert (False, True) == (first, second)


async def test_a_timeout_of_its_own_is_not_ours() -> None:
    """What the turnstile raises comes out."""

    async def clear() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await Pace(Hours(), clear=clear).clear()
