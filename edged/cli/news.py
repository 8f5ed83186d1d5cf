"""Changes in words: a line for `status`, a line a step, a table, and how one failed.

Law: text and errors from values; nothing is asked, nothing is printed.
"""

from collections.abc import Iterable, Mapping, Sequence

from edged.cli.output import Align, clip, fold, table, try_lines
from edged.errors import Conflict, EdgedError, Held, Refused, Rejected, by_code
from edged.wire.changes import Change, Step, StepTaken
from edged.wire.messages import ModelStatus

#: Steps at which a release serves.
SERVES = frozenset({Step.PROBATION, Step.COMMITTED, Step.DONE})

# Open changes that `status` tells; there is a command that lists all.
_TOLD = 3

# Characters of who wanted it, and of why, in a table of 80 columns or little more.
_BY, _WHY = 24, 40

_NOW = {
    Step.STAGED: "is received",
    Step.TRIAL: "is being tried",
    Step.ARMED: "is proved and waits for its turn",
    Step.SWITCHING: "is being made live",
    Step.PROBATION: "is in probation",
    Step.ROLLING_BACK: "is being taken back",
    Step.HELD: "is held",
    Step.COMMITTED: "is committed",
    Step.REFUSED: "is refused",
    Step.QUARANTINED: "is quarantined",
    Step.SUPERSEDED: "is superseded",
    Step.DONE: "is done",
}


def subject(change: Change) -> str:
    """Name what a change is about: `digits 1.2.0 (seq 12)`."""
    release = change.release
    if release is None:
        return change.model
    return f"{change.model} {release.version} (seq {release.seq})"


def now(change: Change) -> str:
    """Say where a change is: `digits 1.2.0 (seq 12) is in probation: 7 min more`."""
    last = change.last
    more = last.why if last.step is Step.HELD else change.doing
    text = f"{subject(change)} {_NOW[last.step]}"
    return f"{text}: {more}" if more else text


def step_line(taken: StepTaken) -> str:
    """Set one step in a line: when, what, why."""
    text = f"{taken.at_utc}  {taken.step.value}"
    return f"{text}: {taken.why}" if taken.why else text


def open_lines(models: Iterable[ModelStatus], *, width: int) -> list[str]:
    """Tell what is under way, in probation or held, with what a person may do."""
    found = [model.change for model in models if model.change is not None]
    lines: list[str] = []
    for change in found[:_TOLD]:
        lines += fold(now(change), width=width, first="- ")
        hint = change.last.hint
        if change.last.step is Step.HELD and hint:
            lines += try_lines(hint, width=width)
    if len(found) > _TOLD:
        lines.append(f"… and {len(found) - _TOLD} more: edgectl changes")
    return lines


def changes_table(changes: Sequence[Change]) -> list[str]:
    """Set changes in a table, a line each."""
    rows = [
        (
            str(change.id),
            change.steps[0].at_utc,
            change.model,
            change.wish.value,
            _release(change),
            change.trust.value if change.release else "-",
            change.last.step.value,
            clip(change.by, _BY),
            clip(change.last.why, _WHY),
        )
        for change in changes
    ]
    head = ("ID", "BEGAN", "MODEL", "WHAT", "RELEASE", "TRUST", "STEP", "BY", "WHY")
    return table(head, rows, align=(Align.RIGHT,) + (Align.LEFT,) * 8)


def failure(change: Change) -> EdgedError | None:
    """Return what a change ended with, as the daemon would have raised it.

    Returns:
        None where the release serves, or nothing is decided yet.
    """
    last = change.last
    match last.step:
        case Step.HELD:
            return _held(change)
        case Step.SUPERSEDED:
            return Conflict(
                f"cannot finish change {change.id}: {last.why or 'a newer one came'}",
                hint=f"edgectl models history {change.model}",
            )
        case Step.REFUSED | Step.QUARANTINED:
            kind = by_code(last.code)
            if kind is None:
                kind = Rejected if last.step is Step.QUARANTINED else Refused
            return kind(
                last.why or f"cannot go on with change {change.id}",
                hint=last.hint or f"edgectl models history {change.model}",
                **_details(change),
            )
        case _:
            return None


def _held(change: Change) -> Held:
    last, name = change.last, change.model
    figures = [f"  {key}: {value}" for key, value in last.figures.items()]
    seq = change.release.seq if change.release else "SEQ"
    return Held(
        "\n".join([f"{subject(change)} is held: {last.why}", *figures]),
        hint=f"`edgectl models use {name} {seq}` accepts it, "
        f"`edgectl models quarantine {name} {seq}` rejects it",
        **_details(change),
    )


def _details(change: Change) -> Mapping[str, object]:
    return {"change": change.id, "figures": change.last.figures}


def _release(change: Change) -> str:
    release = change.release
    return f"{release.version} ({release.seq})" if release else "-"
