"""`edgectl update import`: from a stick into the daemon, under the rules of a source.

Law: this brings bytes and decides nothing: the daemon holds them against its own root
and its own floor, as it does with what came over a network.
"""

import argparse
from collections.abc import Collection

from edged.cli.carried import Carried, Release
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.install import followed, sent
from edged.cli.models import report
from edged.cli.parser import UsageError
from edged.errors import EdgedError, UnknownEndpoint
from edged.wire.endpoints import FILES
from edged.wire.messages import InstallRequest, Nothing


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Bring in the newest release of a model, or of each that lies there."""
    carried = Carried(args.path)
    releases = carried.releases(args.name)
    source = args.source or only_source(desk)
    codes = [_import(desk, carried, release, source) for release in releases]
    return Exit.FINE if Exit.FINE in codes else codes[0]


def only_source(desk: Desk) -> str:
    """Return the one source of signed releases that this box has.

    Raises:
        UsageError: it has none, or several.
    """
    with desk.control() as control:
        updater = desk.updater(control)
        try:
            sources = updater.told().sources
        except EdgedError:  # what matters is told by the install
            sources = ()
        finally:
            updater.close()
    names = [source.name for source in sources if source.kind == "tuf"]
    if len(names) == 1:
        return names[0]
    known = f"this box has {', '.join(names)}" if names else "this box tells of none"
    raise UsageError(
        f"cannot import without a source, whose keys are to be trusted: {known}",
        hint=f"edgectl update import PATH --source {names[0] if names else 'NAME'}",
    )


def _import(desk: Desk, carried: Carried, release: Release, source: str) -> Exit:
    have = _installed(desk)
    request = InstallRequest(name=release.listing.model, source=source, wait=False)
    changed = sent(desk, request, lambda: carried.packed(release, have))
    if changed.change is not None:
        changed = followed(desk, changed, changed.change)
    return report(desk, changed)


def _installed(desk: Desk) -> Collection[str]:
    """Return the files that the box has; an older daemon wants them all."""
    try:
        return frozenset(desk.call(FILES, Nothing()).sha256)
    except UnknownEndpoint:
        return ()
