"""`edgectl status`: the first line is a verdict in words.

Law: it answers whatever state the daemon is in, within 24 lines of 80 columns, and
its cost is a handful of imports. What is needed only when no daemon answers is
imported only then.
"""

import argparse
from collections.abc import Iterable

from edged.cli import updating
from edged.cli.desk import READ_S, Desk
from edged.cli.exits import Exit
from edged.cli.news import open_lines
from edged.cli.output import Style, flow, fold, rows, try_lines
from edged.cli.parser import add_common
from edged.cli.view import all_troubles, model_table, sentence, worst_first
from edged.errors import (
    EdgedError,
    NoAccess,
    NoDaemon,
    ProtocolError,
    TimedOut,
)
from edged.wire.endpoints import STATUS
from edged.wire.messages import (
    Level,
    ModelPhase,
    ModelStatus,
    Nothing,
    Process,
    Status,
    Trouble,
)
from edged.wire.updates import UpdateStatus
from edged.wire.words import size_text

_EXIT = {
    Level.OK: Exit.FINE,
    Level.DEGRADED: Exit.DEGRADED,
    Level.DOWN: Exit.DOWN,
}
_STYLE = {Level.OK: Style.GOOD, Level.DEGRADED: Style.WARN, Level.DOWN: Style.BAD}

# Unloaded models that are named; as many names of usual length fit a line.
_NAMED = 4

# Lines for troubles: three with a folded text and a hint each.
_TROUBLE_LINES = 9


class FullStatus(Status, frozen=True, kw_only=True):
    """What `status --json` prints: the daemon's word, and the updater's.

    Attributes:
        update: None where nobody could be asked.
    """

    update: UpdateStatus | None = None


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `status`."""
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    """Print how the box is."""
    try:
        status = asked(desk)
    except (NoDaemon, NoAccess, TimedOut, ProtocolError) as error:
        from edged.cli import offline  # noqa: PLC0415  # only when no daemon answers

        return offline.run(desk, error)
    screen = desk.screen
    if desk.as_json:
        screen.json(status)
    else:
        level, *rest = layout(
            status, update=status.update, width=screen.width, height=screen.height
        )
        word = status.level.value.upper()
        screen.line(level.replace(word, screen.paint(word, _STYLE[status.level]), 1))
        for line in rest:
            screen.line(line)
    return _EXIT[status.level]


def asked(desk: Desk) -> FullStatus:
    """Ask the daemon how it is, and whoever fetches releases how that goes.

    Raises:
        EdgedError: the daemon does not answer; of the updater, its silence is told.
    """
    with desk.control() as control:
        bound_s = desk.place.timeout_s or READ_S
        status = control.call(STATUS, Nothing(), timeout_s=bound_s)
        updater = desk.updater(control)
        try:
            return merged(status, updater.told())
        except NoDaemon as error:  # the updater's own process is down
            silent = Trouble(code=error.code, text=error.message, hint=error.hint)
            return merged(status, None, silent)
        except EdgedError:  # an older daemon, or a socket that is not for this user
            return merged(status, None)
        finally:
            updater.close()


def merged(
    status: Status, update: UpdateStatus | None, *troubles: Trouble
) -> FullStatus:
    """Judge the whole with what the updater tells."""
    if update is not None:
        troubles += updating.troubles(update, status, at_utc=status.at_utc)
    level, verdict = status.level, status.verdict
    if level is Level.OK and troubles:
        level, verdict = Level.DEGRADED, f"{verdict}; {troubles[0].text}"
    told = {name: getattr(status, name) for name in Status.__struct_fields__}
    told |= {"level": level, "verdict": verdict}
    told["troubles"] = (*status.troubles, *troubles)
    return FullStatus(**told, update=update)


def layout(
    status: Status,
    *,
    width: int,
    height: int | None,
    update: UpdateStatus | None = None,
) -> list[str]:
    """Set a status in lines: verdict, troubles, what is under way, models, process.

    One line of `height` stays free for the prompt; None is no limit. Healthy models
    give way first: there is a command that lists them all.
    """
    verdict = fold(status.verdict, width=width, first=f"{status.level.value.upper()}: ")
    wrong = trouble_lines(
        all_troubles(status.models, status.troubles),
        told=status.verdict,
        width=width,
        most=None if height is None else _TROUBLE_LINES,
    )
    wrong += open_lines(status.models, width=width)
    if update is not None:
        wrong += updating.status_lines(
            update, at_utc=status.at_utc, width=width, said=status.troubles
        )
    wrong += unloaded_lines(status.models, width=width)
    if not status.models:
        wrong += try_lines("edgectl install PATH", width=width)
    foot = process_lines(status.process, width=width)
    # Two lines are blank, and one is for the prompt.
    used = rows([*verdict, *wrong, *foot], width=width) + 3
    models = model_table(
        worst_first(status.models),
        width=width,
        rows=None if height is None else max(3, height - used),
    )
    blocks = [[*verdict, *wrong], models, foot]
    return [line for block in blocks if block for line in [*block, ""]][:-1]


def trouble_lines(
    found: list[Trouble], *, told: str, width: int, most: int | None
) -> list[str]:
    """Set troubles, each with its next step, in at most about `most` lines.

    What the verdict has `told` is not told again; its next step is.
    """
    lines: list[str] = []
    for i, trouble in enumerate(found):
        text = []
        if trouble.text not in told:
            text += fold(sentence(trouble), width=width, first="- ")
        if trouble.hint:
            text += try_lines(trouble.hint, width=width)
        if lines and most is not None and rows([*lines, *text], width=width) > most:
            # Of models alone, or all by a pipe, which has no height.
            whole = "models list" if trouble.model else "status | more"
            return [*lines, f"… and {len(found) - i} more: edgectl {whole}"]
        lines += text
    return lines


def unloaded_lines(models: Iterable[ModelStatus], *, width: int) -> list[str]:
    """Name the models that somebody unloaded: no trouble, but it may be forgotten."""
    names = [model.name for model in models if model.phase is ModelPhase.UNLOADED]
    if not names:
        return []
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    first, *others = names[:_NAMED]
    told = flow([f"unloaded on request: {first}", *others, *more], width=width)
    return [*told, *try_lines(f"edgectl models load {first}", width=width)]


def process_lines(process: Process, *, width: int) -> list[str]:
    """Set the daemon's process in two lines."""
    busy_pct = 100 * process.cpu_s / process.uptime_s if process.uptime_s else 0.0
    parts = [
        f"edged {process.version}",
        f"pid {process.pid}",
        f"{size_text(process.rss_bytes)} resident",
        f"{busy_pct:.1f} % CPU on average",
        *(f"{name} {version}" for name, version in sorted(process.runtimes.items())),
    ]
    lines = flow(parts, width=width)
    if process.sockets:
        lines += fold(f"at {', '.join(process.sockets)}", width=width)
    return lines
