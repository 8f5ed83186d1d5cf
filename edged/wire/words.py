"""Sizes, spans and moments, as people read them and files hold them.

Law: pure; one way to write each, for every room.
"""

from datetime import UTC, datetime


def size_text(count: int) -> str:
    """Write a number of bytes with three digits at most before the unit."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004  # one step of the binary prefixes
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def span_text(seconds: float) -> str:
    """Write a time span as people say it: the two largest units."""
    whole = max(0, int(seconds))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for i, (unit, size) in enumerate(units):
        if whole >= size or unit == "s":
            text = f"{whole // size} {unit}"
            rest = units[i + 1 : i + 2]
            if rest and (more := whole % size // rest[0][1]):
                text += f" {more} {rest[0][0]}"
            return text
    raise AssertionError(seconds)


def utc_text(moment: datetime) -> str:
    """Write an aware moment as RFC 3339 in UTC, in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_utc(text: str) -> datetime | None:
    """Return the moment that RFC 3339 says, in UTC; None for what says none.

    One without an offset is taken for UTC: all that edged writes is.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
