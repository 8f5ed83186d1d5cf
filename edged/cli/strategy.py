"""`edgectl strategy`: what the box allows itself now, and a person's choice.

Law: a verb is one call of the daemon, and its answer in words. A choice always ends by
itself.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.output import Align, fold, table, try_lines
from edged.cli.parser import add_verb, add_verbs
from edged.cli.when import span
from edged.wire.adapt import (
    Adaptation,
    Caps,
    ForceRequest,
    Headroom,
    Strategy,
    StrategyRequest,
)
from edged.wire.endpoints import STRATEGY, STRATEGY_AUTO, STRATEGY_FORCE
from edged.wire.messages import Nothing
from edged.wire.words import read_utc, span_text

_FOR_S = 3600.0


def fill(to: argparse.ArgumentParser) -> None:
    """Add the verbs of `strategy`; alone it shows what holds."""
    verbs = add_verbs(to)
    verbs.required = False
    to.description = (
        "Say what the box allows itself now, and why; or choose for a while. Without "
        "a command: what holds."
    )
    to.set_defaults(run=show)
    add_verb(verbs, "show", "say which strategy holds, and why").set_defaults(run=show)
    hold = add_verb(verbs, "force", "hold a strategy for a while")
    hold.add_argument(
        "name",
        metavar="NAME",
        choices=[strategy.value for strategy in Strategy],
        help=", ".join(strategy.value for strategy in Strategy),
    )
    hold.add_argument(
        "--for",
        metavar="SPAN",
        dest="for_s",
        type=span,
        default=_FOR_S,
        help="like 30min or 2h; 1h where nothing is said, 7d at most",
    )
    hold.set_defaults(run=force)
    auto = add_verb(verbs, "auto", "let edged choose again")
    auto.set_defaults(run=release)


def show(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    """Print what holds."""
    return _shown(desk, desk.call(STRATEGY, StrategyRequest()))


def force(desk: Desk, args: argparse.Namespace) -> Exit:
    """Choose."""
    request = ForceRequest(strategy=Strategy(args.name), for_s=args.for_s)
    return _shown(desk, desk.call(STRATEGY_FORCE, request))


def release(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    """Let edged choose."""
    return _shown(desk, desk.call(STRATEGY_AUTO, Nothing()))


def page(told: Adaptation, *, now: datetime, width: int) -> list[str]:
    """Set what holds in lines.

    Args:
        told: by the daemon.
        now: with a time zone.
        width: columns there are.
    """
    state = told.state
    since = read_utc(state.since_utc)
    age = "" if since is None else f" for {span_text((now - since).total_seconds())}"
    lines = fold(f"{state.strategy.value}{age}: {state.because}", width=width)
    if state.forced is not None:
        lines += _forced(told, width=width)
    lines += fold(caps_text(told.caps), width=width, first="  allows: ", rest="    ")
    return [*lines, "", *rooms_table(told.headrooms)]


def caps_text(caps: Caps) -> str:
    """Say what a strategy allows."""
    errands = ", ".join(errand.value for errand in caps.updates)
    parts = [
        f"variants up to {100 * caps.cost:.0f} % of the dearest one's cost",
        f"{100 * caps.threads:.0f} % of the best number of threads",
        f"{100 * caps.duty:.0f} % of the time busy",
        f"{caps.queue} requests waiting",
        *(["urgent requests alone"] if caps.priority_only else []),
        f"for updates: {errands}" if errands else "nothing for updates",
    ]
    return "; ".join(parts)


def rooms_table(rooms: Sequence[Headroom]) -> list[str]:
    """Set headrooms in a table: 1 is comfortable, 0 is the limit."""
    cells = [
        (room.axis.value, _share(room.value), _share(room.ahead), room.because)
        for room in rooms
    ]
    head = ("HEADROOM", "NOW", "IN 30 S", "BECAUSE")
    align = (Align.LEFT, Align.RIGHT, Align.RIGHT, Align.LEFT)
    return table(head, cells, align=align)


def _forced(told: Adaptation, *, width: int) -> list[str]:
    state = told.state
    until = f"until {state.forced_until_utc}"
    text = f"forced {until}; edged itself would choose {state.own.value}"
    if state.by == "edged":
        wanted = "?" if state.forced is None else state.forced.value
        text = f"{wanted} is forced {until}, but protection from heat comes first"
    return [
        *fold(text, width=width, first="  "),
        *try_lines("edgectl strategy auto", width=width),
    ]


def _share(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _shown(desk: Desk, told: Adaptation) -> Exit:
    if desk.as_json:
        desk.screen.json(told)
        return Exit.FINE
    for line in page(told, now=datetime.now(UTC), width=desk.screen.width):
        desk.screen.line(line)
    return Exit.FINE
