"""`edgectl version`: of this program and of the daemon, which may differ."""

import argparse
import platform

import msgspec

from edged import __version__
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.parser import add_common
from edged.errors import EdgedError
from edged.wire.endpoints import STATUS
from edged.wire.messages import Nothing, Process


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What `version --json` prints; `daemon` is None while none answers."""

    schema: str = "edged.version/1"
    edgectl: str
    python: str
    daemon: str | None = None
    runtimes: dict[str, str] = {}
    problem: str | None = None


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `version`."""
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    """Print both versions; a daemon that does not answer is no failure."""
    process: Process | None = None
    problem = None
    try:
        process = desk.call(STATUS, Nothing()).process
    except EdgedError as error:
        problem = error.message
    versions = Versions(
        edgectl=__version__,
        python=platform.python_version(),
        daemon=process.version if process else None,
        runtimes=process.runtimes if process else {},
        problem=problem,
    )
    if desk.as_json:
        desk.screen.json(versions)
        return Exit.FINE
    desk.screen.line(f"edgectl {versions.edgectl}, Python {versions.python}")
    if versions.daemon is None:
        desk.screen.line(f"edged: {problem}")
    else:
        ran = (f", {name} {of}" for name, of in sorted(versions.runtimes.items()))
        desk.screen.line(f"edged {versions.daemon}{''.join(ran)}")
    return Exit.FINE
