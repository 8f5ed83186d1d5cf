"""The activation agent: installed -> live, or back.

Law: the single writer of the store's links; one change at a time. Whatever fails,
what was live stays live, and nothing half-made stays on disk. A release goes live
only after every variant has loaded and answered its golden inputs.
It declares what it needs of the serving side (`Swapper`) and never imports it.
"""

import asyncio
import platform
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from edged import __version__
from edged.activate.fit import changes_for_callers, check_box, check_replaces
from edged.activate.intake import Candidate, Intake
from edged.activate.proof import prove
from edged.errors import (
    BadRelease,
    Conflict,
    Draining,
    EdgedError,
    UnknownModel,
    UnknownVersion,
)
from edged.runtime.base import Runs
from edged.store.links import Links
from edged.store.releases import Release, Releases
from edged.store.retention import expendable
from edged.wire.messages import (
    Changed,
    InstallRequest,
    ModelDetail,
    ModelName,
    ModelStatus,
    ReleaseRef,
    Trouble,
    UseRequest,
    Verified,
)
from edged.wire.release import Manifest

T = TypeVar("T")


class Prepared(Protocol):
    """A release that is loaded beside what is live."""

    @property
    def rungs(self) -> Mapping[str, Runs]:
        """Its loaded variants by id."""


P = TypeVar("P", bound=Prepared)


class Swapper(Protocol[P]):
    """What the agent needs of the serving side; `serve.registry` has it."""

    def prepare(
        self, release: Release, labels: dict[str, tuple[str, ...]], *, strict: bool
    ) -> P:
        """Load a release beside what is live. Blocks; any thread."""

    def discard(self, prepared: P) -> None:
        """Let go of a release that will not go live. Blocks; any thread."""

    def switch(self, prepared: P) -> None:
        """Make it answer to its name. On the loop."""

    def loading(self, name: str) -> None:
        """Say that a model is on its way. On the loop."""

    def fail(self, name: str, error: EdgedError) -> None:
        """Say why a model does not answer. On the loop."""

    def unload(self, name: str) -> bool:
        """Stop answering; tell whether it was loaded. On the loop."""

    def forget(self, name: str) -> None:
        """Drop the name. On the loop."""

    def status(self, name: str) -> ModelStatus:
        """Describe one model. On the loop."""


