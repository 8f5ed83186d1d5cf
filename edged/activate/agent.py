"""The activation agent: who may come, in which order, and what a person decides.

Law: the only one who changes what is live. Changes of different models prove themselves
one at a time and go live one at a time; while a change of a model is not live yet, a
second one is refused, and a person who goes back is always let in. A caller who goes
away leaves the change to run on.
"""

import asyncio
import logging
import platform
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Generic

import msgspec

from edged import __version__
from edged.activate import judge, probation
from edged.activate.fit import changes_for_callers, check_box, check_replaces, choose
from edged.activate.gatekeeper import Gatekeeper
from edged.activate.intake import Candidate
from edged.activate.opening import Opening
from edged.activate.passage import Errand, Passage
from edged.activate.probation import Trigger, Trip
from edged.activate.pull import pulled
from edged.activate.records import about, log_live
from edged.activate.shelf import changed, which
from edged.activate.swapper import P
from edged.activate.ward import Ward
from edged.activate.workshop import Workshop
from edged.errors import Broken, Conflict, Draining, EdgedError
from edged.store.releases import Release
from edged.wire.changes import Change, Step, Wish
from edged.wire.messages import (
    Changed,
    InstallRequest,
    ModelName,
    Trouble,
    UseRequest,
)
from edged.wire.notices import Notice

