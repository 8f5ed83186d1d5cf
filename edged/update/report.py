"""The updater's state in words.

Law: pure. One text serves `edgectl`, the log and a person who reads a test.
"""

from collections.abc import Iterable, Sequence

from edged.update.moves import (
    Available,
    BackOff,
    Checking,
    Downloading,
    Held,
    Idle,
    Paused,
    Preflight,
    Staged,
    State,
    Taking,
    Verifying,
    Wanted,
)
from edged.update.offers import Conditions, Offer
from edged.update.rollout import share
from edged.update.verdicts import Verdict
from edged.wire.updates import Activity, Reason, WhyNot
from edged.wire.words import size_text

ACTIVITIES: dict[type[State], Activity] = {
    Idle: Activity.IDLE,
    Checking: Activity.CHECKING,
    Available: Activity.AVAILABLE,
    Preflight: Activity.PREFLIGHT,
    Downloading: Activity.DOWNLOADING,
    Verifying: Activity.VERIFYING,
    Staged: Activity.STAGED,
    Held: Activity.HELD,
    BackOff: Activity.BACK_OFF,
    Paused: Activity.PAUSED,
}


YIELDS = "requests wait, and inference has the right of way"

_STEPS: dict[type[Taking], str] = {
    Available: "fetches its manifest and its index",
    Preflight: "looks whether this box can take it",
    Verifying: "hashes what was fetched",
}


def subject(state: State) -> Wanted | None:
    """Return the release that a state is about."""
    return state.wanted if isinstance(state, Taking | Held | BackOff) else None


def until_s(state: State) -> float | None:
    """Return when it goes on by itself, on the monotonic clock; None: never."""
    if isinstance(state, BackOff):
        return state.next_s
    return state.until_s if isinstance(state, Held | Paused) else None


def line(
    state: State,
    why_not: Sequence[WhyNot],
    *,
    sources: Sequence[str],
    heard: bool,
    cut: Wanted | None = None,
) -> str:
    """Say in one line what the updater does.

    Args:
        state: of the machine.
        why_not: reasons that stand.
        sources: their names.
        heard: whether all of them answered when they were last asked.
        cut: what an earlier life was taking, where nobody was asked in this one.
    """
    if isinstance(state, Taking):
        return f"{state.wanted}: {_taking(state)}"
    if isinstance(state, Held | BackOff):
        return _because(state.reason, why_not)
    if isinstance(state, Paused):
        return f"paused by {state.by}" if state.by else "paused"
    if isinstance(state, Checking):
        return f"asks {', '.join(sources)}"
    if cut is not None:
        return f"goes on with {cut} when its source is asked"
    return _resting(why_not, heard=heard)


def fault(judged: Verdict, since_utc: str) -> WhyNot:
    """Say what is wrong with the updater itself."""
    return WhyNot(
        reason=judged.reason,
        source="",
        text=judged.text,
        hint=judged.hint,
        since_utc=since_utc,
    )


def slow(wanted: Wanted, since_utc: str) -> WhyNot:
    """Say that what is on its way gives way to requests."""
    return WhyNot(
        reason=Reason.BUSY,
        source=wanted.source,
        model=wanted.model,
        seq=wanted.seq,
        version=wanted.version,
        text=f"it is on its way, slowly: {YIELDS}",
        hint="nothing to do: it goes on by itself",
        since_utc=since_utc,
    )


def shares(offers: Iterable[Offer], device_id: str) -> dict[str, float]:
    """Return this box's place in the roll-out of each model's newest release."""
    newest: dict[str, int] = {}
    for offer in offers:
        model, seq = offer.listing.model, offer.listing.seq
        newest[model] = max(seq, newest.get(model, seq))
    return {m: round(share(device_id, m, seq), 4) for m, seq in newest.items()}


def _taking(state: Taking) -> str:
    if isinstance(state, Downloading):
        text = f"fetches {size_text(state.total_bytes)}"
        if state.kept_bytes:
            text += f", {size_text(state.kept_bytes)} of it are here"
        return text
    if isinstance(state, Staged):
        if state.change is None:
            return "is handed to the daemon"
        return f"the daemon proves it, change {state.change}"
    return _STEPS[type(state)]


def _because(reason: Reason, why_not: Iterable[WhyNot]) -> str:
    why = next((why for why in why_not if why.reason is reason), None)
    if why is None:
        return reason.value
    about = why.source if why.model is None else f"{why.model} {why.version}"
    return ": ".join(filter(None, (about, why.text)))


def _resting(why_not: Sequence[WhyNot], *, heard: bool) -> str:
    if not heard:
        silent = next((why for why in why_not if why.model is None), None)
        return silent.text if silent else "no source has been asked since the start"
    if why_not:
        return f"nothing to take; {_because(why_not[0].reason, why_not)}"
    return "up to date"


def waits(seen: Conditions, *, slow: bool) -> str:
    """Say why a download stands still, or comes slowly, if it does."""
    if seen.hot:
        return "waits: the box is too hot"
    if not seen.may_fetch:
        return f"waits: the box is {seen.strategy}"
    return f"slow: {YIELDS}" if slow else ""


def unasked(seen: Conditions, since_utc: str) -> tuple[WhyNot, ...]:
    """Say that no source is asked, where the strategy in force forbids it."""
    if seen.may_look:
        return ()
    return (
        WhyNot(
            reason=Reason.STRATEGY,
            source="",
            text=f"no source is asked while the box is {seen.strategy}",
            hint="edgectl strategy",
            since_utc=since_utc,
        ),
    )
