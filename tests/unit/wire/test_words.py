"""Sizes, spans and moments in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from edged.wire.words import read_utc, size_text, span_text, utc_text

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (11520, "3 h 12 min"),
        (90000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_spans_read_as_people_say_them(seconds: float, text: str) -> None:
    """Two units suffice."""
    assert text == span_text(seconds)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 42, "4096.0 GiB"),
    ],
)
def test_sizes_have_a_unit(count: int, text: str) -> None:
    """Bytes read as people say them."""
    assert text == size_text(count)


@pytest.mark.parametrize(
    "moment", [NOON, NOON.astimezone(timezone(timedelta(hours=2)))]
)
def test_a_moment_is_written_in_utc(moment: datetime) -> None:
    """Whatever zone it came in."""
    assert "2026-03-01T12:00:00Z" == utc_text(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T14:00:00+02:00",
        "2026-03-01T12:00:00.000Z",
        "2026-03-01 12:00",
    ],
)
def test_a_moment_is_read_in_every_way_it_is_written(text: str) -> None:
    """Another zone is the same moment; none at all is UTC."""
    assert NOON == read_utc(text)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+02:00"]
)
def test_what_is_no_moment_says_none(text: str) -> None:
    """Nor does it fail: it may come from a publisher."""
    assert read_utc(text) is None
