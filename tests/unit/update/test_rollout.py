"""When a release comes to a box."""

import statistics
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from edged.update.rollout import begins_at, open_share, opens_at, share
from edged.wire.listing import Listing, Stage

STARTS = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STAGED = Listing(
    model="digits",
    version="1.5.0",
    seq=15,
    size_bytes=1,
    issued="2026-03-01T11:00:00Z",
    starts="2026-03-01T12:00:00Z",
    rollout=(
        Stage(share=0.01, after_s=0),
        Stage(share=0.1, after_s=6 * 3600),
        Stage(share=1.0, after_s=24 * 3600),
    ),
)


def staged(**what: object) -> Listing:
    """Return the listing with other parts."""
    return msgspec.structs.replace(STAGED, **what)


def test_the_place_is_the_one_that_the_contract_says() -> None:
    """HMAC-SHA256, key `box-7`, of `digits/15`: its first eight bytes over 2**64."""
    assert 0x28C6FBEEBB5AC08E / 2**64 == pytest.approx(share("box-7", "digits", 15))


def test_places_are_spread_evenly_and_anew_for_each_release() -> None:
    """No box is always the first; a thousand of them have the moments of chance."""
    one = [share(f"box-{n}", "digits", 15) for n in range(1000)]
    other = [share(f"box-{n}", "digits", 16) for n in range(1000)]

    assert 0 <= min(one) <= max(one) < 1
    assert pytest.approx(0.5, abs=0.03) == statistics.mean(one)
    assert pytest.approx(12**-0.5, abs=0.02) == statistics.stdev(one)
    assert pytest.approx(0, abs=0.1) == statistics.correlation(one, other)


def test_a_box_without_an_id_comes_last() -> None:
    """And never too early."""
    assert 0.999 < share("", "digits", 15) < 1


@pytest.mark.parametrize(
    ("place", "hours"), [(0.0, 0), (0.0099, 0), (0.01, 6), (0.0999, 6), (0.1, 24)]
)
def test_a_stage_opens_for_the_places_below_its_share(place: float, hours: int) -> None:
    """A stage of one in a hundred is the places below 0.01, and not that one."""
    assert STARTS + hours * HOUR == opens_at(STAGED, place)


def test_without_stages_all_come_at_once() -> None:
    """When the roll-out begins."""
    assert STARTS == opens_at(staged(rollout=()), 0.999)


@pytest.mark.parametrize(
    "listing",
    [
        staged(starts="soon"),
        staged(rollout=(Stage(share=0.5, after_s=0),)),
        staged(rollout=(Stage(share=1.0, after_s=1e12),)),
    ],
    ids=["no time", "no stage", "beyond all time"],
)
def test_a_box_that_no_stage_comes_to_has_no_turn(listing: Listing) -> None:
    """Nobody invents one."""
    assert opens_at(listing, 0.5) is None


def test_the_beginning_is_read_or_unknown() -> None:
    """A listing may be of a publisher that writes time in its own way."""
    assert (STARTS, None) == (begins_at(STAGED), begins_at(staged(starts="")))


@pytest.mark.parametrize(
    ("hours", "part"),
    [(-0.1, 0.0), (0, 0.01), (5.9, 0.01), (6, 0.1), (24, 1.0), (99, 1.0)],
)
def test_the_open_share_follows_the_schedule(hours: float, part: float) -> None:
    """It is what people are told beside their own place."""
    assert part == open_share(STAGED, STARTS + hours * HOUR)


@pytest.mark.parametrize(
    ("listing", "part"),
    [
        (staged(rollout=()), 1.0),
        (staged(rollout=(Stage(share=0.5, after_s=60),)), 0.0),
        (staged(starts="soon"), 0.0),
    ],
)
def test_the_open_share_of_other_schedules(listing: Listing, part: float) -> None:
    """None is all; a stage that has not come is nobody."""
    assert part == open_share(listing, STARTS)
