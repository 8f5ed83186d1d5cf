"""`edgectl watch`: follow one change while it happens.

Law: a step is a line of data; what is done at this moment is talk, rewritten in its
place.
"""

import argparse

from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.follow import Follower, StepSeen
from edged.cli.news import failure, now, step_line, subject
from edged.cli.parser import add_common
from edged.wire.changes import Change, ChangesRequest, StepTaken
from edged.wire.endpoints import CHANGES


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `watch`."""
    to.add_argument(
        "id",
        metavar="ID",
        type=int,
        nargs="?",
        help="as `edgectl changes` lists it; by default the newest open change",
    )
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Follow, and end as the change does."""
    number = newest_open(desk) if args.id is None else args.id
    if number is None:
        desk.screen.talk("no change is open")
        desk.screen.talk("  try: edgectl changes")
        return Exit.NOTHING_TO_DO

    def tell(change: Change, taken: StepTaken) -> None:
        if desk.as_json:
            desk.screen.json_line(
                StepSeen(
                    change=change.id,
                    model=change.model,
                    wish=change.wish,
                    release=change.release,
                    taken=taken,
                )
            )
            return
        if taken is change.steps[0]:
            who = f"change {change.id}, {change.wish.value} by {change.by}"
            desk.screen.line(f"{subject(change)}: {who}")
        desk.screen.line(step_line(taken))

    change = Follower(desk, number, tell).follow()
    error = failure(change)
    if error is not None:
        raise error
    if not desk.as_json:
        desk.screen.line(now(change))
    return Exit.FINE


def newest_open(desk: Desk) -> int | None:
    """Return the number of the newest change that is not over, None for none."""
    found = desk.call(CHANGES, ChangesRequest(limit=1000)).changes
    open_ones = [change.id for change in found if not change.is_over]
    return open_ones[-1] if open_ones else None
