"""Sources, a daemon and a carrier as the updater sees them, all in memory.

`World` holds them together: it publishes releases, runs a courier over a real folder,
kills it at any time and runs the next one, and tells what was fetched over all lives.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edged.errors import EdgedError, UnknownChange
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles, Files
from edged.host.partial import Part
from edged.store import tar
from edged.store.manifest import read_manifest, write_manifest
from edged.store.signed import read_documents
from edged.update.council import Terms
from edged.update.courier import Courier
from edged.update.offers import Box, Conditions, Installed, Offer
from edged.update.pace import Pace
from edged.update.source import Described
from edged.update.space import Volume
from edged.watch import Owned
from edged.wire.changes import Change, Step, StepTaken, Which, Wish
from edged.wire.listing import CHUNK_BYTES, Chunked, ChunkIndex, Listing
from edged.wire.messages import Changed
from edged.wire.updates import Activity, UpdateRequest, UpdateStatus
from tests.fakes.bundles import manifest_for
from tests.fakes.chunks import chunked, content, piece

AT = "2026-11-24T06:00:00Z"
BEGAN = datetime(2026, 11, 24, 6, tzinfo=UTC)
BOX = Box(edged="0.5.0", arch="x86_64", device_id="box-1")
TERMS = Terms(every_s=3600.0, reserve_bytes=0)
DOCUMENTS = {"1.root.json": b"{}", "timestamp.json": b"{}"}


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A release with all its bytes."""

    offer: Offer
    manifest: bytes
    files: dict[str, bytes]

    @property
    def index(self) -> ChunkIndex:
        """What was signed of its chunks."""
        return ChunkIndex(files={n: chunked(d) for n, d in self.files.items()})

    @property
    def blobs(self) -> dict[str, bytes]:
        """Its files by sha256."""
        return {hashlib.sha256(d).hexdigest(): d for d in self.files.values()}


def published(
    seq: int = 15,
    *,
    model: str = "pets",
    size: int = 3 * CHUNK_BYTES + 5,
    source: str = "main",
    **listing: object,
) -> Published:
    """Make a release; its labels are those of every other one.

    Args:
        seq: each has another model file.
        model: its name.
        size: of the model file.
        source: who offers it.
        listing: more fields of it.
    """
    files = {"model.onnx": content(size, seed=seq), "labels.txt": b"cat\ndog\n"}
    manifest = write_manifest(manifest_for(files, name=model, seq=seq))
    said = Listing(
        model=model,
        version=f"1.{seq}.0",
        seq=seq,
        size_bytes=sum(map(len, files.values())),
        issued=AT,
        starts=AT,
    )
    offer = Offer(
        source=source,
        listing=msgspec.structs.replace(said, **listing),
        sha256=hashlib.sha256(manifest).hexdigest(),
        size=len(manifest),
    )
    return Published(offer=offer, manifest=manifest, files=files)


class FakeSource:
    """A `Source` that offers what it is told to.

    Attributes:
        releases: what it offers.
        errors: raised by the next looks, one each.
        faults: raised by the next descriptions, one each.
        looks, described: how often it was asked.
        gate: looks wait for it.
    """

    kind = "tuf"

    def __init__(self, name: str = "main", *releases: Published) -> None:
        self.name, self.url = name, f"https://{name}.example"
        self.releases = list(releases)
        self.clock = "right"
        self.versions = {"targets": 1}
        self.errors: list[EdgedError] = []
        self.faults: list[EdgedError] = []
        self.looks = self.described = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def look(self) -> tuple[Offer, ...]:
        """Tell what it offers."""
        self.looks += 1
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return tuple(release.offer for release in self.releases)

    async def describe(self, offer: Offer) -> Described:
        """Describe a release that it offers."""
        self.described += 1
        if self.faults:
            raise self.faults.pop(0)
        one = next(r for r in self.releases if r.offer.sha256 == offer.sha256)
        return Described(
            manifest=one.manifest, index=one.index, documents=dict(DOCUMENTS)
        )

    async def documents(self) -> dict[str, bytes]:
        """Tell what is signed."""
        return dict(DOCUMENTS)

    def urls(self, sha256: str) -> tuple[str, ...]:
        """Tell where a file is."""
        return (f"{self.url}/blobs/{sha256}",)

    def say(self, seq: int, **listing: object) -> None:
        """Change what is said of a release."""
        for at, one in enumerate(self.releases):
            if one.offer.listing.seq == seq:
                said = msgspec.structs.replace(one.offer.listing, **listing)
                offer = msgspec.structs.replace(one.offer, listing=said)
                self.releases[at] = msgspec.structs.replace(one, offer=offer)


