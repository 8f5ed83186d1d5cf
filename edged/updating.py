"""The rooms of `update`, tied: a part of both composition roots.

Law: calls constructors and decides nothing. It is imported by a process that fetches,
and by no other: TUF and the HTTP client come with it.
"""

import asyncio
import platform
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from edged import __version__
from edged.client.control import Control
from edged.config import Settings, Source, SourceKind
from edged.doorstep import Doorstep
from edged.host.clock import Clock
from edged.host.files import Files
from edged.host.identity import device_id
from edged.host.zone import zone
from edged.outlook import FarOutlook, Outlook
from edged.trust.anchor import read_root
from edged.trust.clock import Reference, Trust, Watchmaker
from edged.trust.repository import Repository
from edged.update.api_source import ApiSource
from edged.update.council import Terms
from edged.update.courier import Courier
from edged.update.fetch import Fetcher
from edged.update.offers import Box, policy
from edged.update.tuf_source import TufSource
from edged.update.web import Web


class Updating:
    """A service: the courier with its client, its threads and its way to the daemon.

    Args:
        settings: all of them.
        folder: the updater's own.
        files: the port to the disk.
        clock: for waits.
        outlook: how the box is doing; it runs before this one.
        waiting: tells whether requests wait; None in `edged-updater`, a process apart,
            which asks the daemon.

    Attributes:
        courier: the verbs.
        outlook: as it was given.
    """

    name = "updates"

    def __init__(
        self,
        settings: Settings,
        *,
        folder: Path,
        files: Files,
        clock: Clock,
        outlook: Outlook | FarOutlook,
        waiting: Callable[[], bool] | None = None,
    ) -> None:
        update = settings.update
        self._folder, self._files = folder, files
        self._apart = waiting is None
        self._watch, self._update = Watchmaker(clock=clock), update
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="parts")
        self._trust = ThreadPoolExecutor(1, thread_name_prefix="trust")
        self._web = Web(
            agent=f"edged/{__version__}",
            proxy=update.proxy,
            ca_file=update.ca_file,
            clock_is_right=lambda: self._reference().clock is Trust.RIGHT,
        )
        self._door = Doorstep(Control(settings.server.control_socket))
        self._box = Box(
            edged=__version__,
            arch=platform.machine(),
            device_id=device_id(update.device_id),
        )
        self._signed: dict[str, TufSource] = {
            one.name: self._tuf_source(one, clock)
            for one in update.sources
            if one.kind is SourceKind.TUF
        }
        self.outlook = outlook
        self.courier = Courier(
            folder=folder,
            files=files,
            disk=self._disk,
            door=self._door,
            sources=[
                self._signed.get(one.name) or self._api_source(one, clock)
                for one in update.sources
            ],
            carrier=Fetcher(self._web, self._disk, clock),
            clock=clock,
            reference=lambda: self._reference().utc,
            waiting=self._door.waiting if waiting is None else _said(waiting),
            box=self._box,
            terms=terms(settings, apart=self._apart),
            conditions=self.outlook.watch,
        )

    async def run(self, ready: Callable[[], None]) -> None:
        """Fetch until cancelled; see `lifecycle.Service`."""
        try:
            async with self._web:
                await self.courier.run(ready)
        finally:
            self._door.close()
            for threads in (self._trust, self._disk):
                threads.shutdown(wait=False, cancel_futures=True)

    async def moves(self) -> None:
        """Return when each thread has come to the end of what it was at.

        One that hangs, in a name that nobody answers for or on a disk that is gone,
        lets this wait.
        """
        loop = asyncio.get_running_loop()
        for threads in (self._trust, self._disk):
            await loop.run_in_executor(threads, int)

    def obey(self, settings: Settings) -> None:
        """Take over changed settings."""
        self.courier.obey(terms(settings, apart=self._apart))

    # --- sources -----------------------------------------------------------------

    def _tuf_source(self, source: Source, clock: Clock) -> TufSource:
        # What an API speaks of is taken when the API says so.
        led = {
            model
            for one in self._update.sources
            if one.confirm == source.name
            for model in one.models
        }

        def takes(model: str) -> bool:
            return model not in led and (not source.models or model in source.models)

        return TufSource(
            source.name,
            (source.url, *source.mirrors),
            repository=partial(self._repository, source),
            web=self._web,
            thread=self._trust,
            clock=clock,
            takes=takes,
        )

    def _api_source(self, source: Source, clock: Clock) -> ApiSource:
        return ApiSource(
            source,
            web=self._web,
            box=self._box,
            live=self._door.installed,
            files=self._door.files,
            clock=clock,
            signer=self._signed.get(source.confirm or ""),
        )

    def _repository(self, source: Source) -> Repository:
        if source.root is None:
            raise AssertionError(f"the settings let no root miss: {source.name}")
        return Repository(
            self._folder / "trust" / source.name,
            read_root(source.root, source.name),
            self._files,
            self._watch,
            expired=self._update.expired,
        )

    def _reference(self) -> Reference:
        """Return the time to believe, by what was verified last."""
        known = [one.at for one in self._signed.values() if one.at is not None]
        return self._watch.reference(self._watch.now(), max(known, default=None))


def _said(waiting: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def tell() -> bool:
        return waiting()

    return tell


def folder(settings: Settings) -> Path:
    """Return where the updater keeps what it has fetched and what it trusts."""
    return settings.update.state_dir or settings.store.state_dir / "updates"


def terms(settings: Settings, *, apart: bool) -> Terms:
    """Return what the administrator wants of updates."""
    update = settings.update
    return Terms(
        policy=policy(update, zone(update.time_zone)),
        every_s=update.every,
        reserve_bytes=update.reserve,
        rate=update.rate,
        stop_revoked=update.stop_revoked,
        apart=apart,
    )
