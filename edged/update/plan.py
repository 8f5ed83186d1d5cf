"""Which release to take now, and why none of the others.

Law: pure. At most one release at a time, over all models. Of a model's releases the
newest that may be taken is *the* one: what stands against it for a time does not let
an older one pass. A release that is older than that one is no news, and has no reason.

A release that a source revoked or halted is that for every source that lists it.
A live release that was revoked is replaced by the newest that may be taken, also by an
older one.

What this says is right for what the sources said last. Who has waited for a roll-out or
a window asks them again before the first byte: they may have halted it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from edged.update.objections import (
    OF_MODEL,
    OF_RELEASE,
    Objection,
    first,
    overdue,
    unknown,
)
from edged.update.offers import Installed, Offer, Situation
from edged.update.rollout import begins_at
from edged.wire.updates import Reason, WhyNot
from edged.wire.words import size_text, utc_text


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """The release to take now.

    Attributes:
        downgrade: the live one has a `seq` that is no lower, and must not run any more.
        text: in words.
        unknown: reasons that would have counted, had anybody known.
        until: when the window closes; None where none does.
    """

    offer: Offer
    downgrade: bool
    text: str
    unknown: tuple[Reason, ...]
    until: datetime | None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and what not.

    Attributes:
        why_not: newest first within a model, models by name.
        stop: models whose live release was revoked, with none to replace it.
    """

    take: Take | None
    why_not: tuple[WhyNot, ...]
    stop: tuple[str, ...]


class _Pick(msgspec.Struct, kw_only=True):
    """One model: its release to take, and the objections to others and to this.

    Attributes:
        revoked: the live release, where its publisher revoked it.
    """

    best: Offer | None = None
    bar: Objection | None = None
    refused: list[tuple[Offer, Objection]] = []
    revoked: Offer | None = None


def choose(offers: Sequence[Offer], situation: Situation) -> Choice:
    """Choose at most one release, and say why not for every other that is newer.

    Args:
        offers: of all sources, the preferred source first; each offers what it may.
        situation: all else.
    """
    known = _agreed(offers)
    models = sorted({offer.listing.model for offer in known})
    picks = {model: _pick(model, known, situation) for model in models}
    ready = {m: pick.best for m, pick in picks.items() if pick.best and not pick.bar}
    chosen = min(ready, key=lambda m: _turn(ready[m], picks[m], situation), default="")
    why_not: list[WhyNot] = []
    for model, pick in picks.items():
        if model != chosen:
            why_not += _told_live(model, pick, situation)
        refused = list(pick.refused)
        if pick.best and pick.bar:
            refused.append((pick.best, pick.bar))
        elif pick.best and model != chosen:
            refused.append((pick.best, _waits(ready[chosen])))
        why_not += [_told(offer, bar, situation) for offer, bar in refused]
    return Choice(
        take=_take(ready[chosen], situation) if chosen else None,
        why_not=tuple(why_not),
        stop=tuple(m for m, pick in picks.items() if pick.revoked and not pick.best),
    )


def _agreed(offers: Iterable[Offer]) -> list[Offer]:
    """Return each release once, with whatever any source says against it."""
    found: dict[tuple[str, str], Offer] = {}
    for offer in offers:
        listing = offer.listing
        known = found.setdefault((listing.model, offer.sha256), offer)
        said = msgspec.structs.replace(
            known.listing,
            revoked=known.listing.revoked or listing.revoked,
            halted=known.listing.halted or listing.halted,
        )
        found[listing.model, offer.sha256] = msgspec.structs.replace(
            known, listing=said
        )
    return list(found.values())


def _pick(model: str, offers: Sequence[Offer], situation: Situation) -> _Pick:
    standing = _standing(model, situation)
    ours = [offer for offer in offers if offer.listing.model == model]
    live = next((offer for offer in ours if offer.sha256 == standing.digest), None)
    pick = _Pick(revoked=live if live and live.listing.revoked else None)
    lowest = -1 if standing.seq is None or pick.revoked else standing.seq
    others = [o for o in ours if o.listing.seq > lowest and o is not live]
    for offer in sorted(others, key=lambda other: -other.listing.seq):
        bar = first(OF_RELEASE, offer, situation)
        if bar is None:
            pick.best = offer
            pick.bar = first(OF_MODEL, offer, situation)
            break
        pick.refused.append((offer, bar))
    return pick


def _turn(offer: Offer, pick: _Pick, situation: Situation) -> tuple[object, ...]:
    """Order the models that have something to take; the least goes first."""
    model = offer.listing.model
    return (
        offer.sha256 != situation.current,
        pick.revoked is None,
        not situation.wishes.urges(model),
        not overdue(offer, situation),
        begins_at(offer.listing),
        model,
    )


def _take(offer: Offer, situation: Situation) -> Take:
    blind = unknown(offer, situation)
    text = f"{offer} from {offer.source}, {size_text(offer.listing.size_bytes)}"
    if blind:
        text += f"; not known: {', '.join(reason.value for reason in blind)}"
    standing = _standing(offer.listing.model, situation)
    return Take(
        offer=offer,
        downgrade=standing.seq is not None and offer.listing.seq <= standing.seq,
        text=text,
        unknown=blind,
        until=_closes(offer, situation),
    )


def _closes(offer: Offer, situation: Situation) -> datetime | None:
    """Return when the window that lets it pass closes."""
    window, urged = situation.policy.window, situation.wishes.urges(offer.listing.model)
    blind = situation.conditions.clock_unset_s is not None
    if window is None or urged or blind or overdue(offer, situation):
        return None
    return window.closes_at(situation.now)


def _told_live(model: str, pick: _Pick, situation: Situation) -> list[WhyNot]:
    """Say that the live release was revoked, and what becomes of it."""
    if pick.revoked is None:
        return []
    if pick.best:
        then, hint = f"{pick.best} is to replace it", f"edgectl update now {model}"
    else:
        then, hint = "nothing replaces it", f"edgectl models show {model}"
    text = (
        f"{pick.revoked} is live, and its publisher has revoked it: "
        f"{pick.revoked.listing.revoked}; {then}"
    )
    bar = Objection(reason=Reason.REVOKED, text=text, hint=hint)
    return [_told(pick.revoked, bar, situation)]


def _waits(other: Offer) -> Objection:
    return Objection(
        reason=Reason.UNDER_WAY,
        text=f"one release at a time: {other} goes first",
        hint="edgectl update watch",
    )


def _told(offer: Offer, bar: Objection, situation: Situation) -> WhyNot:
    listing = offer.listing
    return WhyNot(
        reason=bar.reason,
        source=offer.source,
        text=bar.text,
        hint=bar.hint,
        model=listing.model,
        seq=listing.seq,
        version=listing.version,
        since_utc=utc_text(situation.now),
        until_utc=None if bar.until is None else utc_text(bar.until),
    )


def _standing(model: str, situation: Situation) -> Installed:
    return situation.installed.get(model) or Installed(model=model)