class FakeCarrier:
    """A `Carrier` that has every byte of every release of some sources.

    Attributes:
        fetched: chunks, by sha256 of their file, in the order in which they came.
        errors: raised by the next fetches, one each, after `chunks_before_error`.
        hold: chunks wait for it.
        came: a chunk came since it was cleared.
        lies: sha256 of files of which it brings wrong bytes, as nobody should.
    """

    def __init__(self, sources: Sequence[FakeSource], disk: ThreadPoolExecutor) -> None:
        self._sources, self._disk = sources, disk
        self.fetched: list[tuple[str, int]] = []
        self.errors: list[EdgedError] = []
        self.chunks_before_error = 1
        self.hold = asyncio.Event()
        self.hold.set()
        self.came = asyncio.Event()
        self.arrived_bytes = self.cuts = 0

    async def fetch(
        self,
        want: Chunked,
        urls: Sequence[str],
        part: Part,
        progress: Callable[[int], None],
        pace: Pace,
    ) -> None:
        """Bring what is missing, chunk by chunk, each durable at once."""
        assert urls
        loop = asyncio.get_running_loop()
        data = self._blob(want.sha256)
        for count, index in enumerate(tuple(part.missing())):
            await pace.clear()
            await self.hold.wait()
            if self.errors and count == self.chunks_before_error:
                raise self.errors.pop(0)
            chunk = piece(data, index)
            assert await loop.run_in_executor(self._disk, part.write, index, chunk)
            await loop.run_in_executor(self._disk, part.flush)
            self.fetched.append((want.sha256, index))
            self.arrived_bytes += len(chunk)
            self.came.set()
            progress(len(chunk))
            await pace.spend(len(chunk))

    def _blob(self, sha256: str) -> bytes:
        releases = (r for source in self._sources for r in source.releases)
        return next(r.blobs[sha256] for r in releases if sha256 in r.blobs)


