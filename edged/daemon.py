"""edged: the composition root.

Law: the only file that calls many constructors; it ties the rooms together and
decides nothing that a room could decide. Services in order: how the box is, control
door, what models obey, models, their sleep, profiles, pulse, data door, updates. So a
technician sees a daemon that is still loading, and callers come last and leave first.
"""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edged import __version__, config, log
from edged.activation import Activation
from edged.adapt.governor import Governor
from edged.adapt.sensors import Sensors
from edged.api import problems
from edged.api.access import Roles
from edged.api.adapting import adaptation
from edged.api.board import Board, line
from edged.api.control import Reads, control_app
from edged.api.data import data_app
from edged.api.device import Looking
from edged.api.door import Door
from edged.api.express_desk import Desk
from edged.api.oip_models import lives
from edged.api.pulse import Announcer, Pulse
from edged.api.server import Server
from edged.api.updates import NoUpdater, Updater
from edged.api.vitals import vitals
from edged.bounds import connection_limits, region_bounds, registry_limits
from edged.command import launch, leave, run, say
from edged.errors import BadConfig
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles, Site
from edged.host.listen import Listener, inherited, tcp_listener, unix_listener
from edged.host.lock import only_daemon
from edged.host.notify import Notifier
from edged.lifecycle import Service, supervise
from edged.runtime import backends
from edged.runtime.memory import keep_blocks
from edged.serve.regions import Regions
from edged.serve.registry import Registry
from edged.serve.steward import Steward
from edged.watch import Owned
from edged.wire.messages import Phase, Trouble
from edged.wire.notices import Notice

if TYPE_CHECKING:
    from edged.updating import Updating

logger = logging.getLogger("edged")

Load = Callable[[], config.Loaded]


