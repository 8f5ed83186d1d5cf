"""The time of day in which a box may change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.update.window import Window, window

VIENNA = ZoneInfo("Europe/Vienna")  # UTC+1; +2 from 2026-03-29 01:00Z to 10-25 01:00Z
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """Return a moment in UTC, of 2026."""
    return datetime.fromisoformat(f"2026-{text}:00+00:00")


@pytest.mark.parametrize(
    ("text", "wall", "is_open"),
    [
        ("02:00-05:00", "01:59:59", False),
        ("02:00-05:00", "02:00:00", True),
        ("02:00-05:00", "04:59:59", True),
        ("02:00-05:00", "05:00:00", False),
        ("22:30-04:15", "22:29:59", False),
        ("22:30-04:15", "22:30:00", True),
        ("22:30-04:15", "00:00:00", True),
        ("22:30-04:15", "04:14:59", True),
        ("22:30-04:15", "04:15:00", False),
        ("22:30-04:15", "12:00:00", False),
    ],
)
def test_the_end_is_not_in_the_window(
    text: str,
    wall: str,
    is_open: bool,  # noqa: FBT001  # a case of the table
) -> None:
    """Also of one that spans midnight."""
    now = datetime.fromisoformat(f"2026-01-15T{wall}").replace(tzinfo=VIENNA)

    assert is_open is window(text, VIENNA).is_open(now)


@pytest.mark.parametrize(
    ("text", "now", "opens"),
    [
        # in winter, UTC+1
        ("02:00-05:00", "01-15T00:00", "01-15T01:00"),
        ("02:00-05:00", "01-15T03:59", "01-15T03:59"),
        ("02:00-05:00", "01-15T04:00", "01-16T01:00"),
        ("22:00-04:00", "01-15T12:00", "01-15T21:00"),
        # in summer, UTC+2
        ("02:00-05:00", "07-15T04:00", "07-16T00:00"),
        # clocks are put forward from 02:00 to 03:00 at 01:00Z
        ("02:30-04:00", "03-28T12:00", "03-29T01:00"),
        ("03:00-04:00", "03-28T12:00", "03-29T01:00"),
        ("04:00-05:00", "03-28T12:00", "03-29T02:00"),
        ("02:15-02:45", "03-28T12:00", "03-30T00:15"),
        # clocks are put back from 03:00 to 02:00 at 01:00Z
        ("02:30-04:00", "10-24T12:00", "10-25T00:30"),
        ("02:15-02:45", "10-25T00:50", "10-25T01:15"),
        ("02:00-02:15", "10-25T00:20", "10-25T01:00"),
        ("02:00-02:15", "10-25T00:21", "10-25T01:00"),
        ("01:00-02:30", "10-25T00:30", "10-25T01:00"),
        ("04:00-05:00", "10-24T12:00", "10-25T03:00"),
    ],
)
def test_a_window_opens_when_the_wall_says_so(text: str, now: str, opens: str) -> None:
    """What clocks skip is skipped; what they show twice is open twice."""
    assert at(opens) == window(text, VIENNA).opens_at(at(now))


@pytest.mark.parametrize(
    ("text", "now", "closes"),
    [
        ("02:00-05:00", "01-15T02:00", "01-15T04:00"),
        ("02:00-05:00", "01-15T05:00", "01-15T05:00"),
        ("22:00-04:00", "01-15T21:00", "01-16T03:00"),
        ("01:00-02:30", "03-29T00:30", "03-29T01:00"),
        ("02:30-04:00", "10-25T00:30", "10-25T01:00"),
    ],
)
def test_a_window_closes_when_the_wall_says_so(
    text: str, now: str, closes: str
) -> None:
    """Also where clocks are changed in it."""
    assert at(closes) == window(text, VIENNA).closes_at(at(now))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # bounds
    st.integers(0, 86_399),
    st.integers(60, 86_340),
    st.sampled_from(
        ["Europe/Vienna", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"]
    ),
)
def test_nothing_is_open_between_now_and_when_it_opens(
    now: datetime, begin: int, length: int, zone: str
) -> None:
    """It opens exactly then, at most three days from now, and the same for closing."""
    daily = Window(begin_s=begin, end_s=(begin + length) % 86_400, zone=ZoneInfo(zone))

    opens, closes = daily.opens_at(now), daily.closes_at(now)

    assert daily.is_open(opens)
    assert not daily.is_open(closes)
    assert now in (opens, closes)
    assert max(opens, closes) - now < timedelta(days=3)
    between = [now + MINUTE * n for n in range(1, (max(opens, closes) - now) // MINUTE)]
    assert {daily.is_open(now)} == {daily.is_open(m) for m in (now, *between)}
    last = max(opens, closes) - timedelta(microseconds=1)
    assert daily.is_open(now) is daily.is_open(max(now, last))


@pytest.mark.parametrize(
    ("text", "part", "begins"),
    [
        ("02:00-05:00", 0.0, "02:00"),
        ("02:00-05:00", 0.5, "02:45"),
        ("02:00-05:00", 0.9999, "03:29"),
        ("23:00-03:00", 0.75, "00:30"),
    ],
)
def test_boxes_begin_one_after_the_other(text: str, part: float, begins: str) -> None:
    """Over the first half, so that each has the second one."""
    end = text.partition("-")[2]

    found = window(text, VIENNA).from_part(part)

    assert f"{begins}-{end} (Europe/Vienna)" == str(found)


def test_a_turn_counts_in_seconds() -> None:
    """A minute is long where a million boxes begin in ninety of them."""
    assert 2 * 3600 + 54 == window("02:00-05:00", VIENNA).from_part(0.01).begin_s


def test_a_window_reads_as_it_is_written() -> None:
    """With the zone that it is in."""
    for text in ("22:30-04:05", "23:00-01:59"):
        assert f"{text} (Europe/Vienna)" == str(window(text, VIENNA))
