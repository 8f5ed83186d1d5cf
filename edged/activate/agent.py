"""The activation agent: installed -> live, or back.

Law: the single writer of the store's links; one change at a time. Whatever fails,
what was live stays live, and nothing half-made stays on disk. A release goes live
only after every variant has loaded and answered its golden inputs.
What it needs of the serving side is `swapper`; it never imports serve.
"""

import asyncio
import platform
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from edged import __version__
from edged.activate.fit import changes_for_callers, check_box, check_replaces
from edged.activate.intake import Candidate, Intake
from edged.activate.proof import prove
from edged.activate.pull import Pull
from edged.activate.shelf import Shelf, ref, trouble
from edged.activate.swapper import P, Swapper
from edged.errors import (
    BadRelease,
    Conflict,
    Draining,
    EdgedError,
    UnknownVersion,
)
from edged.store.links import Links
from edged.store.releases import Release, Releases
from edged.store.retention import expendable
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
        self.trouble: Trouble | None = None
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
                self.trouble = trouble(None, error)
            self._swept.set()
            for name in names:
                self._swapper.loading(name)
            for name in names:
                try:
                    await self._load_current(name)
                except EdgedError as error:
                    self._swapper.fail(name, error)

    def close(self) -> None:
        """Take no further change. One under way may be cut: the store stands that."""
        self._closed = True
        for thread in (self._thread, self._intake_thread, self._look_thread):
            thread.shutdown(wait=False)

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
        await self._swept.wait()  # or the sweep of start-up would take it away
        pull = Pull(chunks)
        loop = asyncio.get_running_loop()
        try:
            staged = await loop.run_in_executor(
                self._intake_thread, lambda: self._intake.receive(pull, request)
            )
        except asyncio.CancelledError:
            pull.close()
            raise
        async with self._turn:
            return await self._install(staged, request)

    async def _install(self, staged: Candidate, request: InstallRequest) -> Changed:
        name = staged.manifest.name
        try:
            live = await self._work(lambda: self._shelf.whole_live(name))
            if live is not None and live.digest == staged.digest:
                await self._work(lambda: self._intake.drop(staged))
                return self._changed(live, changed=False, text="is live already")
            check_box(staged.manifest, arch=platform.machine(), edged=__version__)
            check_replaces(
                staged.manifest,
                live.manifest if live else None,
                new_signature=request.new_signature,
                downgrade=request.downgrade,
            )
        except BaseException:
            await self._work(lambda: self._intake.drop(staged))
            raise
        had = {r.folder for r in await self._work(lambda: self._shelf.installed(name))}
        release = await self._work(lambda: self._intake.adopt(staged))
        try:
            await self._make_live(release)
        except BaseException:
            if release.folder not in had:
                await self._work(lambda: self._undo(release))
            raise
        warnings = await self._work(lambda: self._tidy(name))
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
            wanted = [r for r in installed if r.manifest.seq == request.seq]
            if not wanted:
                have = ", ".join(str(r.manifest.seq) for r in installed) or "none"
                raise UnknownVersion(
                    f"cannot use seq {request.seq} of {request.name}: installed are "
                    f"{have}",
                    hint=f"edgectl models show {request.name}",
                )
            release = wanted[-1]
            if live is not None and live.folder == release.folder:
                return self._changed(live, changed=False, text="is live already")
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
            await self._make_live(release, link=lambda: self._links.swap_back(name))
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
        async with self._turn:
            await self._work(lambda: self._shelf.check_known(request.name))
            if self._swapper.status(request.name).version is not None:
                release = await self._work(lambda: self._shelf.live(request.name))
                if release is not None:
                    return self._changed(
                        release, changed=False, text="is loaded already"
                    )
            release = await self._load_current(request.name)
            return self._changed(release, changed=True, text="is loaded")

    async def unload(self, request: ModelName) -> Changed:
        """Release the model's memory; until the next start, or a load."""
        async with self._turn:
            await self._work(lambda: self._shelf.check_known(request.name))
            was = self._swapper.unload(request.name)
            return Changed(
                name=request.name,
                changed=was,
                text=f"{request.name} is unloaded"
                if was
                else f"{request.name} was not loaded",
            )

    async def remove(self, request: ModelName) -> Changed:
        """Unload the model and delete its releases."""
        async with self._turn:
            name = request.name
            await self._work(lambda: self._shelf.check_known(name))
            self._swapper.unload(name)
            await self._work(lambda: self._releases.remove(name))
            self._swapper.forget(name)
            return Changed(name=name, changed=True, text=f"{name} is removed")

    # --- looking -----------------------------------------------------------------

    async def verify(self, request: ModelName) -> Verified:
        """Hash every installed release of a model again."""
        return await self._look(lambda: self._shelf.verify(request.name))

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
        release = await self._work(lambda: self._shelf.live(name))
        if release is None:
            raise BadRelease(
                f"cannot load {name}: no release of it is live",
                hint=f"edgectl models use {name} SEQ, or edgectl install PATH",
            )
        prepared = await self._prepare(release, strict=False)
        self._swapper.switch(prepared)
        return release

    async def _make_live(
        self, release: Release, *, link: Callable[[], object] | None = None
    ) -> None:
        """Load, prove, link, switch; until the link is swapped nothing has changed."""
        swap = link or (lambda: self._links.switch(release.name, release.folder))
        prepared = await self._prepare(release, strict=True)
        try:
            await self._work(lambda: prove(release, prepared.rungs))
            await self._work(swap)
        except BaseException:
            await self._work(lambda: self._swapper.discard(prepared))
            raise
        self._swapper.switch(prepared)

    async def _prepare(self, release: Release, *, strict: bool) -> P:
        return await self._work(
            lambda: self._swapper.prepare(
                release, self._releases.labels(release), strict=strict
            )
        )

    def _undo(self, release: Release) -> None:
        """Delete a release that did not go live; the links are asked, not memory."""
        if self._shelf.linked(release.name)[0] != release.folder:
            self._releases.delete(release)

    def _tidy(self, name: str) -> list[str]:
        """Delete what retention does not keep; a failure is a warning."""
        warnings = []
        live, previous = self._shelf.linked(name)
        for release in expendable(
            self._shelf.installed(name),
            live=live,
            previous=previous,
            # Live and previous stay in any case; the setting counts them too.
            keep=max(0, self.keep_releases - 2),
        ):
            try:
                self._releases.delete(release)
            except EdgedError as error:
                warnings.append(error.message)
        return warnings

    async def _work(self, work: Callable[[], T]) -> T:
        """Run on the agent's thread, to the end even if the caller goes away.

        Raises:
            Draining: the daemon is stopping.
        """
        if self._closed:
            raise Draining("cannot change anything now: the daemon is stopping")
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, work))

    async def _look(self, look: Callable[[], T]) -> T:
        """Ask the shelf on a thread of its own: a long change keeps nobody waiting."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._look_thread, look)

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
