"""Times and roll-outs as people type them, and as a listing says them.

Law: pure; no clock is read. Raises nothing but InvalidRequest.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from edged.errors import InvalidRequest
from edged.wire.listing import Listing, Stage

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"([0-9]{1,9})(s|min|h|d)")
_STAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%@(\S+)")

_ROLLOUT_HINT = "like 1%@0h,10%@6h,100%@24h"


def instant(text: str) -> datetime:
    """Read RFC 3339.

    Raises:
        InvalidRequest: it is something else.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise _no_time(text) from exc
    if at.tzinfo is None:
        raise _no_time(text)
    return at.astimezone(UTC)


def span(text: str) -> timedelta:
    """Read a time span: `6h`, `30d`.

    Raises:
        InvalidRequest: it is something else.
    """
    match = _SPAN.fullmatch(text)
    if match is None:
        raise InvalidRequest(
            f"cannot read the time span {text!r}",
            hint=f"a whole number and a unit ({', '.join(_UNITS)}), like 6h or 30d",
        )
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def moment(text: str, now: datetime) -> datetime:
    """Read a time: `now`, a span from now, or RFC 3339.

    Raises:
        InvalidRequest: it is something else.
    """
    if text == "now":
        return now
    if _SPAN.fullmatch(text):
        return now + span(text)
    return instant(text)


def stages(text: str) -> tuple[Stage, ...]:
    """Read a roll-out: `1%@0h,10%@6h,100%@24h`; `100%@0h` is for all at once.

    Raises:
        InvalidRequest: it is something else, or does not ascend.
    """
    found = [_stage(part) for part in text.split(",")]
    for before, after in pairwise(found):
        if after.share <= before.share or after.after_s <= before.after_s:
            raise InvalidRequest(
                f"cannot roll out by {text!r}: shares and times must grow",
                hint=_ROLLOUT_HINT,
            )
    return tuple(found)


def stages_text(rollout: Sequence[Stage]) -> str:
    """Write a roll-out as it is typed."""
    if not rollout:
        return "100%@0h"
    return ",".join(
        f"{_percent_text(stage.share)}%@{_span_text(stage.after_s)}"
        for stage in rollout
    )


def share(listing: Listing, now: datetime) -> float:
    """Return the share of all boxes that may take a release now, 0 to 1."""
    if listing.halted or listing.revoked:
        return 0.0
    since = (now - instant(listing.starts)).total_seconds()
    if not listing.rollout:
        return 1.0 if since >= 0 else 0.0
    return max((s.share for s in listing.rollout if s.after_s <= since), default=0.0)


def _stage(text: str) -> Stage:
    match = _STAGE.fullmatch(text.strip())
    if match is None or not 0 < float(match[1]) <= 100:  # noqa: PLR2004  # percent
        raise InvalidRequest(
            f"cannot read the stage {text.strip()!r} of a roll-out", hint=_ROLLOUT_HINT
        )
    # Rounded, so that 1.5 % is 0.015 and not what binary fractions make of it.
    return Stage(
        share=round(float(match[1]) / 100, 8), after_s=span(match[2]).total_seconds()
    )


def _percent_text(share: float) -> str:
    """Write a share with as many digits as can be typed."""
    return f"{share * 100:.6f}".rstrip("0").rstrip(".")


def _span_text(seconds: float) -> str:
    whole = int(seconds)
    for unit in ("d", "h", "min"):
        if whole and whole % _UNITS[unit] == 0 and (unit != "d" or whole > 86400):  # noqa: PLR2004  # 24h is how people say a day
            return f"{whole // _UNITS[unit]}{unit}"
    return f"{whole}s" if whole else "0h"


def _no_time(text: str) -> InvalidRequest:
    return InvalidRequest(
        f"cannot read the time {text!r}",
        hint="a span from now like 30d, or a date like 2026-12-24T18:00:00Z",
    )
