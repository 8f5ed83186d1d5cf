"""`edgectl why`: the last changes of strategy, each with the figures that caused it.

Law: what is printed is what the daemon noted then; nothing is worked out again.
"""

import argparse

from edged.cli.changes import limit
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.output import fold
from edged.cli.parser import add_common
from edged.wire.adapt import (
    Headroom,
    StrategyChange,
    StrategyChangesRequest,
    StrategyRequest,
)
from edged.wire.endpoints import STRATEGY, STRATEGY_CHANGES


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `why`."""
    to.add_argument(
        "--limit", metavar="N", type=limit, default=5, help="so many, the newest"
    )
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Print the newest changes, the newest last."""
    found = desk.call(STRATEGY_CHANGES, StrategyChangesRequest(limit=args.limit))
    if desk.as_json:
        desk.screen.json(found)
        return Exit.FINE
    if not found.changes:
        state = desk.call(STRATEGY, StrategyRequest()).state
        desk.screen.line(
            f"no change since {state.since_utc}: {state.strategy.value}, "
            f"{state.because}"
        )
    for change in found.changes:
        for line in lines(change, width=desk.screen.width):
            desk.screen.line(line)
    return Exit.FINE


def lines(change: StrategyChange, *, width: int) -> list[str]:
    """Set one change in lines: when, what, why, and every headroom."""
    by = "" if change.by == "edged" else f" by {change.by}"
    rooms = "; ".join(figure(room) for room in change.headrooms)
    return [
        f"{change.at_utc}  {change.before.value} -> {change.after.value}{by}",
        *fold(change.because, width=width, first="  ", rest="    "),
        *fold(rooms, width=width, first="  ", rest="    "),
    ]


def figure(room: Headroom) -> str:
    """Write a headroom with what it comes from."""
    if room.value is None:
        return f"{room.axis.value} ? ({room.because})"
    ahead = "" if room.ahead is None else f", then {room.ahead:.2f}"
    return f"{room.axis.value} {room.value:.2f}{ahead} ({room.because})"
