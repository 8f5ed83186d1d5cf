"""What was chosen -> the decision that moves the updater, and when to decide anew.

Law: pure. Two clocks are read at once: the reference time, by which `plan` judges, and
the monotonic one, by which we wait; so whatever the first one does, every wait ends.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from edged.update.moves import (
    Barred,
    Chosen,
    Decision,
    Delayed,
    Satisfied,
    Suspended,
    Wanted,
)
from edged.update.offers import Offer
from edged.update.plan import Choice
from edged.update.stops import SOONEST_S, Stop
from edged.update.verdicts import Turn
from edged.wire.updates import Reason
from edged.wire.words import read_utc

#: Reasons that end by themselves, or by what people and the daemon do next: the box is
#: `held`. With others there is nothing to wait for, and it is `idle`.
HOLDS = frozenset(
    {
        *(Reason.NOT_YET, Reason.NEEDS_EDGED, Reason.NEEDS_ARCH, Reason.NO_SPACE),
        *(Reason.WINDOW, Reason.BATTERY, Reason.HOT, Reason.METERED, Reason.BUSY),
        Reason.STRATEGY,
        *(Reason.STORE_FAILED, Reason.ON_HOLD, Reason.PINNED, Reason.DAEMON_AWAY),
        *(Reason.UNDER_WAY, Reason.IN_TRIAL, Reason.TO_DECIDE),
    }
)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Two clocks, read at once.

    Attributes:
        mono_s: the monotonic one.
        now: the reference time.
    """

    mono_s: float
    now: datetime

    def at(self, mono_s: float) -> datetime:
        """Return the date of a moment of the monotonic clock."""
        try:
            return self.now + timedelta(seconds=mono_s - self.mono_s)
        except OverflowError:
            return datetime.max.replace(tzinfo=self.now.tzinfo)

    def mono(self, when: datetime) -> float:
        """Return a date on the monotonic clock, never one that has passed.

        A date that stands still (a clock that nobody set) must not make us turn on the
        spot, so it is a little later than now at least.
        """
        left_s = (when - self.now).total_seconds()
        return self.mono_s + max(SOONEST_S, left_s)

    def of_text(self, utc: str | None) -> float | None:
        """Return what RFC 3339 says on the monotonic clock; None for nothing."""
        when = read_utc(utc) if utc is not None else None
        return None if when is None else self.mono(when)


class PauseStands(msgspec.Struct, frozen=True, kw_only=True):
    """A person's pause, on the monotonic clock."""

    by: str
    why: str = ""
    until_s: float | None = None


def wanted(offer: Offer, *, downgrade: bool) -> Wanted:
    """Return an offer as the machine knows it."""
    listing = offer.listing
    return Wanted(
        source=offer.source,
        model=listing.model,
        version=listing.version,
        seq=listing.seq,
        digest=offer.sha256,
        downgrade=downgrade,
    )


def decision(
    choice: Choice,
    moment: Moment,
    *,
    pause: PauseStands | None,
    stops: Mapping[str, Stop],
) -> Decision:
    """Return what moves the updater.

    Args:
        choice: by `plan`.
        moment: when it was made.
        pause: that stands.
        stops: what failed, by digest.
    """
    if pause is not None:
        return Suspended(by=pause.by, until_s=pause.until_s)
    if choice.take is not None:
        take = choice.take
        return Chosen(wanted=wanted(take.offer, downgrade=take.downgrade))
    told = [stop for stop in stops.values() if _is_told(stop, choice)]
    if stop := min(told, key=lambda stop: stop.until_s, default=None):
        return _stopped(stop)
    standing = next((why for why in choice.why_not if why.reason in HOLDS), None)
    if standing is None:
        return Satisfied()
    return Barred(reason=standing.reason, until_s=moment.of_text(standing.until_utc))


def _stopped(stop: Stop) -> Decision:
    if stop.turn is Turn.RETRY:
        return Delayed(reason=stop.reason, next_s=stop.until_s, wanted=stop.wanted)
    return Barred(reason=stop.reason, until_s=stop.until_s, wanted=stop.wanted)


def again_s(choice: Choice, moment: Moment) -> float | None:
    """Return when to decide anew by itself, on the monotonic clock; None: never."""
    ends = [moment.of_text(why.until_utc) for why in choice.why_not]
    if choice.take is not None and choice.take.until is not None:
        ends.append(moment.mono(choice.take.until))
    return min((end for end in ends if end is not None), default=None)


def _is_told(stop: Stop, choice: Choice) -> bool:
    """Tell whether it is what stands against a release, and nothing else does."""
    one = stop.wanted
    return any(
        (why.model, why.seq, why.reason) == (one.model, one.seq, stop.reason)
        for why in choice.why_not
    )