_log = logging.getLogger(__name__)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a release must prove; see the `install` settings.

    Attributes:
        signed: whether only signed releases may come in.
        threads: of a run in the daemon.
    """

    trial: judge.Rules
    probation: probation.Rules
    signed: bool = False
    threads: int = 1


class Agent(Generic[P]):
    """A service; its verbs are called on the loop."""

    name = "models"

    def __init__(
        self, shop: Workshop[P], rules: Rules, *, boot: Callable[[], str]
    ) -> None:
        self.shop = shop
        self.ward = Ward(shop, rules.probation, threads=rules.threads, later=self.later)
        self.passage = Passage(shop, self.ward, rules.trial)
        self._gate = Gatekeeper(shop, self.passage, signed=rules.signed)
        self.opening = Opening(shop, self.ward, rules.trial, boot=boot)
        self._swept = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    # --- start and end -----------------------------------------------------------

    async def run(self, ready: Callable[[], None]) -> None:
        """Load what is live, then wait; see `lifecycle.Service`."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self.opening.start(self._swept.set)
                ready()
                await asyncio.Event().wait()  # the way out is cancellation
        finally:
            self.shop.close()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in a task of its own; it ends with the agent."""
        if self._tasks is None:
            raise AssertionError("the agent does not run")
        self._tasks.create_task(_guarded(work))

    def stopping(self) -> None:
        """Note that somebody asked for the end: what is cut from now on is no crash."""
        self.shop.note_stop()

    def obey(self, rules: Rules) -> None:
        """Take over changed rules; releases in probation keep theirs."""
        self._gate.signed = rules.signed
        self.passage.rules = rules.trial
        self.ward.rules = rules.probation

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong with the store, and what failed while nobody waited."""
        return self.shop.troubles

    # --- a release comes in ------------------------------------------------------

    async def install(
        self, chunks: AsyncIterator[bytes], request: InstallRequest, by: str
    ) -> Changed:
        """Take in a tar stream, prove its release and make it live.

        Raises:
            NotNow, Unsigned, Pinned, Quarantined, ChangeUnderWay: it may not come in.
            Untrusted: its source does not vouch for it.
            BadBundle: the stream, the manifest or a digest is not right.
            SignatureChanged, Downgrade: it may not replace what is live.
            Rejected: it failed its trial; what was live stays live.
            Held: it answers otherwise; a person must decide.
            StoreFailed: the disk refuses.
        """
        shop = self.shop
        shop.check_open()
        self._gate.check_wish(request)
        await self._swept.wait()  # or the sweep of start-up would take it away
        staged = await pulled(
            chunks,
            lambda pull: shop.intake.receive(pull, request),
            shop.intake_thread,
        )
        async with shop.turn:
            new = await shop.work(lambda: shop.intake.describe(staged, request))
            try:
                live = await shop.work(lambda: shop.shelf.whole_live(new.manifest.name))
                if live is not None and await self._is_there(new, live):
                    await shop.work(lambda: shop.intake.drop(new))
                    await self.passage.finish(live)
                    return _nothing_new(live)
                self._check(new, live, request)
            except BaseException:
                await shop.work(lambda: shop.intake.drop(new))
                raise
            errand = await self._taken_in(new, live, by)
        return await self._sent(errand, wait=request.wait)

    async def _is_there(self, new: Candidate, live: Release | None) -> bool:
        """Tell whether this very release answers, and no file of it has rotted."""
        shop = self.shop
        if live is None or live.digest != new.digest:
            return False
        if shop.swapper.serves(live.name) != live.digest:
            return False
        return not await shop.work(lambda: shop.releases.rotten(live))

    def _check(
        self, new: Candidate, live: Release | None, request: InstallRequest
    ) -> None:
        self._gate.check_trust(new.vouched.trust, f"install {_words(new)}")
        self._gate.check(new.manifest.name, new.digest, f"install {_words(new)}")
        check_box(new.manifest, arch=platform.machine(), edged=__version__)
        if live is None or live.digest != new.digest:
            check_replaces(
                new.manifest,
                live.manifest if live else None,
                new_signature=request.new_signature,
                downgrade=request.downgrade
                or (live is not None and live.digest in new.vouched.revoked),
            )

    async def _taken_in(self, new: Candidate, live: Release | None, by: str) -> Errand:
        shop, name = self.shop, new.manifest.name
        had = {r.folder for r in await shop.work(lambda: shop.shelf.installed(name))}
        release = await shop.work(lambda: shop.intake.adopt(new))
        was_there = release.folder in had
        try:
            await self._gate.supersede_held(name, f"seq {release.manifest.seq} came")
            change = await self._begun(
                Wish.INSTALL,
                release,
                live,
                by,
                why=f"from source {new.source}" if new.source else "",
                new=new,
            )
        except BaseException:
            if not was_there:
                await shop.work(lambda: shop.undo(release))
            raise
        errand = Errand(change=change, release=release, was_there=was_there)
        self.passage.take(errand)
        return errand

    # --- a person chooses --------------------------------------------------------

    async def use(self, request: UseRequest, by: str) -> Changed:
        """Make another installed release live; one that is held is thereby accepted.

        Raises:
            UnknownModel, UnknownVersion: it is not installed.
            Pinned, Quarantined, ChangeUnderWay: not now.
            SignatureChanged: callers would notice, and nobody said that they know.
            Rejected: its proof does not hold here any more, and it failed anew.
        """
        shop, name = self.shop, request.name
        async with shop.turn:
            live, installed = await shop.work(
                lambda: (shop.shelf.whole_live(name), shop.shelf.installed(name))
            )
            release = choose(installed, request, live)
            if live is not None and live.folder == release.folder:
                if shop.swapper.serves(name) == live.digest:
                    return _nothing_new(live)
            else:
                check_replaces(
                    release.manifest,
                    live.manifest if live else None,
                    new_signature=request.new_signature,
                    downgrade=True,
                )
            self._gate.check(name, release.digest, f"use seq {request.seq} of {name}")
            held = self._gate.held(name, release.digest)
            if held is not None:
                why = f"accepted by {by}"
                change = await shop.step(held, Step.ARMED, why=why)
            else:
                change = await self._begun(Wish.USE, release, live, by)
            errand = Errand(
                change=change, release=release, was_there=True, compares=False
            )
            self.passage.take(errand)
        return await self._sent(errand, wait=True)

    async def rollback(self, request: ModelName, by: str) -> Changed:
        """Go back to the last committed release, or to the one before it.

        What is gone back from is quarantined.

        Raises:
            UnknownModel: no such name.
            Conflict: there is nothing to go back to.
            Pinned, Quarantined: not so.
        """
        shop, name = self.shop, request.name
        async with shop.turn:
            return await self.go_back(name, f"rolled back by {by}", by=by)

    async def go_back(self, name: str, why: str, *, by: str) -> Changed:
        """Go back from what is live. Under `shop.turn`; see `rollback`."""
        shop = self.shop
        self._gate.check_pinned(name, f"roll {name} back")
        self.passage.stop(
            name, Conflict(f"cannot go on with it: {name} was rolled back meanwhile")
        )
        watched = self.ward.watched(name)
        if watched is not None:
            release = await self.ward.roll_back(
                watched, Trip(trigger=Trigger.PERSON, why=why), by=by
            )
            return changed(release, "is live again", change=watched.id)
        live, home = await shop.work(
            lambda: (shop.shelf.whole_live(name), shop.shelf.previous(name))
        )
        if home is None or (live is not None and live.folder == home.folder):
            await shop.work(lambda: shop.shelf.check_known(name))
            raise Conflict(
                f"cannot roll {name} back: it has no previous release",
                hint=f"edgectl models show {name}",
            )
        self._gate.check_quarantine(home.digest, f"roll {name} back")
        return await self._gone_back(live, home, why, by)

    async def _gone_back(
        self, live: Release | None, home: Release, why: str, by: str
    ) -> Changed:
        """Go back from a committed release to the one before it."""
        shop, name = self.shop, home.name
        prepared = await shop.work(lambda: shop.prepare(home))
        left = await shop.work(lambda: shop.shelf.linked(name)[0])
        try:
            change = await self._begun(
                Wish.ROLLBACK, home, live, by, step=Step.ROLLING_BACK, why=why
            )
            await shop.work(
                lambda: shop.links.put_back(name, home.folder, previous=left)
            )
        except BaseException:
            await shop.work(lambda: shop.swapper.discard(prepared))
            raise
        shop.swapper.switch(prepared, condemns=True)
        log_live(home, f"is live again: {why}")
        if live is not None:
            await shop.quarantine(name, which(live), by=by, why=why)
        await shop.step(change, Step.DONE)
        seen = (
            changes_for_callers(live.manifest.signature, home.manifest.signature)
            if live
            else []
        )
        return changed(
            home,
            "is live again",
            change=change.id,
            warnings=tuple(f"callers see a change: {change}" for change in seen),
        )

    # --- steps -------------------------------------------------------------------

    async def _begun(  # noqa: PLR0913  # what the journal keeps of a wish
        self,
        wish: Wish,
        release: Release,
        live: Release | None,
        by: str,
        *,
        step: Step = Step.STAGED,
        why: str = "",
        new: Candidate | None = None,
    ) -> Change:
        shop = self.shop
        change = await shop.work(
            lambda: shop.history.begin(
                model=release.name,
                wish=wish,
                by=by,
                step=step,
                trust=new.vouched.trust if new else None,
                release=which(release),
                before=which(live) if live else None,
                source=(new.source or "") if new else "",
                why=why,
            )
        )
        shop.tell()
        return change

    async def _sent(self, errand: Errand, *, wait: bool) -> Changed:
        """Let a change run; wait for it to serve, or not."""
        ended: asyncio.Future[EdgedError | None]
        ended = asyncio.get_running_loop().create_future()
        self.later(self._carried(errand, ended))
        number = errand.change.id
        if not wait:
            return changed(
                errand.release, "is being tried", change=number, changed=False
            )
        error = await asyncio.shield(ended)
        if error is not None:
            raise error
        return changed(errand.release, "is live", change=number)

    async def _carried(
        self, errand: Errand, ended: "asyncio.Future[EdgedError | None]"
    ) -> None:
        error: EdgedError | None = Draining(
            f"cannot go on with change {errand.change.id}: the daemon is stopping"
        )
        try:
            await self.passage.carry(errand)
            error = None
        except EdgedError as failed:
            error = failed
        except Exception:  # noqa: BLE001  # the top of a change: told by its number
            number = errand.change.id
            _log.exception(
                "change %d failed, and this is a bug",
                number,
                extra=about(errand.release.name, Notice.BUG.value),
            )
            error = Broken(
                f"cannot go on with change {number}: a bug in edged; its log has it",
                hint="journalctl -u edged",
            )
            await self.passage.refuse(errand, error)
        finally:
            if not ended.done():
                ended.set_result(error)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    """Keep a bug, or a disk, that stops one model from those that serve."""
    try:
        await work
    except Exception:  # noqa: BLE001  # the top of what a timer or a person began
        _log.exception("a change stopped short", extra={"edged_code": Notice.BUG.value})


def _words(new: Candidate) -> str:
    return f"{new.manifest.name} {new.manifest.version}"


def _nothing_new(live: Release | None) -> Changed:
    if live is None:
        raise AssertionError("what is there already is live")
    return changed(live, "is live already", changed=False)
