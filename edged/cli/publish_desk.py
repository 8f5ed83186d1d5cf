"""A publisher at the desk: the folder that is meant, its keys, and what it says.

Law: as `cli/publish`, whose verbs share this.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edged.cli import published
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.parser import Parser
from edged.cli.passphrase import Passphrases
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles
from edged.publish.documents import Added, Changed
from edged.publish.home import Home

if TYPE_CHECKING:
    from edged.publish.publisher import Publisher


def add_place(verb: Parser) -> None:
    """Add where the publisher's folder is."""
    verb.add_argument(
        "--repo",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="the publisher's folder; this one by default",
    )


def add_keys(verb: Parser) -> None:
    """Add where its private keys are."""
    verb.add_argument(
        "--keys",
        metavar="DIR",
        type=Path,
        help="where private keys are, if not in its keys/: a stick, a safe",
    )


def publisher(desk: Desk, args: argparse.Namespace) -> "Publisher":
    """Return the publisher that is meant."""
    from edged.publish.publisher import Publisher  # noqa: PLC0415  # as the law says

    return Publisher(
        Home(args.repo.absolute(), keys=getattr(args, "keys", None)),
        files=DiskFiles(),
        clock=SystemClock(),
        passphrase=passphrases(desk).known,
    )


def passphrases(desk: Desk) -> Passphrases:
    """Return where passphrases come from."""
    return Passphrases(desk.screen, os.environ)


def tell(desk: Desk, report: Added | Changed) -> Exit:
    """Say what was done, and what waits for a signature."""
    screen = desk.screen
    if desk.as_json:
        screen.json(report)
        return Exit.FINE
    if isinstance(report, Added):
        lines = published.added(report, width=screen.width)
    else:
        lines = published.changed(report, width=screen.width)
    for line in lines:
        screen.line(line)
    for line in published.waiting(report.settled.waiting, width=screen.width):
        screen.talk(line)
    return Exit.FINE
