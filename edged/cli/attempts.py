"""Attempts to update in words: what was fetched, and what people brought in.

Law: text from values; nothing is asked, nothing is printed.
"""

from collections.abc import Iterable, Iterator, Sequence

from edged.cli.news import SERVES
from edged.cli.output import Align, fold, table
from edged.cli.updating import age
from edged.wire.changes import Change, Step
from edged.wire.updates import Attempt, Outcome
from edged.wire.words import size_text, span_text

_ENDED = {
    **dict.fromkeys(SERVES, Outcome.INSTALLED),
    **dict.fromkeys((Step.HELD, Step.REFUSED, Step.QUARANTINED), Outcome.REFUSED),
    Step.SUPERSEDED: Outcome.GIVEN_UP,
}


def imports(
    changes: Iterable[Change], attempts: Sequence[Attempt]
) -> Iterator[Attempt]:
    """Yield what people brought in under a source's signatures, as attempts.

    Args:
        changes: of the daemon.
        attempts: of the updater; what it brought itself is among them.
    """
    ids = {one.change for one in attempts}
    # Handed in again and again, an attempt knows none of its changes.
    tried = {(one.model, one.seq) for one in attempts if one.change is None}
    for change in changes:
        one, last = change.release, change.last
        outcome = _ENDED.get(last.step)
        if not change.source or one is None or outcome is None or change.id in ids:
            continue
        if (change.model, one.seq) in tried:
            continue
        began, ended = change.steps[0].at_utc, _served(change)
        yield Attempt(
            at_utc=ended,
            model=change.model,
            version=one.version,
            seq=one.seq,
            source=change.source,
            outcome=outcome,
            text="" if outcome is Outcome.INSTALLED else last.why,
            took_s=max(0.0, age(began, ended) or 0.0),
            change=change.id,
            by=change.by,
        )


def _served(change: Change) -> str:
    """Return when it served, or ended without."""
    served = (one.at_utc for one in change.steps if one.step in SERVES)
    return next(served, change.last.at_utc)


def attempts_lines(attempts: Iterable[Attempt], *, width: int) -> list[str]:
    """Set attempts in a table, and below it why those ended that brought nothing."""
    told = tuple(attempts)
    rows = [
        (
            one.at_utc[:16].replace("T", " "),
            one.model,
            f"{one.version} ({one.seq})",
            one.outcome.value,
            "import" if one.by else size_text(one.fetched_bytes),
            "-" if one.by else size_text(one.kept_bytes),
            span_text(one.took_s),
        )
        for one in told
    ]
    head = ("ENDED (UTC)", "MODEL", "RELEASE", "OUTCOME", "FETCHED", "KEPT", "TOOK")
    lines = table(head, rows, align=(Align.LEFT,) * 4 + (Align.RIGHT,) * 3)
    failed = [one for one in told if one.outcome is not Outcome.INSTALLED]
    if failed:
        lines.append("")
    for one in failed:
        code = f" ({one.reason.value})" if one.reason else ""
        change = f"; edgectl watch {one.change}" if one.change is not None else ""
        lines += fold(
            f"{one.model} {one.version} ({one.seq}) {one.outcome.value}: "
            f"{one.text or 'no more is known'}{code}{change}",
            width=width,
            first="- ",
        )
    return lines
