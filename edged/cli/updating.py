"""Updates in words: a line for `status`, the updater's page, reasons.

Law: text and troubles from values; nothing is asked, nothing is printed. `status`
imports this, so it is light.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from edged.cli.output import Align, fold, table, try_lines
from edged.wire.messages import Status, Trouble
from edged.wire.updates import (
    Activity,
    Reason,
    SourceStatus,
    Transfer,
    UpdateStatus,
    WhyNot,
)
from edged.wire.words import read_utc, size_text, span_text

#: A source whose metadata does not hold for longer than this makes the box degraded: a
#: publisher has repaired what was a mistake by then.
STALE_S = 7 * 86_400.0

#: The signed metadata of a source does not hold, or an attack is seen.
DISTRUST = frozenset(
    {
        Reason.ROLLBACK,
        Reason.FREEZE,
        Reason.MIX_AND_MATCH,
        Reason.BAD_SIGNATURE,
        Reason.BAD_METADATA,
        Reason.ENDLESS_METADATA,
        Reason.NO_ROOT,
    }
)

#: A release is on its way.
UNDER_WAY = frozenset(
    {
        Activity.AVAILABLE,
        Activity.PREFLIGHT,
        Activity.DOWNLOADING,
        Activity.VERIFYING,
        Activity.STAGED,
    }
)

#: All is as it should be: no words of it in `status`.
_QUIET = frozenset(
    # A release that was revoked is no news, unless it is live: then it is trouble.
    {Reason.UP_TO_DATE, Reason.NOT_YET, Reason.HALTED, Reason.REVOKED}
)

DOCS = "docs/how-to/keep-a-box-up-to-date.md"


# --- for `status` -------------------------------------------------------------


def status_lines(
    told: UpdateStatus, *, at_utc: str, width: int, said: Iterable[Trouble] = ()
) -> list[str]:
    """Say what is the case with updates where there is something to say.

    Args:
        told: by the updater.
        at_utc: now.
        width: columns there are.
        said: troubles that stand above; nothing is said twice.
    """
    text, hint = _news(told, at_utc)
    above = [trouble.text for trouble in said]
    for why in told.reasons:
        if why.text in text and any(why.text in one for one in above):
            return []
    if not text:
        return []
    lines = fold(text, width=width, first="- update: ")
    return [*lines, *try_lines(hint, width=width)] if hint else lines


def troubles(told: UpdateStatus, status: Status, *, at_utc: str) -> tuple[Trouble, ...]:
    """Return what makes a box degraded: what must not run, and whom it cannot trust.

    A daemon that has heard what is revoked says so itself.
    """
    known = {one.model for one in status.troubles if one.code == Reason.REVOKED.value}
    live = {m.name: m.seq for m in status.models if m.name not in known}
    checked = {source.name: source.checked_utc for source in told.sources}
    found = []
    for why in told.reasons:
        if why.reason is Reason.REVOKED and _is_live(why, live):
            found.append(_revoked(why))
        if why.model is None and why.reason in DISTRUST:
            since = checked.get(why.source) or why.since_utc
            age_s = age(since, at_utc)
            if age_s is not None and age_s > STALE_S:
                found.append(_stale(why, age_s))
    return tuple(found)


def _news(told: UpdateStatus, at_utc: str) -> tuple[str, str]:
    """Return a sentence and its hint, empty for none."""
    loud = [why for why in told.reasons if why.reason not in _QUIET]
    match told.activity:
        case Activity.PAUSED:
            return _with_until(told.text, told, at_utc), "edgectl update resume"
        case Activity.HELD | Activity.BACK_OFF:
            why = _cause(told)
            if why is None:
                return _with_until(told.text, told, at_utc), "edgectl update why"
            return _told(why, at_utc), why.hint or "edgectl update why"
        case activity if activity in UNDER_WAY:
            return progress_text(told), ""
        case _ if loud:
            first, *rest = loud
            more = f" (and {len(rest)} more)" if rest else ""
            return _told(first, at_utc) + more, "edgectl update why"
        case _:
            return "", ""


def _cause(told: UpdateStatus) -> WhyNot | None:
    """Return the reason that the updater's state is about: its text has it."""
    named = [why for why in told.reasons if why.text and why.text in told.text]
    about = [why for why in told.reasons if why.model == told.model]
    loud = [why for why in told.reasons if why.reason not in _QUIET]
    return next(
        (why for why in (*named, *about, *loud, *told.reasons) if why.text), None
    )


def _told(why: WhyNot, at_utc: str) -> str:
    until = f"; again in {_ahead(why.until_utc, at_utc)}" if why.until_utc else ""
    since = age(why.since_utc, at_utc)
    for_s = f" for {span_text(since)}" if since is not None and since >= 1 else ""
    return f"{subject(why)}: {why.text} ({why.reason.value}{for_s}{until})"


def _with_until(text: str, told: UpdateStatus, at_utc: str) -> str:
    if told.until_utc is None:
        return text
    return f"{text}; goes on in {_ahead(told.until_utc, at_utc)}"


def _is_live(why: WhyNot, live: Mapping[str, int | None]) -> bool:
    return (
        why.model is not None and why.seq is not None and live.get(why.model) == why.seq
    )


def _revoked(why: WhyNot) -> Trouble:
    return Trouble(
        code=why.reason.value,
        text=why.text,
        hint=why.hint or f"edgectl models rollback {why.model}",
        model=why.model,
    )


def _stale(why: WhyNot, age_s: float) -> Trouble:
    return Trouble(
        code=why.reason.value,
        text=f"source {why.source} could not be trusted for {span_text(age_s)}: "
        f"{why.text}",
        hint=why.hint or "edgectl update why",
    )