class FakeDoor:
    """A `Door` to a daemon that takes what it is given, unless told otherwise.

    Attributes:
        models: what it has, by name.
        sums: sha256 of its files.
        free_bytes: where it installs.
        errors: raised by the next installs, one each, after the body was read.
        away: raised by every call while it is set.
        steps: that a change takes after it was received; its last one stays.
        taken: releases that came in, with the names of the members in their tars.
        downgrades: whether each was wanted as one.
        is_there: what comes in is live already.
        heard: of whose metadata it heard, about which model, and whether nothing is
            to replace what is live.
        revokes: digests that are revoked, once it heard.
        hear_error: raised instead.
        hold: changes go no further before it is set.
        watches: what is in probation is told as that; its end leads back.
    """

    def __init__(self) -> None:
        self.models: dict[str, Installed] = {}
        self.sums: frozenset[str] = frozenset()
        self.free_bytes = 1 << 40
        self.errors: list[EdgedError] = []
        self.away: EdgedError | None = None
        self.steps: list[StepTaken] = [taken(Step.TRIAL), taken(Step.PROBATION)]
        self.taken: list[tuple[str, int, tuple[str, ...]]] = []
        self.downgrades: list[bool] = []
        self.is_there = False
        self.heard: list[tuple[str, str, bool]] = []
        self.revokes: frozenset[str] = frozenset()
        self.hear_error: EdgedError | None = None
        self.hold = asyncio.Event()
        self.hold.set()
        self.watches = False
        self._before: dict[str, Installed] = {}
        self._number = 0
        self._changes: dict[int, Change] = {}
        self._digests: dict[int, tuple[str, frozenset[str]]] = {}

    async def installed(self) -> tuple[Installed, ...]:
        """Tell its models."""
        self._answer()
        return tuple(self.models.values())

    async def files(self) -> frozenset[str]:
        """Tell its files."""
        self._answer()
        return self.sums

    async def volume(self) -> Volume:
        """Tell its space; it is another file system than the updater's."""
        self._answer()
        return Volume(name="/store", device=-1, free_bytes=self.free_bytes)

    async def install(
        self, body: Iterable[bytes], *, source: str, model: str, downgrade: bool
    ) -> Changed:
        """Read a tar, check what a daemon checks of its bytes, begin a change."""
        self._answer()
        assert source
        members = {
            member.name: b"".join(data)
            for member, data in tar.read_tar(body, max_bytes=1 << 30)
        }
        if self.errors:
            raise self.errors.pop(0)
        manifest = read_manifest(members["model.yaml"], "model.yaml")
        for name, entry in manifest.files.items():
            has = entry.sha256 in self.sums
            assert has != (name in members)
            assert has or hashlib.sha256(members[name]).hexdigest() == entry.sha256
        self.taken.append((model, manifest.seq, tuple(members)))
        self.downgrades.append(downgrade)
        return self._begin(model, manifest.seq, members["model.yaml"])

    async def change(self, number: int, *, steps: int, wait_s: float) -> Change:
        """Tell a change; each step is news."""
        self._answer()
        known = self._changes.get(number)
        if known is None:
            raise UnknownChange(f"cannot tell change {number}: there is none")
        if len(known.steps) <= steps:
            try:
                async with asyncio.timeout(wait_s):
                    await self.hold.wait()
            except TimeoutError:
                return known
            known = self._go_on(known)
        self._answer()
        return known

    async def hear(
        self, body: Iterable[bytes], *, source: str, model: str, alone: bool
    ) -> Changed:
        """Read documents; believe what it is told to."""
        self._answer()
        documents = read_documents(body)
        if self.hear_error is not None:
            raise self.hear_error
        self.heard.append((source, model, alone))
        assert documents == DOCUMENTS
        here = self.models[model]
        self.models[model] = msgspec.structs.replace(here, revoked=self.revokes)
        return Changed(name=model, changed=True, text="is revoked")

    # --- what it is told ---------------------------------------------------------

    def have(self, release: Published, **standing: object) -> None:
        """Have a release, live."""
        listing = release.offer.listing
        live = Installed(
            model=listing.model,
            seq=listing.seq,
            digest=release.offer.sha256,
            version=listing.version,
            releases=frozenset({release.offer.sha256}),
        )
        self.models[listing.model] = msgspec.structs.replace(live, **standing)
        self.sums |= release.blobs.keys()

    def _answer(self) -> None:
        if self.away is not None:
            raise self.away

    def _begin(self, model: str, seq: int, manifest: bytes) -> Changed:
        number = self._number = self._number + 1
        digest = hashlib.sha256(manifest).hexdigest()
        files = read_manifest(manifest, "model.yaml").files.values()
        which = Which(version=f"1.{seq}.0", seq=seq, digest=digest, folder=f"{seq}-x")
        self._changes[number] = Change(
            id=number,
            model=model,
            wish=Wish.INSTALL,
            by="edged-updater",
            release=which,
            steps=(taken(Step.STAGED),),
        )
        self._digests[number] = digest, frozenset(f.sha256 for f in files)
        if self.is_there:
            self._settle(model, which)
            return Changed(name=model, changed=False, text="is live already")
        return Changed(name=model, changed=False, text="is tried", change=number)

    def _go_on(self, change: Change) -> Change:
        done = len(change.steps) - 1
        step = self.steps[min(done, len(self.steps) - 1)]
        change = msgspec.structs.replace(change, steps=(*change.steps, step))
        self._changes[change.id] = change
        digest, sums = self._digests[change.id]
        if step.step in {Step.PROBATION, Step.COMMITTED} and change.release:
            self.sums |= sums
            self._settle(change.model, change.release)
        if self.watches and step.step is Step.PROBATION:
            live = self.models[change.model]
            self.models[change.model] = msgspec.structs.replace(live, watched=change.id)
        if self.watches and step.step is Step.QUARANTINED:
            old = self._before.get(change.model, Installed(model=change.model))
            self.models[change.model] = msgspec.structs.replace(
                old, quarantined=old.quarantined | {digest}
            )
        if step.step is Step.HELD:
            before = self.models.get(change.model, Installed(model=change.model))
            self.models[change.model] = msgspec.structs.replace(before, held=digest)
        return change

    def _settle(self, model: str, which: Which) -> None:
        if model in self.models:
            self._before[model] = self.models[model]
        self.models[model] = Installed(
            model=model, seq=which.seq, digest=which.digest, version=which.version
        )


