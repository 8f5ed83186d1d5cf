"""What every part of the agent works with: the store, the trial, the serving side.

Law: one thread changes the store and loads, one looks, one tries, one takes streams in;
none of them is the loop. Work that has begun is done to its end, whoever goes away.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from edged.activate.history import History
from edged.activate.intake import Intake
from edged.activate.labels import check_labels
from edged.activate.records import about
from edged.activate.shelf import Shelf, trouble
from edged.activate.swapper import P, Swapper
from edged.activate.trial import Trial
from edged.adapt.regime import Regime
from edged.errors import Draining, EdgedError, StoreFailed
from edged.store.links import Links
from edged.store.profiles import Profiles
from edged.store.releases import Release, Releases
from edged.store.retention import expendable
from edged.watch import Owned, Watch
from edged.wire.changes import Change, Step, Which
from edged.wire.messages import ModelPhase, Trouble
from edged.wire.proofs import Proof

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Workshop(Generic[P]):
    """Rooms and threads.

    Args:
        releases: of the store.
        links: of the store; who has this workshop is their only writer.
        intake: takes streams in.
        history: the journal.
        profiles: proofs that hold.
        trial: makes proofs.
        swapper: the serving side.
        regime: what holds on the box; None where nobody looks.
        keep_releases: how many of a model stay installed.
        stop_revoked: whether a revoked release that nothing replaces must not run.

    Attributes:
        turn: held by whoever changes what is live; never for as long as a trial.
    """

    def __init__(  # noqa: PLR0913  # the rooms, by name only
        self,
        *,
        releases: Releases,
        links: Links,
        intake: Intake,
        history: History,
        profiles: Profiles,
        trial: Trial,
        swapper: Swapper[P],
        regime: Watch[Regime] | None,
        keep_releases: int,
        stop_revoked: bool = False,
    ) -> None:
        self.releases = releases
        self.links = links
        self.shelf = Shelf(releases, links)
        self.intake = intake
        self.history = history
        self.profiles = profiles
        self.trial = trial
        self.swapper = swapper
        self.regime = regime
        self.keep_releases = keep_releases
        self.stop_revoked = stop_revoked
        self.turn = asyncio.Lock()
        self._troubles: dict[str, Trouble] = {}
        self._doing: dict[int, str] = {}
        self._revision = Owned(0)
        self._closed = False
        self._change = ThreadPoolExecutor(1, thread_name_prefix="activate")
        self._look = ThreadPoolExecutor(1, thread_name_prefix="look")
        self._try = ThreadPoolExecutor(1, thread_name_prefix="trial")
        self.intake_thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    # --- threads -----------------------------------------------------------------

    async def work(self, work: Callable[[], T]) -> T:
        """Change the store, or load.

        Raises:
            Draining: the daemon is stopping.
        """
        return await self._on(self._change, work)

    async def look(self, look: Callable[[], T]) -> T:
        """Ask the store: a long change keeps nobody waiting."""
        return await self._on(self._look, look)

    async def attempt(self, attempt: Callable[[], T]) -> T:
        """Try a release out. One at a time: trials that share cores lie."""
        return await self._on(self._try, attempt)

    async def _on(self, thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        self.check_open()
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(thread, work))

    def check_open(self) -> None:
        """Check that changes may still be made.

        Raises:
            Draining: the daemon is stopping.
        """
        if self._closed:
            raise Draining("cannot do that now: the daemon is stopping")

    def note_stop(self) -> None:
        """Note that somebody asked for the end. On the loop; waits for nothing."""
        self._change.submit(self._noted)

    def _noted(self) -> None:
        with suppress(StoreFailed):  # the next start takes it for a crash
            self.history.stopped()

    def close(self) -> None:
        """Let the threads go. A step under way may be cut: the store stands that."""
        self._closed = True
        self.trial.stop()
        for thread in (self._change, self._look, self._try, self.intake_thread):
            thread.shutdown(wait=False)

    # --- loading -----------------------------------------------------------------

    def proof_of(self, release: Release) -> Proof | None:
        """Return the proof of a release that holds on this board. Blocks."""
        return self.trial.holds(release)

    def prepare(
        self, release: Release, *, proof: Proof | None = None, strict: bool = False
    ) -> P:
        """Load a release, but for rungs that are rotten or that failed. Blocks.

        Args:
            release: on disk.
            proof: of it; None for the one that is kept, if any.
            strict: refuse it if a rung does not load that should.

        Raises:
            BadRelease: a label file has rotted.
            BadModel: not one rung loads.
        """
        proof = proof or self.proof_of(release)
        rotten = self.releases.rotten(release)
        check_labels(release, rotten)
        return self.swapper.prepare(
            release,
            self.releases.labels(release),
            strict=strict,
            rotten=rotten,
            without=proof.unfit if proof else {},
            proof=proof,
        )

    def undo(self, release: Release) -> None:
        """Delete a release that did not go live. Blocks."""
        if release.folder not in self.shelf.linked(release.name):
            self.releases.delete(release)
            self.profiles.forget(release.digest)

    def forget_proofs(self, gone: Sequence[Release]) -> None:
        """Drop the proofs of releases that are gone; a failure is a trouble. Blocks."""
        try:
            for release in gone:
                self.profiles.forget(release.digest)
        except StoreFailed as error:
            self.trouble(error, None)

    def tidy(self, name: str) -> None:
        """Delete what retention does not keep; a failure is a trouble. Blocks."""
        try:
            live, previous = self.shelf.linked(name)
            held = {
                change.release.folder
                for change in self.history.open_changes(name)
                if change.release
            }
            for release in expendable(
                [r for r in self.shelf.installed(name) if r.folder not in held],
                live=live,
                previous=previous,
                keep=max(0, self.keep_releases - 2),
            ):
                self.releases.delete(release)
                self.profiles.forget(release.digest)
        except EdgedError as error:
            self.trouble(error, name)

    async def quarantine(self, name: str, release: Which, *, by: str, why: str) -> None:
        """Never let a release be activated by itself again."""
        await self.work(
            lambda: self.history.mark(
                model=name,
                digest=release.digest,
                seq=release.seq,
                quarantined=True,
                by=by,
                why=why,
            )
        )

    def is_asleep(self, name: str) -> bool:
        """Tell whether a model answers, and is not in memory until then."""
        return self.swapper.status(name).phase is ModelPhase.ASLEEP

    def is_in_memory(self, name: str) -> bool:
        """Tell whether a model answers without a load."""
        return self.swapper.serves(name) is not None and not self.is_asleep(name)

    def in_memory(self, name: str) -> frozenset[str]:
        """Return digests of what a model holds: what answers, and what can go back."""
        serves = self.swapper.serves(name) if self.is_in_memory(name) else None
        return frozenset(filter(None, (serves, self.swapper.resident(name))))

    # --- troubles ----------------------------------------------------------------

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong with the store, and what failed while nobody waited."""
        return tuple(self._troubles.values())

    def trouble(self, error: EdgedError, name: str | None = None) -> None:
        """Remember what went wrong; of the store as a whole where no name is given."""
        _log.error("%s", error.message, extra=about(name or "", error.code))
        self._troubles[name or ""] = trouble(name, error)

    def rotten(self, name: str, fault: Trouble) -> None:
        """Remember that a model's files have rotted."""
        self._troubles[name] = fault

    def mended(self, name: str) -> None:
        """Forget what was wrong with a model, and with the store, which works."""
        self._troubles.pop(name, None)
        self._troubles.pop("", None)

    def failed(self, name: str, error: EdgedError) -> None:
        """Say why a model does not answer. On the loop."""
        self.swapper.fail(name, error)
        _log.warning("%s", error, extra=about(name, error.code))

    # --- telling -----------------------------------------------------------------

    async def step(
        self,
        change: Change,
        step: Step,
        *,
        why: str = "",
        code: str = "",
        hint: str = "",
        figures: dict[str, float | str] | None = None,
    ) -> Change:
        """Take a change one step on; durable on return, and told to who watches."""
        taken = await self.work(
            lambda: self.history.step(
                change.id, step, why=why, code=code, hint=hint, figures=figures or {}
            )
        )
        self._doing.pop(change.id, None)
        self.tell()
        self.swapper.touch()
        return taken

    @property
    def revision(self) -> Watch[int]:
        """Grows with every step, and with everything that is said of one."""
        return self._revision.watch

    def tell(self) -> None:
        """Wake those who watch. On the loop."""
        self._revision.set(self._revision.watch.value + 1)

    def doing(self, change_id: int) -> str:
        """Return what is being done for a change at this moment."""
        return self._doing.get(change_id, "")

    def teller(self, change: Change) -> Callable[[str], None]:
        """Return what a thread may call to say what it is doing for a change."""
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            self._doing[change.id] = text
            self.tell()

        return lambda text: _soon(loop, say, text)


def _soon(
    loop: asyncio.AbstractEventLoop, say: Callable[[str], None], text: str
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(say, text)
