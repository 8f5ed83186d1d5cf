"""`edgectl changes`: what was wanted, by whom, and what became of it.

Law: without a daemon the journal on the disk is read, and nothing is changed there.
"""

import argparse

from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.news import changes_table
from edged.cli.parser import add_common
from edged.errors import EdgedError, NoDaemon, ProtocolError, TimedOut
from edged.wire.changes import Change, Changes, ChangesRequest
from edged.wire.endpoints import CHANGES


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `changes`."""
    to.add_argument("name", metavar="NAME", nargs="?", help="of this model alone")
    add_limit(to)
    add_common(to)
    to.set_defaults(run=run)


def add_limit(to: argparse.ArgumentParser) -> None:
    """Add how many are listed."""
    to.add_argument(
        "--limit",
        metavar="N",
        type=limit,
        default=20,
        help="so many, the newest; 1000 at most",
    )


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """List changes."""
    request = ChangesRequest(name=args.name, limit=args.limit)
    try:
        found = desk.call(CHANGES, request)
    except (NoDaemon, TimedOut, ProtocolError) as error:
        found = Changes(changes=kept(desk, request, error))
        desk.screen.talk(f"edgectl: {error.message}; this is from the disk")
    if desk.as_json:
        desk.screen.json(found)
        return Exit.FINE
    if not found.changes:
        desk.screen.talk("there was no change yet")
        return Exit.FINE
    for line in changes_table(found.changes):
        desk.screen.line(line)
    return Exit.FINE


def kept(desk: Desk, request: ChangesRequest, error: EdgedError) -> tuple[Change, ...]:
    """Read the journal on the disk.

    Raises:
        StoreFailed: it cannot be read.
    """
    # Only where no daemon answers.
    from pathlib import Path  # noqa: PLC0415

    from edged.activate.ledger import Ledger  # noqa: PLC0415
    from edged.cli.evidence import gather  # noqa: PLC0415
    from edged.host.files import DiskFiles  # noqa: PLC0415
    from edged.store.journal import Journal  # noqa: PLC0415
    from edged.store.layout import Layout  # noqa: PLC0415

    store = gather(desk.place, error).store
    if store is None:
        raise error
    journal = Journal(Layout(Path(store.root)), DiskFiles())
    return Ledger(journal.read()).changes(request.name)[-request.limit :]


def limit(text: str) -> int:
    """Read how many changes are wanted.

    Raises:
        argparse.ArgumentTypeError: no number from 1 to 1000.
    """
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 1000:  # noqa: PLR2004  # the daemon's bound
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)
