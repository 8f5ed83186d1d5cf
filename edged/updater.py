"""edged-updater: the composition root of the updater as a process of its own.

Law: as `daemon`. It fetches releases and hands them in at the daemon's control socket,
where it may do that and nothing else; the process that runs models needs no network
then. Services in order: its own control door, the courier.
"""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from edged import __version__, config, log
from edged.api import problems
from edged.api.access import Roles
from edged.api.door import Door
from edged.api.server import Server
from edged.api.updates import NoUpdater, Updater, updates_app
from edged.bounds import connection_limits
from edged.command import leave, run, say
from edged.config import Settings
from edged.errors import BadConfig
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles, Site
from edged.host.listen import inherited, unix_listener
from edged.host.lock import only_daemon
from edged.host.notify import Notifier
from edged.lifecycle import Service, supervise
from edged.updating import Updating
from edged.wire.words import utc_text

logger = logging.getLogger("edged")

#: Where it keeps what it fetches, as the package makes it.
STATE_DIR = Path("/var/lib/edged-updater")


class Announcer:
    """The last service to start and the first to end: it says so."""

    name = "announcer"

    def __init__(self, notifier: Notifier, sources: int) -> None:
        self._notifier, self._sources = notifier, sources

    async def run(self, ready: Callable[[], None]) -> None:
        """Say READY, and before anything else ends, STOPPING."""
        self._notifier.ready(f"updates from {self._sources} sources")
        ready()
        try:
            await asyncio.Event().wait()  # the way out is cancellation
        finally:
            self._notifier.stopping()


async def live(settings: Settings) -> None:
    """Fetch until SIGTERM.

    Raises:
        EdgedError: it cannot start here.
    """
    files, clock, notifier = DiskFiles(), SystemClock(), Notifier()
    folder = settings.update.state_dir or STATE_DIR
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if not folder.exists():
        files.mkdir(Site.STORE_FOLDER, folder)
    with only_daemon(folder), ExitStack() as stack:
        updating = None
        if settings.update.sources:
            updating = Updating(
                settings,
                folder=folder,
                files=files,
                clock=clock,
                apart=True,
            )
        since = utc_text(clock.utc())
        door = _door(
            settings,
            updating.courier if updating else NoUpdater(since_utc=since, apart=False),
            stack,
        )
        services: list[Service] = [Server([door], connection_limits(settings))]
        if updating is not None:
            services += [updating.outlook, updating]
        services.append(Announcer(notifier, len(settings.update.sources)))
        await supervise(services, stop)


def _door(settings: Settings, updater: Updater, stack: ExitStack) -> Door:
    server = settings.server
    given = inherited(names=("updater",)).updater
    own = []
    if not given:
        path = settings.runtime_dir / "updater.sock"
        own.append(unix_listener(path, server.mode, server.group))
    for listener in (*given, *own):
        stack.callback(listener.close)
        for warning in listener.warnings:
            logger.warning("%s", warning)
        logger.info("listening on %s", listener.where)
    roles = Roles(
        admin_groups=settings.control.admin_groups,
        admin_users=settings.control.admin_users,
        update_user=settings.update.user,
    )
    return Door(
        name="updater",
        app=updates_app(updater, roles),
        refuse=problems.control_answer,
        own=tuple(own),
        inherited=given,
    )


# --- the command -----------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Run the updater until SIGTERM; return its exit status."""
    args = _arguments(argv)
    overrides = {
        key: value
        for key, value in (
            ("update.state-dir", args.state_dir),
            ("runtime-dir", args.runtime_dir),
        )
        if value is not None
    }
    try:
        settings = config.read(args.config, overrides=overrides).settings
    except BadConfig as error:
        say(f"edged-updater: {error.message}")
        return os.EX_CONFIG
    log.configure(settings.log.level.value)
    return run(live(settings))


def command() -> None:
    """Be the console script."""
    leave(main())


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="edged-updater",
        description="Fetch releases, and hand them in at edged's control socket.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings, instead of /etc/edged/edged.yaml; FILE's neighbour edged.d/ "
        "is read too",
    )
    parser.add_argument(
        "--state-dir",
        metavar="DIR",
        help=f"where it keeps what it fetches (update.state-dir; {STATE_DIR})",
    )
    parser.add_argument(
        "--runtime-dir", metavar="DIR", help="where sockets are (runtime-dir)"
    )
    parser.add_argument("--version", action="version", version=f"edged {__version__}")
    return parser.parse_args(argv)


if __name__ == "__main__":
    command()
