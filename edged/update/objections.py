"""What may stand against a release, one check a reason.

Law: pure. A check says nothing where nothing is known. Every objection has its reason,
its figures in words, what a person may do, and when it ends by itself.

`OF_RELEASE` is about one release: an older one may still be taken. `OF_MODEL` is about
a model or the box at this time: nothing older is taken in the meantime.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from edged.update.offers import Offer, Setback, Situation
from edged.update.rollout import begins_at, open_share, opens_at, share
from edged.wire.needs import meets
from edged.wire.updates import Reason
from edged.wire.words import read_utc, span_text, utc_text

#: A box whose clock nobody sets does not know its window, and waits no longer.
UNSET_CLOCK_S = 3 * 86_400.0

#: Gives a box its place in windows: the same every day, and no model's.
_IN_WINDOW = ("/window", 0)


class Objection(msgspec.Struct, frozen=True, kw_only=True):
    """What stands against a release; see `WhyNot`.

    Attributes:
        until: when it ends by itself; None: when something changes.
    """

    reason: Reason
    text: str
    hint: str = ""
    until: datetime | None = None


Check = Callable[[Offer, Situation], Objection | None]


def first(
    checks: tuple[Check, ...], offer: Offer, situation: Situation
) -> Objection | None:
    """Return what the first check that objects says."""
    return next(filter(None, (check(offer, situation) for check in checks)), None)


def overdue(offer: Offer, situation: Situation) -> bool:
    """Tell whether its publisher lets it wait for windows and networks no longer."""
    by = read_utc(offer.listing.mandatory_by or "")
    return by is not None and by <= situation.now


def unknown(offer: Offer, situation: Situation) -> tuple[Reason, ...]:
    """Return the reasons that nobody could look at, of those that would count."""
    conditions, policy = situation.conditions, situation.policy
    urged = _urged(offer, situation)
    eased = urged or policy.metered or overdue(offer, situation)
    missing = {
        Reason.BATTERY: not urged
        and policy.min_battery_pct > 0
        and conditions.battery_pct is None
        and conditions.on_mains is not True,
        Reason.METERED: not eased and conditions.metered is None,
        Reason.HOT: conditions.hot is None,
    }
    return tuple(reason for reason, is_missing in missing.items() if is_missing)


# --- the publisher --------------------------------------------------------------------


def _revoked(offer: Offer, _: Situation) -> Objection | None:
    if not offer.listing.revoked:
        return None
    return Objection(
        reason=Reason.REVOKED,
        text=f"its publisher revoked it: {offer.listing.revoked}",
    )


def _halted(offer: Offer, _: Situation) -> Objection | None:
    if not offer.listing.halted:
        return None
    return Objection(
        reason=Reason.HALTED,
        text="its publisher halted its roll-out",
        hint="edgectl update check",
    )


def _not_yet(offer: Offer, situation: Situation) -> Objection | None:
    listing, now = offer.listing, situation.now
    starts = begins_at(listing)
    if starts is None:
        return Objection(
            reason=Reason.NOT_UNDERSTOOD,
            text=f"its roll-out starts at {listing.starts!r}, which is no time",
            hint="ask its publisher to sign it again",
        )
    place = share(situation.box.device_id, listing.model, listing.seq)
    opens = opens_at(listing, place)
    if _urged(offer, situation) or (opens is not None and opens <= now):
        return None
    part = open_share(listing, now)
    stands = f"{part:.4g} of all boxes may take it now, this one stands at {place:.4f}"
    if now < starts:
        stands = f"its roll-out begins at {utc_text(starts)}"
    turn = "no stage comes to it"
    if opens is not None:
        turn = f"it is taken at the first look after {utc_text(opens)}"
    # Without an end: all boxes of a stage know the same moment, and would come at once,
    # and by what they knew. Looks are spread, and see a halt.
    return Objection(
        reason=Reason.NOT_YET,
        text=f"{stands}; {turn}",
        hint=f"edgectl update now {listing.model}",
    )


# --- this box -------------------------------------------------------------------------


def _needs_edged(offer: Offer, situation: Situation) -> Objection | None:
    bounds, version = offer.listing.needs_edged, situation.box.edged
    if meets(version, bounds):
        return None
    return Objection(
        reason=Reason.NEEDS_EDGED,
        text=f"it needs edged {bounds}, this is {version}",
        hint="install that version of edged first",
    )


def _needs_arch(offer: Offer, situation: Situation) -> Objection | None:
    wanted, arch = offer.listing.arch, situation.box.arch
    if not wanted or arch in wanted:
        return None
    return Objection(
        reason=Reason.NEEDS_ARCH,
        text=f"it is for {', '.join(wanted)}, this box is {arch}",
        hint="ask its publisher for a release for this CPU",
    )


def _window(offer: Offer, situation: Situation) -> Objection | None:
    window, now = situation.policy.window, situation.now
    if window is None or _urged(offer, situation) or overdue(offer, situation):
        return None
    hint = f"edgectl update now {offer.listing.model}"
    unset_s = situation.conditions.clock_unset_s
    if unset_s is not None:
        left_s = UNSET_CLOCK_S - unset_s
        if left_s <= 0:
            return None
        return Objection(
            reason=Reason.WINDOW,
            text=f"it waits for {window}, and nobody has set this box's clock; in "
            f"{span_text(left_s)} it waits no longer",
            hint=f"timedatectl; {hint}",
            until=now + timedelta(seconds=left_s),
        )
    ours = window.from_part(share(situation.box.device_id, *_IN_WINDOW))
    if ours.is_open(now):
        return None
    opens = ours.opens_at(now)
    return Objection(
        reason=Reason.WINDOW,
        text=f"it waits for {window}; this box's turn in it is {utc_text(opens)}",
        hint=hint,
        until=opens,
    )


def _battery(offer: Offer, situation: Situation) -> Objection | None:
    conditions, least = situation.conditions, situation.policy.min_battery_pct
    charge = conditions.battery_pct
    if conditions.on_mains or charge is None or charge >= least:
        return None
    if _urged(offer, situation):
        return None
    return Objection(
        reason=Reason.BATTERY,
        text=f"the battery is at {charge:.0f} %, and {least} % are wanted",
        hint=f"connect it, or: edgectl update now {offer.listing.model}",
    )


def _metered(offer: Offer, situation: Situation) -> Objection | None:
    if not situation.conditions.metered or situation.policy.metered:
        return None
    if _urged(offer, situation) or overdue(offer, situation):
        return None
    return Objection(
        reason=Reason.METERED,
        text="the network costs by the byte",
        hint=f"edgectl update now {offer.listing.model}, or `update: {{metered: true}}`"
        " in the settings",
    )


def _strategy(_: Offer, situation: Situation) -> Objection | None:
    """Obey it also for who wants a release at once; heat has its own word."""
    seen = situation.conditions
    if seen.hot:
        return Objection(
            reason=Reason.HOT,
            text="the box is too hot for more work",
            hint="give it air; it goes on by itself",
        )
    if seen.may_fetch:
        return None
    return Objection(
        reason=Reason.STRATEGY,
        text=f"nothing is fetched while the box is {seen.strategy}",
        hint="edgectl strategy; if it must be: edgectl strategy force normal --for 1h",
    )


# --- people ---------------------------------------------------------------------------


def _paused(_: Offer, situation: Situation) -> Objection | None:
    pause = situation.wishes.pause
    if pause is None or _is_over(pause.until, situation):
        return None
    by = f" by {pause.by}" if pause.by else ""
    return Objection(
        reason=Reason.PAUSED,
        text=f"updates are paused{by}{_until(pause.until)}{_why(pause.why)}",
        hint="edgectl update resume",
        until=pause.until,
    )


def _held(offer: Offer, situation: Situation) -> Objection | None:
    model = offer.listing.model
    holds = (
        hold
        for hold in situation.wishes.holds
        if hold.model in (None, model) and not _is_over(hold.until, situation)
    )
    longest = max(holds, key=lambda hold: hold.until, default=None)
    if longest is None:
        return None
    what = longest.model or "any model"
    return Objection(
        reason=Reason.ON_HOLD,
        text=f"no release of {what} is wanted{_until(longest.until)}"
        f"{_why(longest.why)}",
        hint=" ".join(filter(None, ("edgectl update resume", longest.model))),
        until=longest.until,
    )


def _pinned(offer: Offer, situation: Situation) -> Objection | None:
    model = offer.listing.model
    standing = situation.installed.get(model)
    if standing is None or not standing.pinned:
        return None
    return Objection(
        reason=Reason.PINNED,
        text=f"{model} is pinned to what is live",
        hint=f"edgectl models unpin {model}",
    )


# --- the daemon -----------------------------------------------------------------------


def _quarantined(offer: Offer, situation: Situation) -> Objection | None:
    model, seq = offer.listing.model, offer.listing.seq
    standing = situation.installed.get(model)
    if standing is None or offer.sha256 not in standing.quarantined:
        return None
    return Objection(
        reason=Reason.QUARANTINED,
        text="it was bad on this box, and is in quarantine",
        hint=f"edgectl models unquarantine {model} {seq}",
    )


def _under_way(offer: Offer, situation: Situation) -> Objection | None:
    standing = situation.installed.get(offer.listing.model)
    if standing is None or standing.under_way is None:
        return None
    return Objection(
        reason=Reason.UNDER_WAY,
        text=f"change {standing.under_way} of {standing.model} is not over",
        hint=f"edgectl watch {standing.under_way}",
    )


def _to_decide(offer: Offer, situation: Situation) -> Objection | None:
    model, seq = offer.listing.model, offer.listing.seq
    standing = situation.installed.get(model)
    if standing is None or standing.held != offer.sha256:
        return None
    return Objection(
        reason=Reason.TO_DECIDE,
        text="it is here, answers otherwise than the live release, and a person must "
        "decide",
        hint=f"edgectl models use {model} {seq} if that is wanted; if not: "
        f"edgectl models quarantine {model} {seq}",
    )


# --- what was tried -------------------------------------------------------------------


def _given_up(offer: Offer, situation: Situation) -> Objection | None:
    setback = _setback(offer, situation)
    return _told(setback) if setback and setback.until is None else None


def _delayed(offer: Offer, situation: Situation) -> Objection | None:
    """Wait, also where a person wants it at once.

    What failed before that was forgotten then; what fails since would fail again, and
    again, as fast as the box can.
    """
    setback = _setback(offer, situation)
    if setback is None or _is_over(setback.until, situation):
        return None
    return _told(setback)


#: The order is that of what a person can change least.
OF_RELEASE: tuple[Check, ...] = (
    _revoked,
    _halted,
    _quarantined,
    _needs_edged,
    _needs_arch,
    _given_up,
    _not_yet,
)

OF_MODEL: tuple[Check, ...] = (
    _paused,
    _held,
    _pinned,
    _to_decide,
    _under_way,
    _delayed,
    _window,
    _battery,
    _metered,
    _strategy,
)


# --- small steps ----------------------------------------------------------------------


def _urged(offer: Offer, situation: Situation) -> bool:
    return situation.wishes.urges(offer.listing.model)


def _is_over(until: datetime | None, situation: Situation) -> bool:
    return until is not None and until <= situation.now


def _until(moment: datetime | None) -> str:
    return "" if moment is None else f" until {utc_text(moment)}"


def _why(why: str) -> str:
    return f": {why}" if why else ""


def _setback(offer: Offer, situation: Situation) -> Setback | None:
    found = (one for one in situation.setbacks if one.sha256 == offer.sha256)
    return next(found, None)


def _told(setback: Setback) -> Objection:
    return Objection(
        reason=setback.reason,
        text=setback.text,
        hint=setback.hint,
        until=setback.until,
    )
