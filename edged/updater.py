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
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from edged import __version__, config, log
from edged.api import problems
from edged.api.access import Roles
from edged.api.door import Door
from edged.api.server import Server
from edged.api.update_metrics import UpdateMetrics
from edged.api.updates import NoUpdater, Updater, updates_app
from edged.bounds import connection_limits
from edged.client.control import Control
from edged.command import launch, run, say
from edged.errors import BadConfig
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles, Site
from edged.host.listen import inherited, unix_listener
from edged.host.lock import only_daemon
from edged.host.notify import Notifier
from edged.lifecycle import Service, supervise
from edged.outlook import FarOutlook
from edged.updating import Updating
from edged.wire.notices import Notice
from edged.wire.words import utc_text

logger = logging.getLogger("edged")

Load = Callable[[], config.Loaded]

NAME = "edged-updater"

#: Where it keeps what it fetches, as the package makes it.
STATE_DIR = Path("/var/lib/edged-updater")


class Announcer:
    """The last service to start and the first to end: it says so.

    Args:
        notifier: the service manager's ear.
        sources: how many there are.
        moves: returns when every part of the process has moved.
    """

    name = "announcer"

    def __init__(
        self, notifier: Notifier, sources: int, moves: Callable[[], Awaitable[None]]
    ) -> None:
        self._notifier, self._sources, self._moves = notifier, sources, moves

    async def run(self, ready: Callable[[], None]) -> None:
        """Say READY, feed the watchdog, and before anything else ends say STOPPING."""
        self._notifier.ready(f"updates from {self._sources} sources")
        ready()
        try:
            interval_s = self._notifier.watchdog_interval_s()
            while interval_s is not None:
                await self._moves()
                self._notifier.watchdog()
                await asyncio.sleep(interval_s)
            await asyncio.Event().wait()  # the way out is cancellation
        finally:
            self._notifier.stopping()


class UpdaterProcess:
    """All rooms of edged-updater, tied."""

    def __init__(self, loaded: config.Loaded, load: Load) -> None:
        self._loaded, self._load = loaded, load
        settings = loaded.settings
        self._files, self._clock = DiskFiles(), SystemClock()
        self._notifier = Notifier()
        self._folder = settings.update.state_dir or STATE_DIR
        self._updating: Updating | None = None
        self._roles = Roles(
            admin_groups=settings.control.admin_groups,
            admin_users=settings.control.admin_users,
            update_user=settings.update.user,
        )

    async def run(self) -> None:
        """Fetch until SIGTERM.

        Raises:
            EdgedError: it cannot start here.
        """
        settings, loop = self._loaded.settings, asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        if not self._folder.exists():
            self._files.mkdir(Site.STORE_FOLDER, self._folder)
        with only_daemon(self._folder), ExitStack() as stack:
            if settings.update.sources:
                self._updating = Updating(
                    settings,
                    folder=self._folder,
                    files=self._files,
                    clock=self._clock,
                    outlook=FarOutlook(Control(settings.server.control_socket)),
                )
            limits = connection_limits(settings)
            services: list[Service] = [Server([self._door(stack)], limits)]
            if self._updating is not None:
                services += [self._updating.outlook, self._updating]
            sources = len(settings.update.sources)
            services.append(Announcer(self._notifier, sources, self._moves))
            await supervise(services, stop)

    def _door(self, stack: ExitStack) -> Door:
        settings = self._loaded.settings
        given = inherited(names=("updater",)).updater
        own = []
        if not given:
            path, server = settings.runtime_dir / "updater.sock", settings.server
            own.append(unix_listener(path, server.mode, server.group))
        for listener in (*given, *own):
            stack.callback(listener.close)
            for warning in listener.warnings:
                logger.warning(
                    "%s", warning, extra={"edged_code": Notice.SOCKET_GROUP.value}
                )
            logger.info("listening on %s", listener.where)
        app = updates_app(self._updater(), self._roles)
        metrics = UpdateMetrics(self._updater(), self._clock)
        app.router.add_get("/metrics", metrics.answer)
        return Door(
            name="updater",
            app=app,
            refuse=problems.control_answer,
            own=tuple(own),
            inherited=given,
        )

    async def _moves(self) -> None:
        if self._updating is not None:
            await self._updating.moves()

    def _updater(self) -> Updater:
        if self._updating is not None:
            return self._updating.courier
        return NoUpdater(since_utc=utc_text(self._clock.utc()), apart=False)

    def _reload(self) -> None:
        """Take over new settings as a whole, or keep the old ones and say why."""
        try:
            loaded = self._load()
        except BadConfig as error:
            logger.error(  # noqa: TRY400  # no traceback: a typo
                "the settings in force stay: %s",
                error.message,
                extra={"edged_code": error.code},
            )
            return
        for change in config.changes(self._loaded.settings, loaded.settings):
            then = "" if change.reloadable else ", after a restart"
            what = (change.key, change.old, change.new, then)
            logger.info("setting %s: %s -> %s%s", *what)
        self._loaded = config.reloaded(self._loaded, loaded)
        settings = self._loaded.settings
        log.configure(settings.log.level.value, name=NAME)
        self._roles.admin_groups = settings.control.admin_groups
        self._roles.admin_users = settings.control.admin_users
        if self._updating is not None:
            self._updating.obey(settings)


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

    def load() -> config.Loaded:
        return config.read(args.config, overrides=overrides)

    try:
        loaded = load()
    except BadConfig as error:
        say(f"{NAME}: {error.message}")
        return os.EX_CONFIG
    log.configure(loaded.settings.log.level.value, name=NAME)
    return run(UpdaterProcess(loaded, load).run())


def command() -> None:
    """Be the console script."""
    launch(main)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=NAME,
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
