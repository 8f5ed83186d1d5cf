"""When a release comes to this box, in a roll-out that needs no server.

Law: pure. Its publisher signs a schedule, a box knows its own place in it. The place
differs from release to release, so that no box is always the first; it cannot be told
without the box's id, and never changes for one release.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from edged.wire.listing import Listing, Stage
from edged.wire.words import read_utc

_SHARE_BYTES = 8

#: Of a box without an id: it comes when all come.
_LAST = 1 - 2**-53


def share(device_id: str, model: str, seq: int) -> float:
    """Return the box's place in the roll-out of a release, in [0, 1).

    It is the first eight bytes of HMAC-SHA256 with the id as key over `MODEL/SEQ`, as
    a fraction.
    """
    if not device_id:
        return _LAST
    told = hmac.digest(device_id.encode(), f"{model}/{seq}".encode(), hashlib.sha256)
    # A double holds 53 bits: of all 64, the highest numbers would round up to 1.
    return (int.from_bytes(told[:_SHARE_BYTES]) >> 11) / 2**53


def begins_at(listing: Listing) -> datetime | None:
    """Return when its roll-out begins; None for what is no time."""
    return read_utc(listing.starts)


def opens_at(listing: Listing, place: float) -> datetime | None:
    """Return from when on a box of that place may take a release.

    None where no stage comes to it yet, or nobody can tell when.
    """
    starts = begins_at(listing)
    stage = _stage_of(listing, place)
    if starts is None or stage is None:
        return None
    try:
        return starts + timedelta(seconds=stage.after_s)
    except OverflowError:
        return None


def open_share(listing: Listing, now: datetime) -> float:
    """Return the share of all boxes that may take a release now; 0 before it begins."""
    starts = begins_at(listing)
    if starts is None or now < starts:
        return 0.0
    if not listing.rollout:
        return 1.0
    passed_s = (now - starts).total_seconds()
    return max((s.share for s in listing.rollout if s.after_s <= passed_s), default=0.0)


def _stage_of(listing: Listing, place: float) -> Stage | None:
    if not listing.rollout:
        return Stage(share=1.0, after_s=0.0)
    return next((stage for stage in listing.rollout if stage.share > place), None)