class Agent(Generic[P]):
    """One change at a time. Effects are called on the loop."""

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
        self._intake = intake
        self._swapper = swapper
        self.keep_releases = keep_releases
        self.trouble: Trouble | None = None
        self._closed = False
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="activate")
        self._intake_thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    # --- start and end -----------------------------------------------------------

    async def start(self) -> None:
        """Load every model's current release; a failure is told, never raised."""
        async with self._turn:
            try:
                await self._work(self._intake.sweep)
            except EdgedError as error:  # a read-only store still serves
                self.trouble = Trouble(
                    code=error.code, text=error.message, hint=error.hint
                )
            names = await self._work(self._releases.names)
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
        self._thread.shutdown(wait=False)
        self._intake_thread.shutdown(wait=False)

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
        loop = asyncio.get_running_loop()

        def pull() -> Iterator[bytes]:
            while True:
                got = asyncio.run_coroutine_threadsafe(_next(chunks), loop).result()
                if got is None:
                    return
                yield got

        staged = await loop.run_in_executor(
            self._intake_thread, lambda: self._intake.receive(pull(), request)
        )
        async with self._turn:
            return await self._install(staged, request)

    async def _install(self, staged: Candidate, request: InstallRequest) -> Changed:
        name = staged.manifest.name
        try:
            live = await self._work(lambda: self._whole_release(name))
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
        had = {r.folder for r in await self._work(lambda: self._installed(name))}
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
                    self._whole_release(request.name),
                    self._installed(request.name),
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
            live, folder = await self._work(
                lambda: (self._whole_release(name), self._links.previous(name))
            )
            if folder is None or (live is not None and live.folder == folder):
                await self._work(lambda: self._known(name))
                raise Conflict(
                    f"cannot roll {name} back: it has no previous release",
                    hint=f"edgectl models show {name}",
                )
            release = await self._work(lambda: self._releases.read(name, folder))
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
            await self._work(lambda: self._known(request.name))
            if self._swapper.status(request.name).version is not None:
                release = await self._work(lambda: self._live_release(request.name))
                if release is not None:
                    return self._changed(
                        release, changed=False, text="is loaded already"
                    )
            release = await self._load_current(request.name)
            return self._changed(release, changed=True, text="is loaded")

    async def unload(self, request: ModelName) -> Changed:
        """Release the model's memory; until the next start, or a load."""
        async with self._turn:
            await self._work(lambda: self._known(request.name))
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
            await self._work(lambda: self._known(name))
            self._swapper.unload(name)
            await self._work(lambda: self._releases.remove(name))
            self._swapper.forget(name)
            return Changed(name=name, changed=True, text=f"{name} is removed")

    # --- looking -----------------------------------------------------------------

    async def verify(self, request: ModelName) -> Verified:
        """Hash every installed release of a model again."""

        def look() -> Verified:
            self._known(request.name)
            return self._verify(request.name)

        return await self._work(look)

    def _verify(self, name: str) -> Verified:
        faults: list[Trouble] = []
        files = size_bytes = 0
        for release in self._releases.installed(name):
            files += len(release.manifest.files)
            size_bytes += release.size_bytes
            faults += [
                Trouble(
                    code=BadRelease.code,
                    text=f"{release.folder}: {fault}",
                    hint="install the release again: edgectl install PATH",
                    model=name,
                )
                for fault in self._releases.verify(release)
            ]
        try:
            self._live_release(name)
        except EdgedError as error:
            faults.append(
                Trouble(
                    code=error.code, text=error.message, hint=error.hint, model=name
                )
            )
        return Verified(
            name=name,
            ok=not faults,
            files=files,
            size_bytes=size_bytes,
            faults=tuple(faults),
        )

    async def detail(self, request: ModelName) -> ModelDetail:
        """Describe one model: state, ladder, releases, manifest."""
        name = request.name

        def look() -> ModelDetail:
            self._known(name)
            return ModelDetail(
                status=status, releases=self._refs(name), manifest=self._manifest(name)
            )

        try:
            status = self._swapper.status(name)
        except UnknownModel:
            await self._work(lambda: self._known(name))
            raise
        return await self._work(look)

    # --- on the agent's thread ---------------------------------------------------

    def _known(self, name: str) -> None:
        names = self._releases.names()
        if name not in names:
            raise UnknownModel(
                f"cannot find model {name!r}: "
                + (
                    f"installed are {', '.join(names)}"
                    if names
                    else "none is installed"
                ),
                hint="edgectl models list" if names else "edgectl install PATH",
            )

    def _live_release(self, name: str) -> Release | None:
        folder = self._links.current(name)
        return None if folder is None else self._releases.read(name, folder)

    def _whole_release(self, name: str) -> Release | None:
        """Return the live release, None where there is none that is whole."""
        try:
            return self._live_release(name)
        except BadRelease:
            return None  # `status` carries the reason

    def _manifest(self, name: str) -> Manifest | None:
        release = self._whole_release(name)
        return release.manifest if release else None

    def _installed(self, name: str) -> tuple[Release, ...]:
        return self._releases.installed(name)

    def _refs(self, name: str) -> tuple[ReleaseRef, ...]:
        live, previous = self._linked(name)
        return tuple(
            _ref(
                release,
                live=release.folder == live,
                previous=release.folder == previous,
            )
            for release in self._installed(name)
        )

    def _linked(self, name: str) -> tuple[str | None, str | None]:
        """Return the folders of `current` and `previous`; None where one is damaged."""
        found = []
        for look in (self._links.current, self._links.previous):
            try:
                found.append(look(name))
            except BadRelease:
                found.append(None)
        return found[0], found[1]

    def _undo(self, release: Release) -> None:
        """Delete a release that did not go live; the links are asked, not memory."""
        if self._linked(release.name)[0] != release.folder:
            self._releases.delete(release)

    def _tidy(self, name: str) -> list[str]:
        """Delete what retention does not keep; a failure is a warning."""
        warnings = []
        live, previous = self._linked(name)
        for release in expendable(
            self._installed(name),
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

    # --- steps -------------------------------------------------------------------

    async def _load_current(self, name: str) -> Release:
        release = await self._work(lambda: self._live_release(name))
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

    async def _work(self, work: Callable[[], T]) -> T:
        """Run on the agent's thread, to the end even if the caller goes away.

        Raises:
            Draining: the daemon is stopping.
        """
        if self._closed:
            raise Draining("cannot do that now: the daemon is stopping")
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, work))

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
            live=_ref(release, live=True),
            signature=manifest.signature,
            warnings=warnings,
        )


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


def _ref(release: Release, *, live: bool = False, previous: bool = False) -> ReleaseRef:
    return ReleaseRef(
        version=release.manifest.version,
        seq=release.manifest.seq,
        digest=release.digest,
        folder=release.folder,
        live=live,
        previous=previous,
        size_bytes=release.size_bytes,
        installed_utc=release.installed_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
