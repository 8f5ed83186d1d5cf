"""Times as people type them: a span from now, a date, RFC 3339.

Law: pure but for the time zone of this box, which a date without one is meant in.
"""

import argparse
import re
from datetime import datetime, timedelta

from edged.wire.words import read_utc, utc_text

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,9})(s|min|h|d)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ZONED = re.compile(r".*(Z|z|[+-][0-9]{2}:?[0-9]{2})")


def span(text: str) -> float:
    """Read a time span like `2h` or `30min`; return seconds.

    Raises:
        argparse.ArgumentTypeError: it is none, or of no length.
    """
    match = _SPAN.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time span like 30min, 2h or 3d"
        )
    return float(int(match[1]) * _UNITS[match[2]])


def until(text: str, now: datetime) -> str:
    """Read a moment to come; return it as RFC 3339 in UTC.

    Args:
        text: a span from now, a date (its first moment, in this box's time zone), or
            RFC 3339, without an offset in this box's time zone, too.
        now: with a time zone.

    Raises:
        argparse.ArgumentTypeError: it is none of these, or it is over.
    """
    if _SPAN.fullmatch(text):
        try:
            return utc_text(now + timedelta(seconds=span(text)))
        except OverflowError:
            raise _no_moment(text) from None
    moment = _moment(text)
    if moment is None:
        raise _no_moment(text)
    if moment <= now:
        raise argparse.ArgumentTypeError(f"{text} is over: it is {utc_text(now)} here")
    return utc_text(moment)


def _moment(text: str) -> datetime | None:
    if _DATE.fullmatch(text) or not _ZONED.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone()
        except (ValueError, OverflowError):
            return None
    return read_utc(text)


def _no_moment(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(
        f"{text!r} is no time: a span like 3d, a date like 2026-12-01, or "
        f"2026-12-01T06:00:00Z"
    )