class Daemon:
    """All rooms, tied."""

    def __init__(self, loaded: config.Loaded, load: Load) -> None:
        self._loaded = loaded
        self._load = load
        settings = loaded.settings
        clock, files = SystemClock(), DiskFiles()
        self._config_trouble: Trouble | None = None
        self._phase = Owned(Phase.STARTING)
        self._notifier = Notifier()
        self._governor = Governor(settings.adapt.table, Sensors(clock=clock), clock)
        self._registry = Registry(registry_limits(settings), clock)
        self._steward = Steward(self._registry, self._governor.watch)
        self._activation = Activation(
            settings, self._registry, clock, files, self._governor.watch
        )
        self._agent = self._activation.agent
        self._board = Board(
            registry=self._registry,
            phase=self._phase.watch,
            clock=clock,
            troubles=self._troubles,
            conditions=lambda: self._governor.troubles,
            open_change=self._activation.window.open_change,
            setback=self._activation.window.setback,
            default_timeout_s=settings.serve.default_timeout,
            state_dir=settings.store.state_dir,
        )
        self._pulse = Pulse(
            board=self._board,
            revision=self._registry.revision,
            snapshot=settings.runtime_dir / "status.json",
            files=files,
            notifier=self._notifier,
        )
        self._roles = Roles(
            admin_groups=settings.control.admin_groups,
            admin_users=settings.control.admin_users,
            update_user=settings.update.user,
        )
        self._clock = clock
        self._files = files
        self._updating = self._fetching()

    async def run(self) -> None:
        """Serve until SIGTERM, then drain.

        Raises:
            EdgedError: the daemon cannot start here.
        """
        settings = self._loaded.settings
        stop = asyncio.Event()
        self._heed_signals(stop)
        for folder in (settings.store.state_dir, settings.runtime_dir):
            if not folder.exists():
                self._files.mkdir(Site.STORE_FOLDER, folder)
        with only_daemon(settings.store.state_dir), ExitStack() as stack:
            control, data = self._doors(stack)
            limits = connection_limits(settings)
            services: tuple[Service, ...] = (
                self._governor,
                Server([control], limits),
                self._steward,
                self._agent,
                self._activation.sleeper,
                self._activation.profiler,
                self._pulse,
                Server([data], limits),
                *self._updates(),
                Announcer(self._phase, self._notifier, self._board, self._pulse),
            )
            await supervise(services, stop)
            self._phase.set(Phase.STOPPED)
            self._pulse.tell()

    # --- tying -------------------------------------------------------------------

    def _doors(self, stack: ExitStack) -> tuple[Door, Door]:
        """Open what systemd did not open for us; closed when `stack` ends."""
        settings = self._loaded.settings.server
        given = inherited()
        control = [] if given.control else [_listen(settings, settings.control_socket)]
        data = [] if given.data else [_listen(settings, settings.socket)]
        if settings.tcp is not None:
            data.append(tcp_listener(settings.tcp))
        every = (*given.control, *given.data, *control, *data)
        for listener in every:
            stack.callback(listener.close)
            for warning in listener.warnings:
                logger.warning(
                    "%s", warning, extra={"edged_code": Notice.SOCKET_GROUP.value}
                )
        regions = Regions(region_bounds(self._loaded.settings))
        self._board.sockets = tuple(listener.where for listener in every)
        return (
            Door(
                name="control",
                app=control_app(
                    agent=self._agent,
                    upkeep=self._activation.upkeep,
                    recall=self._activation.recall,
                    window=self._activation.window,
                    governor=self._governor,
                    profiler=self._activation.profiler,
                    reads=Reads(
                        statuses=self._board.models,
                        status=self._board.status,
                        config=lambda: self._loaded.view,
                        device=Looking(self._governor, backends.versions).look,
                    ),
                    updater=self._updater(),
                    roles=self._roles,
                ),
                refuse=problems.control_answer,
                own=tuple(control),
                inherited=given.control,
            ),
            Door(
                name="data",
                asks=True,
                app=data_app(
                    self._registry,
                    self._phase.watch,
                    regions=regions,
                    clock=self._clock,
                    max_body=settings.max_body,
                    updater=self._updating.courier if self._updating else None,
                    also=lambda: (
                        *vitals(self._board.status()),
                        *adaptation(self._governor.told(), self._governor.changed),
                    ),
                ),
                refuse=problems.data_answer,
                own=tuple(data),
                inherited=given.data,
                express=Desk(
                    self._registry, regions, self._clock, max_body=settings.max_body
                ),
            ),
        )

    def _fetching(self) -> "Updating | None":
        """Return who fetches releases; None where nobody in this process does."""
        settings = self._loaded.settings
        if settings.update.apart or not settings.update.sources:
            return None
        # Imported here: a daemon that fetches nothing holds neither TUF nor a client.
        from edged.outlook import Outlook  # noqa: PLC0415
        from edged.updating import Updating, folder  # noqa: PLC0415

        return Updating(
            settings,
            folder=folder(settings),
            files=self._files,
            clock=self._clock,
            outlook=Outlook(self._governor.permits),
            waiting=lambda: any(m.scheduler.waiting for m in lives(self._registry)),
        )

    def _updates(self) -> tuple[Service, ...]:
        if self._updating is None:
            return ()
        return self._updating.outlook, self._updating

    def _updater(self) -> Updater:
        if self._updating is not None:
            return self._updating.courier
        return NoUpdater(
            since_utc=self._board.started_utc,
            apart=self._loaded.settings.update.apart,
        )

    def _troubles(self) -> tuple[Trouble, ...]:
        config = (self._config_trouble,) if self._config_trouble else ()
        return (*config, *self._activation.recall.troubles, *self._agent.troubles)

    # --- signals -----------------------------------------------------------------

    def _heed_signals(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            if stop.is_set():
                logger.warning(
                    "asked to stop twice: ending at once",
                    extra={"edged_code": Notice.FORCED_STOP.value},
                )
                leave(os.EX_TEMPFAIL)
            self._agent.stopping()
            stop.set()

        loop.add_signal_handler(signal.SIGTERM, end)
        loop.add_signal_handler(signal.SIGINT, end)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        """Take over new settings as a whole, or keep the old ones and say why.

        The service manager is told only while it counts us as ready: before, READY
        would be too early, and after STOPPING it would be a lie.
        """
        phase = self._phase.watch.value
        if phase is Phase.DRAINING:
            return
        if phase is Phase.READY:
            self._notifier.reloading()
        try:
            loaded = self._load()
        except BadConfig as error:
            logger.error(  # noqa: TRY400  # no traceback: a typo
                "the settings in force stay: %s",
                error.message,
                extra={"edged_code": error.code},
            )
            self._config_trouble = Trouble(
                code=error.code,
                text=f"cannot take over the changed configuration: {_first(error)}",
                hint="edgectl config check",
            )
        else:
            self._config_trouble = self._take_over(loaded)
        if phase is Phase.READY:
            self._notifier.ready(line(self._board.status()))
            self._pulse.tell()

    def _take_over(self, loaded: config.Loaded) -> Trouble | None:
        """Apply what can change at run time; name what needs a restart."""
        waiting = []
        for change in config.changes(self._loaded.settings, loaded.settings):
            if change.reloadable:
                logger.info("setting %s: %s -> %s", change.key, change.old, change.new)
            else:
                waiting.append(change.key)
        self._loaded = config.reloaded(self._loaded, loaded)
        settings = self._loaded.settings
        log.configure(settings.log.level.value)
        self._registry.limits = registry_limits(settings)
        self._board.default_timeout_s = settings.serve.default_timeout
        self._governor.obey(settings.adapt.table)
        self._activation.obey(settings)
        self._roles.admin_groups = settings.control.admin_groups
        self._roles.admin_users = settings.control.admin_users
        self._roles.update_user = settings.update.user
        if self._updating is not None:
            self._updating.obey(settings)
        if not waiting:
            return None
        return Trouble(
            code=Notice.NEEDS_RESTART.value,
            text=f"changed settings wait for a restart: {', '.join(waiting)}",
            hint=self._board.restart_hint,
        )


# --- the command -----------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon until SIGTERM; return its exit status; see `command`."""
    args = _arguments(argv)
    overrides = {
        key: value
        for key, value in (
            ("store.state-dir", args.state_dir),
            ("runtime-dir", args.runtime_dir),
            ("server.tcp", args.tcp),
        )
        if value is not None
    }

    def load() -> config.Loaded:
        return config.read(args.config, overrides=overrides)

    try:
        loaded = load()
    except BadConfig as error:
        say(f"edged: {error.message}")
        return os.EX_CONFIG
    if args.check_config:
        read = ", ".join(map(str, loaded.files)) or "no file: all defaults"
        say(f"edged: the configuration holds ({read})")
        return os.EX_OK
    log.configure(loaded.settings.log.level.value)
    keep_blocks()
    return run(Daemon(loaded, load).run())


def command() -> None:
    """Be the console script."""
    launch(main)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="edged", description="Serve models on this box, on Unix sockets."
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings, instead of /etc/edged/edged.yaml; FILE's neighbour edged.d/ "
        "is read too",
    )
    parser.add_argument(
        "--state-dir", metavar="DIR", help="where releases are kept (store.state-dir)"
    )
    parser.add_argument(
        "--runtime-dir",
        metavar="DIR",
        help="where sockets and the last status are (runtime-dir)",
    )
    parser.add_argument(
        "--tcp",
        metavar="HOST:PORT",
        help="serve the data socket's protocol on loopback too (server.tcp)",
    )
    parser.add_argument(
        "--check-config", action="store_true", help="check the settings and exit"
    )
    parser.add_argument("--version", action="version", version=f"edged {__version__}")
    return parser.parse_args(argv)


def _listen(server: config.Server, path: Path) -> Listener:
    return unix_listener(path, server.mode, server.group)


def _first(error: BadConfig) -> str:
    """Return the first fault of a configuration in one line."""
    problems = error.fields.get("problems")
    if not isinstance(problems, list) or not problems:
        return error.message
    return str(problems[0]).partition("\n")[0]


if __name__ == "__main__":
    command()
