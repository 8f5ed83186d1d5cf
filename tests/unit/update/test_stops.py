"""What failed waits within bounds, whatever the dates say."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.update.backoff import CAP_S, RETRY_AFTER_CAP_S
from edged.update.moves import Wanted
from edged.update.notes import Setback
from edged.update.stops import SOONEST_S, WAIT_S, Stops
from edged.update.verdicts import Turn, Verdict
from edged.wire.updates import Reason
from edged.wire.words import utc_text
from tests.fakes.clock import Hours

EVERY_S = 6 * 3600.0
PETS = Wanted(source="main", model="pets", version="1.15.0", seq=15, digest="d15")
MOBILE = Wanted(source="main", model="mobile", version="1.3.0", seq=3, digest="d3")


def cut(turn: Turn = Turn.RETRY, reason: Reason = Reason.CUT) -> Verdict:
    """Return a failure."""
    return Verdict(turn=turn, reason=reason, text="cut", hint="look")


@pytest.fixture
def clock() -> Hours:
    """Return a clock that stands at noon."""
    return Hours()


@given(
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30),
    st.floats(60, 30 * 86_400),
    st.floats(0, 1e9),
)
def test_waits_stay_within_bounds(
    draws: list[float], every_s: float, asked_s: float
) -> None:
    """However often it fails, whatever is drawn, whatever a host asks for."""
    stops = Stops(Hours())
    judged = Verdict(
        turn=Turn.RETRY, reason=Reason.HOST_BUSY, text="busy", retry_after_s=asked_s
    )

    waits = [
        stops.add(PETS, judged, chance=chance, every_s=every_s).wait_s
        for chance in draws
    ]

    most_s = min(CAP_S, every_s) + min(asked_s, RETRY_AFTER_CAP_S)
    assert all(SOONEST_S <= wait_s <= max(SOONEST_S, most_s) for wait_s in waits)


def test_failures_in_a_row_wait_longer(clock: Hours) -> None:
    """And keep the moment of the first."""
    stops = Stops(clock)
    first = stops.add(PETS, cut(), chance=0.5, every_s=EVERY_S)
    clock.now += 60

    second = stops.add(PETS, cut(), chance=0.5, every_s=EVERY_S)

    assert (15.0, 30.0) == (first.wait_s, second.wait_s)
    assert (1, 2) == (first.count, second.count)
    assert first.since_utc == second.since_utc


def test_another_reason_stands_since_now(clock: Hours) -> None:
    """What people are told since when is what they are told."""
    stops = Stops(clock)
    first = stops.add(PETS, cut(), chance=0.5, every_s=EVERY_S)
    clock.now += 60

    second = stops.add(PETS, cut(reason=Reason.TLS), chance=0.5, every_s=EVERY_S)

    assert first.since_utc != second.since_utc


def test_a_box_without_room_is_no_failure(clock: Hours) -> None:
    """It waits as long each time, and counts nothing."""
    stops = Stops(clock)

    stop = stops.add(PETS, cut(Turn.WAIT), chance=0.5, every_s=EVERY_S)

    assert (WAIT_S, 0) == (stop.wait_s, stop.count)


def test_what_went_on_is_forgotten(clock: Hours) -> None:
    """The next failure is a first one."""
    stops = Stops(clock)
    stops.add(PETS, cut(), chance=0.5, every_s=EVERY_S)

    stops.clear("d15")

    assert {} == dict(stops.by_digest)


@pytest.mark.parametrize(("model", "left"), [("pets", ["d3"]), (None, [])])
def test_a_person_lifts_them(clock: Hours, model: str | None, left: list[str]) -> None:
    """Of one model, or of all."""
    stops = Stops(clock)
    for one in (PETS, MOBILE):
        stops.add(one, cut(), chance=0.5, every_s=EVERY_S)

    stops.lift(model)

    assert left == list(stops.by_digest)


def test_what_stood_for_one_reason_is_over_with_it(clock: Hours) -> None:
    """At once; what waits for another reason waits on."""
    stops = Stops(clock)
    stop = stops.add(PETS, cut(), chance=0.5, every_s=EVERY_S)

    stops.over(Reason.STRATEGY)
    waits = stops.by_digest["d15"]
    stops.over(stop.reason)

    assert stop == waits
    assert (clock.now, stop.count) == (
        stops.by_digest["d15"].until_s,
        stops.by_digest["d15"].count,
    )


def test_a_wait_goes_on_in_the_next_life(clock: Hours) -> None:
    """For what is left of it."""
    stops = Stops(clock)
    stop = stops.add(PETS, cut(), chance=0.5, every_s=EVERY_S)
    noted = stops.setback(stop)
    later = Hours()
    later.now += 5

    restored = Stops(later)
    restored.restore([(PETS, noted)])

    found = restored.by_digest["d15"]
    assert (stop.count, stop.text, stop.since_utc) == (
        found.count,
        found.text,
        found.since_utc,
    )
    assert later.now + 10.0 == found.until_s


@pytest.mark.parametrize(
    ("ahead", "left_s"),
    [
        (timedelta(days=-9), 0.0),
        (timedelta(days=9), 15.0),
        (timedelta(days=365 * 56), 15.0),
    ],
)
def test_a_wrong_date_makes_no_wait_longer_than_it_was_drawn(
    clock: Hours, ahead: timedelta, left_s: float
) -> None:
    """A clock that was ahead when it was noted locks nobody out."""
    noted = Setback(
        count=1,
        reason=Reason.CUT,
        text="cut",
        since_utc="2026-11-24T06:00:00Z",
        wait_s=15.0,
        next_utc=utc_text(clock.utc() + ahead),
    )
    stops = Stops(clock)

    stops.restore([(PETS, noted)])

    assert clock.now + left_s == stops.by_digest["d15"].until_s


def test_a_date_that_is_none_is_over(clock: Hours) -> None:
    """Notes of a newer edged, perhaps."""
    noted = Setback(
        count=1, reason=Reason.CUT, text="", since_utc="", wait_s=15.0, next_utc="?"
    )
    stops = Stops(clock)

    stops.restore([(PETS, noted)])

    assert clock.now == stops.by_digest["d15"].until_s
