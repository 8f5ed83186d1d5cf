"""The activation agent: installed -> live, or back.

Law: the single writer of the store's links; one change at a time. Whatever fails,
what was live stays live, and nothing half-made stays on disk (a release that a stop
cut off before it was live stays installed, whole and unused). A release goes live
only after every variant has loaded and answered its golden inputs.
What it needs of the serving side is `swapper`; it never imports serve.
"""

import asyncio
import logging
import platform
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from edged import __version__
from edged.activate.fit import changes_for_callers, check_box, check_replaces, choose
from edged.activate.intake import Candidate, Intake
from edged.activate.proof import check_labels, prove
from edged.activate.pull import pulled
from edged.activate.records import about, log_live
from edged.activate.shelf import Shelf, ref, trouble
from edged.activate.swapper import P, Swapper
from edged.activate.tidy import tidy, undo
from edged.errors import (
    BadRelease,
    Conflict,
    Draining,
    EdgedError,
)
from edged.store.links import Links
from edged.store.releases import Release, Releases
from edged.wire.messages import (
    Changed,
    InstallRequest,
    ModelDetail,
    ModelName,
    ReleaseRef,
    Trouble,
    UseRequest,
    Verified,
)
from edged.wire.release import Manifest

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Agent(Generic[P]):
    """One change at a time. A service; its verbs are called on the loop."""

    name = "models"

    def __init__(
        self,
        *,
        releases: Releases,
        links: Links,
        intake: Intake,
        swapper: Swapper[P],
        keep_releases: int,
    ) -> None:
        self._releases = releases
        self._links = links
        self._shelf = Shelf(releases, links)
        self._intake = intake
        self._swapper = swapper
        self.keep_releases = keep_releases
        self._trouble: Trouble | None = None
        self._rot: dict[str, Trouble] = {}
        self._closed = False
        self._turn = asyncio.Lock()
        self._swept = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="activate")
        self._intake_thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._look_thread = ThreadPoolExecutor(1, thread_name_prefix="look")

    # --- start and end -----------------------------------------------------------

    async def run(self, ready: Callable[[], None]) -> None:
        """Load what is live, then wait; see `lifecycle.Service`."""
        try:
            await self.start()
            ready()
            await asyncio.Event().wait()  # the way out is cancellation
        finally:
            self.close()

    async def start(self) -> None:
        """Load every model's current release; a failure is told, never raised."""
        async with self._turn:
            names: tuple[str, ...] = ()
            try:
                names = await self._work(self._releases.names)
                await self._work(self._intake.sweep)
            except EdgedError as error:  # a read-only store still serves
                self._trouble = trouble(None, error)
                _log.warning("%s", error)
            self._swept.set()
            for name in names:
                self._swapper.loading(name)
            for name in names:
                try:
                    await self._load_current(name)
                except EdgedError as error:
                    self._failed(name, error)

    def close(self) -> None:
        """Take no further change. One under way may be cut: the store stands that."""
        self._closed = True
        for thread in (self._thread, self._intake_thread, self._look_thread):
            thread.shutdown(wait=False)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong with the store, and with files that were found rotten."""
        return (*((self._trouble,) if self._trouble else ()), *self._rot.values())

    # --- effects -----------------------------------------------------------------

    async def install(
        self, chunks: AsyncIterator[bytes], request: InstallRequest
    ) -> Changed:
        """Take in a tar stream and make its release live.

        Raises:
            BadBundle: the stream, the manifest, a digest or an answer is not right.
            SignatureChanged, Downgrade: it may not replace what is live.
            BadModel: a variant cannot be loaded.
            StoreFailed: the disk refuses.
        """
        self._check_open()
        await self._swept.wait()  # or the sweep of start-up would take it away
        staged = await pulled(chunks, self._intake.receive, self._intake_thread)
        async with self._turn:
            candidate = await self._work(lambda: self._intake.describe(staged, request))
            return await self._install(candidate, request)

    async def _install(self, new: Candidate, request: InstallRequest) -> Changed:
        name = new.manifest.name
        try:
            live = await self._work(lambda: self._shelf.whole_live(name))
            if live is not None and live.digest == new.digest:
                # What is there twice is adopted all the same where it has rotted.
                if await self._serves_whole(live):
                    await self._work(lambda: self._intake.drop(new))
                    return self._changed(live, changed=False, text="is live already")
            else:
                check_box(new.manifest, arch=platform.machine(), edged=__version__)
                check_replaces(
                    new.manifest,
                    live.manifest if live else None,
                    new_signature=request.new_signature,
                    downgrade=request.downgrade,
                )
        except BaseException:
            await self._work(lambda: self._intake.drop(new))
            raise
        had = {r.folder for r in await self._work(lambda: self._shelf.installed(name))}
        release = await self._work(lambda: self._intake.adopt(new))
        try:
            await self._make_live(release)
        except BaseException as error:
            if release.folder not in had:
                await self._work(lambda: undo(self._releases, self._shelf, release))
            _log.warning("%s %s is not live: %s", name, release.folder, error)
            raise
        self._trouble = None  # the store can be written
        warnings = await self._work(
            lambda: tidy(self._releases, self._shelf, name, keep=self.keep_releases)
        )
        if release.manifest.golden is None:
            warnings.append("it has no golden answers: what it answers is unproved")
        return self._changed(
            release, changed=True, text="is live", warnings=tuple(warnings)
        )

    async def use(self, request: UseRequest) -> Changed:
        """Make another installed release live.

        Raises:
            UnknownModel, UnknownVersion: it is not installed.
            SignatureChanged: callers would notice, and nobody said that they know.
        """
        async with self._turn:
            live, installed = await self._work(
                lambda: (
                    self._shelf.whole_live(request.name),
                    self._shelf.installed(request.name),
                )
            )
            release = choose(installed, request, live)
            if live is not None and live.folder == release.folder:
                if self._swapper.serves(request.name) == live.digest:
                    return self._changed(live, changed=False, text="is live already")
            else:
                check_replaces(
                    release.manifest,
                    live.manifest if live else None,
                    new_signature=request.new_signature,
                    downgrade=True,
                )
            await self._make_live(release)
            return self._changed(release, changed=True, text="is live")

    async def rollback(self, request: ModelName) -> Changed:
        """Swap the live and the previous release.

        Raises:
            UnknownModel: no such name.
            Conflict: there is no previous release.
        """
        async with self._turn:
            name = request.name
            live, release = await self._work(
                lambda: (self._shelf.whole_live(name), self._shelf.previous(name))
            )
            if release is None or (live is not None and live.folder == release.folder):
                await self._work(lambda: self._shelf.check_known(name))
                raise Conflict(
                    f"cannot roll {name} back: it has no previous release",
                    hint=f"edgectl models show {name}",
                )
            left = live.folder if live else None
            await self._make_live(
                release,
                link=lambda: self._links.put_back(name, release.folder, previous=left),
            )
            changes = (
                changes_for_callers(live.manifest.signature, release.manifest.signature)
                if live
                else []
            )
            return self._changed(
                release,
                changed=True,
                text="is live again",
                warnings=tuple(f"callers see a change: {change}" for change in changes),
            )

    async def load(self, request: ModelName) -> Changed:
        """Load the current release into memory."""
        name = request.name
        async with self._turn:
            await self._work(lambda: self._shelf.check_known(name))
            if self._swapper.serves(name) is not None:
                release = await self._work(lambda: self._shelf.described_live(name))
                if release is not None:
                    return self._changed(
                        release, changed=False, text="is loaded already"
                    )
            self._swapper.loading(name)
            try:
                release = await self._load_current(name)
            except EdgedError as error:
                self._failed(name, error)
                raise
            return self._changed(release, changed=True, text="is loaded")

    async def unload(self, request: ModelName) -> Changed:
        """Release the model's memory; until the next start, or a load."""
        async with self._turn:
            await self._work(lambda: self._shelf.check_known(request.name))
            was = self._swapper.unload(request.name)
            _log.info("%s is unloaded", request.name, extra=about(request.name))
            text = "is unloaded" if was else "was not loaded"
            return Changed(
                name=request.name, changed=was, text=f"{request.name} {text}"
            )

    async def remove(self, request: ModelName) -> Changed:
        """Unload the model and delete its releases."""
        async with self._turn:
            name = request.name
            await self._work(lambda: self._shelf.check_known(name))
            try:
                await self._work(lambda: self._releases.remove(name))
            except EdgedError:
                # Only making it durable may have failed: what is gone is forgotten.
                if name not in await self._work(self._releases.names):
                    self._swapper.forget(name)
                raise
            self._swapper.forget(name)
            self._rot.pop(name, None)
            _log.info("%s is removed", name, extra=about(name))
            return Changed(name=name, changed=True, text=f"{name} is removed")

    # --- looking -----------------------------------------------------------------

    async def verify(self, request: ModelName) -> Verified:
        """Hash every installed release of a model again; status tells what it found."""
        name = request.name
        verified = await self._look(lambda: self._shelf.verify(name))
        self._rot.pop(name, None)
        if verified.faults:
            first = verified.faults[0]
            self._rot[name] = first
            _log.warning("%s: %s", name, first.text, extra=about(name, first.code))
        return verified

    async def detail(self, request: ModelName) -> ModelDetail:
        """Describe one model: state, ladder, releases, manifest."""
        name = request.name

        def look() -> tuple[tuple[ReleaseRef, ...], Manifest | None]:
            self._shelf.check_known(name)
            live = self._shelf.whole_live(name)
            return self._shelf.refs(name), live.manifest if live else None

        releases, manifest = await self._look(look)
        status = self._swapper.status(name)
        return ModelDetail(status=status, releases=releases, manifest=manifest)

    # --- steps -------------------------------------------------------------------

    async def _load_current(self, name: str) -> Release:
        release = await self._work(lambda: self._shelf.described_live(name))
        if release is None:
            raise BadRelease(
                f"cannot load {name}: no release of it is live",
                hint=f"edgectl models use {name} SEQ, or edgectl install PATH",
            )
        prepared = await self._prepare(release, strict=False)
        self._swapper.switch(prepared)
        log_live(release, "is loaded")
        return release

    async def _make_live(
        self, release: Release, *, link: Callable[[], object] | None = None
    ) -> None:
        """Load, prove, link, switch; until the link is swapped nothing has changed."""
        live = await self._work(lambda: self._shelf.linked(release.name)[0])
        swap = link or (
            lambda: self._links.switch(release.name, release.folder, previous=live)
        )
        prepared = await self._prepare(release, strict=True)
        try:
            await self._work(lambda: prove(release, prepared.rungs))
            await self._work(swap)
        except BaseException:
            await self._work(lambda: self._swapper.discard(prepared))
            raise
        self._swapper.switch(prepared)
        self._rot.pop(release.name, None)
        log_live(release, "is live")

    async def _serves_whole(self, live: Release) -> bool:
        """Tell whether this very release answers and none of its files has rotted."""
        if self._swapper.serves(live.name) != live.digest:
            return False
        return not await self._work(lambda: self._releases.rotten(live))

    def _failed(self, name: str, error: EdgedError) -> None:
        self._swapper.fail(name, error)
        _log.warning("%s", error, extra=about(name, error.code))

    async def _prepare(self, release: Release, *, strict: bool) -> P:
        def prepare() -> P:
            rotten = self._releases.rotten(release)
            check_labels(release, rotten)
            return self._swapper.prepare(
                release, self._releases.labels(release), strict=strict, rotten=rotten
            )

        return await self._work(prepare)

    async def _work(self, work: Callable[[], T]) -> T:
        """Run on the agent's thread, to the end even if the caller goes away.

        Raises:
            Draining: the daemon is stopping.
        """
        self._check_open()
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, work))

    async def _look(self, look: Callable[[], T]) -> T:
        """Ask the shelf on a thread of its own: a long change keeps nobody waiting."""
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._look_thread, look)

    def _check_open(self) -> None:
        if self._closed:
            raise Draining("cannot do that now: the daemon is stopping")

    def _changed(
        self,
        release: Release,
        *,
        changed: bool,
        text: str,
        warnings: tuple[str, ...] = (),
    ) -> Changed:
        manifest = release.manifest
        return Changed(
            name=release.name,
            changed=changed,
            text=f"{release.name} {manifest.version} (seq {manifest.seq}) {text}",
            live=ref(release, live=True),
            signature=manifest.signature,
            warnings=warnings,
        )