# --- the updater's page -------------------------------------------------------


def page(told: UpdateStatus, *, at_utc: str, width: int) -> list[str]:
    """Set the updater in lines: what it does, why not, its sources."""
    lines = fold(headline(told, at_utc), width=width)
    if told.activity is Activity.PAUSED:
        lines += try_lines("edgectl update resume", width=width)
    if not told.sources and not told.apart:
        lines += try_lines(DOCS, width=width)
    for wish in told.wishes:
        lines += fold(wish, width=width, first="- ")
    for why in told.reasons:
        lines += fold(_told(why, at_utc), width=width, first="- ")
        lines += try_lines(why.hint, width=width) if why.hint else []
    if told.clock == "behind":
        lines += fold(
            "the clock of this box is behind; signed metadata could be older than "
            "it should",
            width=width,
            first="- ",
        )
    if told.sources:
        lines += ["", *_sources(told.sources, at_utc)]
    return lines


def headline(told: UpdateStatus, at_utc: str) -> str:
    """Say what the updater does, with its figures."""
    word = told.activity.value
    if told.activity is Activity.DOWNLOADING and told.transfer is not None:
        return f"{word}: {progress_text(told)}"
    text = _with_until(told.text, told, at_utc)
    return text if text.startswith(word) else f"{word}: {text}"


def progress_text(told: UpdateStatus) -> str:
    """Say how far a release is: percent, rate, time left, what was kept."""
    transfer = told.transfer
    if told.activity is not Activity.DOWNLOADING or transfer is None:
        return told.text
    parts = [
        f"{percent(transfer)} % of {size_text(transfer.total_bytes)}",
        rate_text(transfer),
    ]
    if (left := left_s(transfer)) is not None:
        parts.append(f"{span_text(left)} left")
    if transfer.kept_bytes:
        parts.append(f"{size_text(transfer.kept_bytes)} kept from before")
    if transfer.cuts:
        parts.append(f"{transfer.cuts} cut{'s' if transfer.cuts > 1 else ''}")
    if waits := told.text.partition("; ")[2]:  # for inference, or until it is cooler
        parts.append(waits)
    name = " ".join(filter(None, (told.model, told.version)))
    return f"{name}{_seq(told.seq)}: {', '.join(parts)}"


def percent(transfer: Transfer) -> int:
    """Return how far a download is; 100 when its last byte is there, not before."""
    if transfer.total_bytes <= 0:
        return 100
    return max(0, min(100, 100 * transfer.done_bytes // transfer.total_bytes))


def rate_text(transfer: Transfer) -> str:
    """Write how fast bytes come in."""
    if transfer.rate_bytes_s < 1:
        return "nothing arrives"
    return f"{size_text(int(transfer.rate_bytes_s))}/s"


def left_s(transfer: Transfer) -> float | None:
    """Return how long it takes at this rate; None while nothing arrives."""
    if transfer.rate_bytes_s < 1:
        return None
    left = max(0, transfer.total_bytes - transfer.done_bytes)
    return left / transfer.rate_bytes_s


def _sources(sources: Sequence[SourceStatus], at_utc: str) -> list[str]:
    rows = [
        (
            one.name,
            one.kind,
            _ago(one.checked_utc, at_utc),
            f"in {_ahead(one.next_utc, at_utc)}" if one.next_utc else "-",
            str(one.versions.get("timestamp", "-")),
            one.url,
        )
        for one in sources
    ]
    head = ("SOURCE", "KIND", "HEARD", "NEXT", "TIMESTAMP", "URL")
    left = Align.LEFT
    return table(head, rows, align=(left,) * 4 + (Align.RIGHT, left))


# --- reasons -----------------------------------------------------


def why_lines(why: WhyNot, *, at_utc: str, width: int) -> list[str]:
    """Set one reason: what, its code, its words, its age, what to do."""
    lines = fold(f"{subject(why)}: {why.reason.value}", width=width)
    lines += fold(why.text, width=width, first="  ")
    since = age(why.since_utc, at_utc)
    parts = [] if since is None else [f"for {span_text(since)}"]
    if why.model is not None and why.source:
        parts.append(f"from source {why.source}")
    if why.until_utc:
        parts.append(f"looked at again in {_ahead(why.until_utc, at_utc)}")
    lines += fold(", ".join(parts), width=width, first="  ")
    return [*lines, *(try_lines(why.hint, width=width) if why.hint else ())]


def subject(why: WhyNot) -> str:
    """Name what a reason is about: a release, a source, or the updater itself."""
    if why.model is None:
        return f"source {why.source}" if why.source else "the updater"
    name = " ".join(filter(None, (why.model, why.version)))
    return name + _seq(why.seq)


# --- times --------------------------------------------------------------------


def age(since_utc: str, at_utc: str) -> float | None:
    """Return the seconds between two moments, None where one is unknown."""
    since, at = read_utc(since_utc), read_utc(at_utc)
    return None if since is None or at is None else _between(since, at)


def _between(since: datetime, at: datetime) -> float:
    return (at - since).total_seconds()


def _ago(since_utc: str | None, at_utc: str) -> str:
    if since_utc is None:
        return "never"
    seconds = age(since_utc, at_utc)
    return "?" if seconds is None else f"{span_text(seconds)} ago"


def _ahead(until_utc: str | None, at_utc: str) -> str:
    seconds = None if until_utc is None else age(at_utc, until_utc)
    return "?" if seconds is None else span_text(seconds)


def _seq(seq: int | None) -> str:
    return "" if seq is None else f" (seq {seq})"
