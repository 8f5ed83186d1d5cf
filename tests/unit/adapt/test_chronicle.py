"""What the strategy was, and why."""

from edged.adapt.chronicle import KEPT, Chronicle
from edged.adapt.strategy import Ruling
from edged.wire.adapt import Axis, Headroom, Strategy
from tests.fakes.clock import Hours

NORMAL = Ruling(strategy=Strategy.NORMAL, because="nothing is short")
FORCED = Ruling(strategy=Strategy.THROTTLED, because="ann chose it", by="ann")
ROOMS = (Headroom(axis=Axis.THERMAL, value=0.5, because="72.5 C of 80 C"),)


def test_a_change_is_kept_with_its_figures() -> None:
    """When, from what, to what, why, by whom."""
    clock = Hours()
    chronicle = Chronicle(clock)
    began = chronicle.since_utc
    clock.now += 60.0

    chronicle.note(NORMAL, FORCED, ROOMS)

    (change,) = chronicle.newest(10)
    assert "2026-11-24T12:00:00Z" == began
    assert "2026-11-24T12:01:00Z" == change.at_utc == chronicle.since_utc
    assert 160.0 == chronicle.since_s
    assert (Strategy.NORMAL, Strategy.THROTTLED) == (change.before, change.after)
    assert ("ann chose it", "ann", ROOMS) == (
        change.because,
        change.by,
        change.headrooms,
    )


def test_the_newest_come_last_and_the_oldest_are_forgotten() -> None:
    """A box that swings for a year fills no memory; all are counted."""
    chronicle = Chronicle(Hours())
    for _ in range(KEPT):
        chronicle.note(NORMAL, FORCED, ROOMS)
        chronicle.note(FORCED, NORMAL, ROOMS)

    found = chronicle.newest(10 * KEPT)

    assert KEPT == len(found)
    assert KEPT == chronicle.counts[Strategy.THROTTLED]
    assert "edged" == found[-1].by
    assert [Strategy.THROTTLED, Strategy.NORMAL] == [
        change.after for change in chronicle.newest(2)
    ]
