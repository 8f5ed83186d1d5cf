"""`edgectl status`: the first line is a verdict in words.

Law: it answers whatever state the daemon is in, within 24 lines of 80 columns, and
its cost is a handful of imports. What is needed only when no daemon answers is
imported only then.
"""

import argparse

from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.output import Style, fold, rows, size_text, try_lines
from edged.cli.parser import add_common
from edged.cli.view import all_troubles, model_table, sentence
from edged.errors import NoAccess, NoDaemon, ProtocolError, TimedOut
from edged.wire.endpoints import STATUS
from edged.wire.messages import Level, Nothing, Process, Status, Trouble

#: A daemon that answers at all answers this within milliseconds; a technician at a
#: console waits this long before being told that it hangs.
TIMEOUT_S = 3.0

_EXIT = {
    Level.OK: Exit.FINE,
    Level.DEGRADED: Exit.DEGRADED,
    Level.DOWN: Exit.DOWN,
}
_STYLE = {Level.OK: Style.GOOD, Level.DEGRADED: Style.WARN, Level.DOWN: Style.BAD}

# Lines for troubles: three with a folded text and a hint each.
_TROUBLE_LINES = 9


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `status`."""
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    """Print how the box is."""
    try:
        status = desk.call(STATUS, Nothing())
    except (NoDaemon, NoAccess, TimedOut, ProtocolError) as error:
        from edged.cli import offline  # noqa: PLC0415  # only when no daemon answers

        return offline.run(desk, error)
    screen = desk.screen
    if desk.as_json:
        screen.json(status)
    else:
        level, *rest = layout(status, width=screen.width, height=screen.height)
        word = status.level.value.upper()
        screen.line(level.replace(word, screen.paint(word, _STYLE[status.level]), 1))
        for line in rest:
            screen.line(line)
    return _EXIT[status.level]


def layout(status: Status, *, width: int, height: int) -> list[str]:
    """Set a status in lines: verdict, troubles, models, process.

    One line of `height` stays free for the prompt. Models give way first: there is
    a command that lists them all.
    """
    verdict = fold(status.verdict, width=width, first=f"{status.level.value.upper()}: ")
    wrong = trouble_lines(
        all_troubles(status.models, status.troubles),
        told=status.verdict,
        width=width,
        most=_TROUBLE_LINES,
    )
    if not status.models:
        wrong += try_lines("edgectl install PATH", width=width)
    foot = process_lines(status.process, width=width)
    # Two lines are blank, and one is for the prompt.
    used = rows([*verdict, *wrong, *foot], width=width) + 3
    models = model_table(status.models, width=width, rows=max(3, height - used))
    blocks = [[*verdict, *wrong], models, foot]
    return [line for block in blocks if block for line in [*block, ""]][:-1]


def trouble_lines(
    found: list[Trouble], *, told: str, width: int, most: int
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
        if lines and rows([*lines, *text], width=width) > most:
            return [*lines, f"… and {len(found) - i} more: edgectl status --json"]
        lines += text
    return lines


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
    lines = fold(", ".join(parts), width=width)
    if process.sockets:
        lines += fold(f"at {', '.join(process.sockets)}", width=width)
    return lines
