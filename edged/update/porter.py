"""Carries one release: from what describes it to the daemon's door.

Law: one thing at a time; every step can be cancelled, and what was kept on the disk
stays there for the next one to go on with. What blocks is done in the disk's thread.
Raises what its ports raise; `verdicts` says what that means.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from edged.errors import EdgedError, NotFetched, StoreFailed
from edged.host.clock import Clock
from edged.host.files import Files, Site, store_errors
from edged.host.partial import Part
from edged.store.sending import pack_one
from edged.store.signed import pack_signed
from edged.update import cargo
from edged.update.door import Door
from edged.update.gauge import Gauge
from edged.update.moves import Wanted
from edged.update.offers import Offer
from edged.update.pace import Pace
from edged.update.source import Described, Source
from edged.update.space import Fits, SpacePlan, Volume, space
from edged.wire.changes import Change, Step
from edged.wire.listing import Chunked
from edged.wire.messages import Changed
from edged.wire.updates import Reason, Transfer

T = TypeVar("T")

#: What describes a release is asked for again after this: a download may take longer
#: than signed metadata is good for.
FRESH_S = 300.0

#: Of `st_blocks`, in bytes, whatever the file system's own are; stat(2).
_SECTOR = 512

#: How long the daemon is asked to wait for news of a change.
_NEWS_S = 30.0

#: A change is followed no further: it serves, or did not come to that.
_FOLLOWED = frozenset(Step) - {
    *(Step.STAGED, Step.TRIAL, Step.ARMED, Step.SWITCHING, Step.ROLLING_BACK),
}


class Carrier(Protocol):
    """Who fetches a file: see `update.fetch.Fetcher`.

    Attributes:
        arrived_bytes: over the network, in all.
        cuts: how often it began anew where a host had stopped.
    """

    arrived_bytes: int
    cuts: int

    async def fetch(
        self,
        want: Chunked,
        urls: Sequence[str],
        part: Part,
        progress: Callable[[int], None],
        pace: Pace,
    ) -> None:
        """Fetch what is missing of a file into its part."""


class Load(msgspec.Struct, kw_only=True):
    """One release on its way.

    Attributes:
        described: once it is; `described_s` says when, on the monotonic clock.
        missing: what the daemon has not got, by name.
        total_bytes, kept_bytes, done_bytes: see `Transfer`.
        had_bytes: of the total, what the daemon has.
        begun_bytes: of the rest, what was here when it was surveyed.
    """

    wanted: Wanted
    offer: Offer
    source: Source
    described: Described | None = None
    described_s: float = 0.0
    missing: dict[str, Chunked] = {}
    total_bytes: int = 0
    kept_bytes: int = 0
    done_bytes: int = 0
    had_bytes: int = 0
    begun_bytes: int = 0

    @property
    def documents(self) -> Described:
        """What describes it."""
        if self.described is None:
            raise AssertionError(f"{self.wanted} is not described")
        return self.described

    @property
    def files(self) -> dict[str, Chunked]:
        """What must be fetched, by sha256."""
        return cargo.by_digest(self.missing)


class Porter:
    """Carries; on the loop.

    Args:
        folder: for partial files; made when it is needed.
        files: the port to the disk.
        disk: the thread for it, the same that the carrier uses.
        door: the daemon.
        carrier: who fetches.
        clock: for rates.

    Attributes:
        pace: how fast a download may go.
        reserve_bytes: that must stay free.
    """

    def __init__(  # noqa: PLR0913  # its ports, by name only
        self,
        *,
        folder: Path,
        files: Files,
        disk: Executor,
        door: Door,
        carrier: Carrier,
        clock: Clock,
        pace: Pace,
        reserve_bytes: int,
    ) -> None:
        self.pace, self.reserve_bytes = pace, reserve_bytes
        self._folder, self._files, self._disk = folder, files, disk
        self._door, self._carrier, self._clock = door, carrier, clock
        self._load: Load | None = None
        self._gauge = Gauge(clock)
        self._cuts = 0

    # --- what is told ------------------------------------------------------------

    @property
    def load(self) -> Load:
        """What is being carried."""
        if self._load is None:
            raise AssertionError("nothing is being carried")
        return self._load

    def moved(self) -> tuple[int, int]:
        """Return bytes over the network, and cuts, in this life."""
        return self._carrier.arrived_bytes, self._carrier.cuts

    def transfer(self) -> Transfer | None:
        """Tell how far it is; None while nothing is known of that."""
        load = self._load
        if load is None or not load.total_bytes:
            return None
        return Transfer(
            total_bytes=load.total_bytes,
            done_bytes=load.done_bytes,
            kept_bytes=load.kept_bytes,
            rate_bytes_s=self._gauge.rate,
            cuts=self._carrier.cuts - self._cuts,
        )

    # --- the steps ---------------------------------------------------------------

    async def describe(self, wanted: Wanted, offer: Offer, source: Source) -> None:
        """Take on a release; learn what it consists of.

        Raises:
            NotFetched, Untrusted: that did not come, or does not hold.
        """
        known = self._load
        self._load = Load(wanted=wanted, offer=offer, source=source)
        self._gauge.begin()
        self._cuts = self._carrier.cuts
        if known is not None and known.wanted.digest == wanted.digest:
            self._load.described = known.described
            self._load.described_s = known.described_s
        await self._describe_anew()

    async def _describe_anew(self) -> None:
        """Learn what it consists of, unless that is known and fresh."""
        load, now_s = self.load, self._clock.monotonic()
        if load.described is not None and now_s - load.described_s <= FRESH_S:
            return
        described = await load.source.describe(load.offer)
        cargo.check(load.wanted, described)
        load.described, load.described_s = described, now_s

    async def survey(self, keep: AbstractSet[str]) -> SpacePlan:
        """Find out what must be fetched, and whether there is room.

        Args:
            keep: sha256 of partial files of other releases; they go where there is no
                room for both.

        Returns:
            The plan. Where it fits, what must go for it is gone.
        """
        load = self.load
        had = await self._door.files()
        load.missing = cargo.missing(load.documents, had)
        daemon = await self._door.volume()
        kept = await self._blocking(self._kept)
        updater = await self._blocking(partial(self._volume, keep - load.files.keys()))
        plan = space(
            load.files.values(),
            had=had,
            kept=kept,
            updater=updater,
            daemon=daemon,
            reserve_bytes=self.reserve_bytes,
        )
        whole = cargo.total_bytes(load.documents)
        load.total_bytes, load.begun_bytes = whole, plan.kept_bytes
        load.had_bytes = whole - sum(file.size for file in load.files.values())
        load.kept_bytes = load.done_bytes = load.had_bytes + plan.kept_bytes
        if plan.fits is Fits.COLLECTED:
            await self.sweep(load.files.keys())
        return plan

    async def fetch(self) -> None:
        """Bring every missing byte to the disk.

        Raises:
            NotFetched: no host has it.
            StoreFailed: the disk refuses.
        """
        load = self.load
        self._gauge.begin()
        for file in load.files.values():
            part = await self._blocking(partial(self._part, file))
            try:
                urls = load.source.urls(file.sha256)
                await self._carrier.fetch(file, urls, part, self._arrive, self.pace)
            finally:
                self._disk.submit(part.close)

    async def verify(self) -> None:
        """Hash every file as a whole.

        Raises:
            NotFetched: `wrong-hash`: one is not what was signed.
        """
        for file in self.load.files.values():
            if not await self._blocking(partial(self._is_right, file)):
                raise NotFetched(
                    f"cannot take {self.load.wanted}: {file.sha256[:12]} is not what "
                    "was signed; what is wrong of it is fetched again",
                    hint="edgectl publish verify; if it comes back, look at the disk: "
                    "dmesg",
                    reason=Reason.WRONG_HASH.value,
                )

    async def pack(self) -> Iterable[bytes]:
        """Return the tar stream for the daemon, with what is signed as of now.

        Raises:
            EdgedError: the daemon is away, or has lost files since they were counted.
        """
        load = self.load
        with suppress(NotFetched):  # what was signed when it began may do as well
            await self._describe_anew()
        missing = cargo.missing(load.documents, await self._door.files())
        if missing.keys() - load.missing.keys():
            raise StoreFailed(
                f"cannot hand in {load.wanted}: the daemon has lost files since they "
                "were counted; they are fetched next"
            )
        return await self._blocking(partial(self._packed, missing))

    async def hand_in(self, body: Iterable[bytes]) -> Changed:
        """Give it to the daemon; return what it says.

        Raises:
            EdgedError: it does not want it, or not now.
        """
        wanted = self.load.wanted
        try:
            return await self._door.install(
                body,
                source=wanted.source,
                model=wanted.model,
                downgrade=wanted.downgrade,
            )
        except EdgedError:
            self.load.described = None  # what it said may be why
            raise

    async def follow(self, number: int) -> Change:
        """Return a change when it serves, or did not come to that."""
        steps = 0
        while True:
            change = await self._door.change(number, steps=steps, wait_s=_NEWS_S)
            if change.last.step in _FOLLOWED:
                return change
            steps = len(change.steps)

    async def outlast(self, number: int) -> None:
        """Return when a change is over: its probation, too."""
        steps = 0
        while True:
            change = await self._door.change(number, steps=steps, wait_s=_NEWS_S)
            if change.is_over:
                return
            steps = len(change.steps)

    # --- room --------------------------------------------------------------------

    async def sweep(self, keep: Iterable[str]) -> None:
        """Remove partial files of all but these.

        Args:
            keep: sha256 of files that are wanted.
        """
        wanted = frozenset(keep)
        await self._blocking(lambda: self._swept(wanted))

    # --- in the disk's thread ----------------------------------------------------

    def _part(self, want: Chunked) -> Part:
        self._make_folder()
        return Part(self._folder, want, self._files)

    def _kept(self) -> dict[str, int]:
        """Return what is kept of files that were begun, in bytes."""
        kept = {}
        for digest, file in self.load.files.items():
            if os.path.lexists(self._folder / f"{digest}.part"):
                part = self._part(file)
                kept[digest] = part.kept_bytes
                part.close()
        return kept

    def _is_right(self, want: Chunked) -> bool:
        part = self._part(want)
        try:
            return part.verify()
        finally:
            part.close()

    def _packed(self, missing: Mapping[str, Chunked]) -> Iterable[bytes]:
        described = self.load.documents
        parts = {n: self._folder / f"{f.sha256}.part" for n, f in missing.items()}
        if not described.manifest:
            return pack_one(*parts.popitem())
        return pack_signed(described.documents, described.manifest, parts)

    def _swept(self, keep: AbstractSet[str]) -> None:
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.iterdir()):
            if path.name.partition(".")[0] not in keep:
                self._files.remove_tree(Site.PART_DROP, path)
        self._files.sync_dir(Site.PART_DROP, self._folder)

    def _volume(self, spare: AbstractSet[str]) -> Volume:
        self._make_folder()
        with store_errors("read", self._folder):
            told, device = os.statvfs(self._folder), self._folder.stat().st_dev
            parts = (self._folder / f"{digest}.part" for digest in spare)
            spare_bytes = sum(p.stat().st_blocks * _SECTOR for p in parts if p.exists())
        return Volume(
            name=str(self._folder),
            device=device,
            free_bytes=told.f_bavail * told.f_frsize,
            collectable_bytes=spare_bytes,
        )

    def _make_folder(self) -> None:
        for folder in (self._folder.parent, self._folder):
            if not folder.is_dir():
                self._files.mkdir(Site.UPDATE_FOLDER, folder)
                self._files.sync_dir(Site.UPDATE_FOLDER, folder.parent)

    # --- small steps -------------------------------------------------------------

    async def _blocking(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    def _arrive(self, count: int) -> None:
        self.load.done_bytes += count
        self._gauge.add(count)