def taken(step: Step, why: str = "", code: str = "") -> StepTaken:
    """Return a step of a change."""
    return StepTaken(step=step, at_utc=AT, why=why, code=code)


class World:
    """A courier's surroundings over all its lives.

    Attributes:
        chance: what every draw gives.
        now: the reference time.
        conditions: how the box is doing.
        waits: whether requests wait.
    """

    def __init__(
        self,
        folder: Path,
        disk: ThreadPoolExecutor,
        *sources: FakeSource,
        terms: Terms = TERMS,
        files: Files | None = None,
    ) -> None:
        self.folder, self.disk, self.terms = folder, disk, terms
        self.files = files or DiskFiles()
        self.sources = sources or (FakeSource(),)
        self.door = FakeDoor()
        self.carrier = FakeCarrier(self.sources, disk)
        self.conditions = Owned(Conditions(hot=False, metered=False))
        self.waits = False
        self.chance = 0.0
        self.now = datetime(2026, 11, 25, 12, tzinfo=UTC)

    @property
    def source(self) -> FakeSource:
        """The first one."""
        return self.sources[0]

    def courier(self) -> Courier:
        """Make one more."""
        return Courier(
            folder=self.folder,
            files=self.files,
            disk=self.disk,
            door=self.door,
            sources=self.sources,
            carrier=self.carrier,
            clock=SystemClock(),
            reference=lambda: self.now,
            waiting=self._waiting,
            box=BOX,
            terms=self.terms,
            conditions=self.conditions.watch,
            chance=lambda: self.chance,
        )

    async def _waiting(self) -> bool:
        return self.waits

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[Courier]:
        """Run one until the block ends, as a daemon does."""
        courier = self.courier()
        async with asyncio.TaskGroup() as group:
            usable = asyncio.Event()
            life = group.create_task(courier.run(usable.set))
            await usable.wait()
            yield courier
            life.cancel()


async def until(
    courier: Courier, holds: Callable[[UpdateStatus], bool]
) -> UpdateStatus:
    """Wait for news until something holds; the test's own deadline bounds it."""
    known = -1
    while True:
        status = await courier.update(UpdateRequest(known=known, wait_s=15))
        if holds(status):
            return status
        known = status.revision


async def until_is(courier: Courier, activity: Activity) -> UpdateStatus:
    """Wait until the updater does this."""
    return await until(courier, lambda status: status.activity is activity)


async def emptied(world: World) -> list[str]:
    """Return what is left of partial files once nobody removes more of them."""
    for _ in range(500):
        left = sorted(path.name for path in (world.folder / "incoming").glob("*"))
        if not left:
            break
        await asyncio.sleep(0.01)
    return left
