"""Times as people type them."""

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from edged.cli.when import span, until

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


@pytest.fixture
def vienna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the box into a time zone that is an hour ahead in winter."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("30min", 1800.0), ("2h", 7200.0), ("3d", 259_200.0)],
)
def test_a_span_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    """As in the settings."""
    assert seconds == span(text)


@pytest.mark.parametrize("text", ["", "2", "h", "0h", "2 h", "-2h", "2w", "2hours"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """With spans that are some."""
    with pytest.raises(argparse.ArgumentTypeError, match="30min, 2h or 3d"):
        span(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("3d", "2026-11-27T07:00:00Z"),
        ("2026-12-01", "2026-11-30T23:00:00Z"),
        ("2026-12-01T06:00:00", "2026-12-01T05:00:00Z"),
        ("2026-12-01 06:00", "2026-12-01T05:00:00Z"),
        ("2026-12-01T06:00:00Z", "2026-12-01T06:00:00Z"),
        ("2026-12-01T06:00:00+05:30", "2026-12-01T00:30:00Z"),
    ],
)
@pytest.mark.usefixtures("vienna")
def test_a_moment_is_a_span_a_date_or_rfc_3339(text: str, moment: str) -> None:
    """What has no offset is in this box's time zone."""
    assert moment == until(text, NOW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-23", "is over"),
        ("2026-11-24T07:00:00Z", "is over"),
        ("tomorrow", "is no time"),
        ("2026-13-01", "is no time"),
        ("999999999d", "is no time"),
        ("0d", "not a time span"),
    ],
)
def test_what_is_over_or_no_time_is_refused(text: str, why: str) -> None:
    """Nothing is held by mistake."""
    with pytest.raises(argparse.ArgumentTypeError, match=why):
        until(text, NOW)
