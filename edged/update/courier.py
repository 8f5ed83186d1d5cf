"""The courier: takes releases from their sources to the daemon's door.

Law: ties the rooms of the updater, tells what they do, and takes down what people say:
a wish holds from then on, and is durable before it is answered. To read in this order:
`moves` and `machine` (what follows what), `helm` (where it is), `rounds` and `council`
(when, and what to do), `errand` and `porter` (the doing), `record` and `diary` (what is
written down). A bug, or a disk that refuses, never takes down who serves.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from edged.errors import Conflict, StoreFailed
from edged.host.clock import Clock
from edged.host.files import Files
from edged.update import notes as noted
from edged.update import report
from edged.update.council import Council, Terms
from edged.update.diary import Diary
from edged.update.door import Door
from edged.update.errand import Errand
from edged.update.helm import Helm
from edged.update.moves import (
    Downloading,
    Idle,
    LookDue,
    Paused,
    Staged,
    Suspended,
    Verifying,
    Wanted,
)
from edged.update.notes import Notebook
from edged.update.offers import Box, Conditions, Offer
from edged.update.pace import Pace
from edged.update.porter import Carrier, Porter
from edged.update.record import Record
from edged.update.rounds import Rounds
from edged.update.scout import Scout
from edged.update.source import Source
from edged.update.stops import Stops
from edged.update.verdicts import verdict
from edged.update.will import Will
from edged.update.yielding import Yielding
from edged.watch import Owned, Watch
from edged.wire.updates import (
    Attempts,
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    Reason,
    Transfer,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
    WhyNot,
)
from edged.wire.words import utc_text

_log = logging.getLogger(__name__)

#: For the last note, at the end.
_LAST_NOTE_S = 5.0


class Courier:
    """A service, and the verbs of `wire.endpoints.UPDATES`. On the loop.

    Args:
        folder: the updater's own; made when it is needed.
        files: the port to the disk.
        disk: one thread for it, the same that the carrier uses; the caller ends it.
        door: the daemon.
        sources: the preferred one first.
        carrier: fetches files.
        clock: for waits, and for dates that people read.
        reference: what time it is as far as releases are concerned; see `edged.trust`.
        waiting: tells whether requests wait: they go before a download.
        box: what does not change.
        terms: what the administrator wants.
        conditions: how the box is doing.
        chance: returns a number in [0, 1).
    """

    name = "updates"

    def __init__(  # noqa: PLR0913  # its ports, by name only
        self,
        *,
        folder: Path,
        files: Files,
        disk: Executor,
        door: Door,
        sources: Sequence[Source],
        carrier: Carrier,
        clock: Clock,
        reference: Callable[[], datetime],
        waiting: Callable[[], Awaitable[bool]],
        box: Box,
        terms: Terms,
        conditions: Watch[Conditions],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock, self._conditions = clock, conditions
        self._box, self._names = box, tuple(source.name for source in sources)
        self._diary = Diary(Notebook(folder / "notes", files), disk)
        self._stops = Stops(clock)
        self._yielding = Yielding(waiting, clock, self._tell)
        self._will = Will(self._diary, clock)
        self._scout = Scout(sources, clock, chance, terms.every_s)
        self._porter = Porter(
            folder=folder / "incoming",
            files=files,
            disk=disk,
            door=door,
            carrier=carrier,
            clock=clock,
            pace=self._pace(terms),
            reserve_bytes=terms.reserve_bytes,
        )
        self._record = Record(
            self._diary, self._stops, self._will, clock, self._porter.moved
        )
        self._errand = Errand(
            porter=self._porter,
            record=self._record,
            diary=self._diary,
            stops=self._stops,
            find=self._find,
            chance=chance,
            every_s=terms.every_s,
        )
        self._council = Council(
            scout=self._scout,
            stops=self._stops,
            diary=self._diary,
            will=self._will,
            door=door,
            clock=clock,
            reference=reference,
            box=box,
            terms=terms,
            conditions=conditions,
            chance=chance,
        )
        self._rounds = Rounds(
            scout=self._scout,
            council=self._council,
            will=self._will,
            diary=self._diary,
            porter=self._porter,
            door=door,
            clock=clock,
            may_look=lambda: self._conditions.value.may_look,
            tell=self._tell,
        )
        self._helm = self._rounds.helm = Helm(
            errand=self._errand,
            record=self._record,
            diary=self._diary,
            clock=clock,
            rounds=self._rounds,
            tell=self._tell,
        )
        self._since: dict[str, str] = {}  # of faults, by their text
        self._told: UpdateStatus | None = None
        self._revision = Owned(0)

    def __repr__(self) -> str:
        status = self._status()
        return f"<Courier {status.activity.value}: {status.text}>"

    @property
    def faults(self) -> tuple[StoreFailed, ...]:
        """What its disk refuses: notes, and to let go of what nobody wants."""
        litter = self._errand.litter
        return (*self._diary.faults, *(() if litter is None else (litter,)))

    def obey(self, terms: Terms) -> None:
        """Take over changed settings, from the next decision on."""
        self._council.terms = terms
        self._scout.every_s = self._errand.every_s = terms.every_s
        self._porter.pace, self._porter.reserve_bytes = (
            self._pace(terms),
            terms.reserve_bytes,
        )
        self._rounds.decide()

    # --- life --------------------------------------------------------------------

    async def run(self, ready: Callable[[], None]) -> None:
        """Take releases until cancelled; see `lifecycle.Service`."""
        notes = await self._diary.open()
        self._will.begin()
        self._stops.restore(
            (one.wanted, one.setback) for one in notes.tries.values() if one.setback
        )
        self._scout.begin(notes.looks, notes.answers, resumes=bool(notes.tries))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._diary.run())
                tasks.create_task(self._errand.sweep())
                tasks.create_task(self._heed())
                self._helm.begin(tasks)
                self._tell()
                ready()
                self._rounds.wake()
                await self._rounds.run(tasks)
        finally:
            self._rounds.disarm()
            self._helm.end()
            with suppress(StoreFailed, TimeoutError):
                async with asyncio.timeout(_LAST_NOTE_S):
                    await self._diary.settled()

    async def _heed(self) -> None:
        """Decide anew when the box is doing otherwise."""
        known = self._conditions.value
        while True:
            before = known
            known = await self._conditions.until(lambda seen: seen != before)  # noqa: B023  # awaited here
            if known.may_try and not before.may_try:
                self._stops.over(Reason.STRATEGY)
            self._tell()
            self._rounds.decide()

    # --- what is told ----------------------------------------------------------------

    async def update(self, request: UpdateRequest) -> UpdateStatus:
        """Tell the state; where it is known already, when there is news of it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(request.wait_s):
                await self._revision.watch.until(lambda now: now != request.known)
        return self._status()

    async def history(self, request: AttemptsRequest) -> Attempts:
        """Tell the newest attempts, of one model or of all."""
        found = [
            one
            for one in self._diary.notes.attempts
            if request.name in (None, one.model)
        ]
        return Attempts(attempts=tuple(found[-request.limit :]))

    def _tell(self) -> None:
        """Wake who waits for news, if there is any."""
        status = self._described()
        if status != self._told:
            self._told = status
            self._revision.set(self._revision.watch.value + 1)

    def _status(self) -> UpdateStatus:
        return msgspec.structs.replace(
            self._described(),
            revision=self._revision.watch.value,
            transfer=self._transfer(),
        )

    def _transfer(self) -> Transfer | None:
        is_moving = isinstance(self._helm.state, Downloading | Verifying)
        return self._porter.transfer() if is_moving else None

    def _described(self) -> UpdateStatus:
        state, why_not = self._helm.state, self._why_not()
        cut = self._cut_off()
        about = report.subject(state) or cut
        sources = self._scout.statuses(paused=isinstance(state, Paused))
        text = report.line(
            state, why_not, sources=self._names, heard=self._scout.heard(), cut=cut
        )
        return UpdateStatus(
            activity=report.ACTIVITIES[type(state)],
            text="; ".join(filter(None, (text, self._waiting()))),
            since_utc=self._helm.since_utc,
            until_utc=min(s.next_utc or "" for s in sources)
            if cut
            else self._helm.until_utc,
            model=about.model if about else None,
            seq=about.seq if about else None,
            version=about.version if about else None,
            change=state.change if isinstance(state, Staged) else None,
            reasons=why_not,
            sources=sources,
            wishes=self._will.words(),
            share=report.shares(self._scout.offers, self._box.device_id),
            clock=self._scout.clock,
            apart=self._council.terms.apart,
        )

    def _cut_off(self) -> Wanted | None:
        """Return what an earlier life was taking, until a source is asked again."""
        if not isinstance(self._helm.state, Idle) or not self._scout.is_new:
            return None
        return next((t.wanted for t in self._diary.notes.tries.values()), None)

    def _why_not(self) -> tuple[WhyNot, ...]:
        told, now = [verdict(error) for error in self.faults], self._clock.utc()
        self._since = {
            one.text: self._since.get(one.text, utc_text(now)) for one in told
        }
        own = (report.fault(one, self._since[one.text]) for one in told)
        state, slow = self._helm.state, tuple[WhyNot, ...]()
        if isinstance(state, Downloading) and self._yielding.gives_way:
            slow = (report.slow(state.wanted, self._helm.since_utc),)
        unasked = report.unasked(self._conditions.value, self._helm.since_utc)
        return (*self._council.why_not(), *own, *slow, *unasked)

    def _waiting(self) -> str:
        if not isinstance(self._helm.state, Downloading):
            return ""
        return report.waits(self._conditions.value, slow=self._yielding.gives_way)

    # --- what people say -------------------------------------------------------------

    async def check(self, request: UpdateScope, by: str) -> UpdateStatus:  # noqa: ARG002  # one look tells of all models
        """Ask the sources now; answer when they did."""
        _log.info("asked to look for updates by %s", by)
        self._scout.hurry()
        self._helm.move(LookDue())
        await self._rounds.asked()
        return self._status()

    async def now(self, request: UpdateScope, by: str) -> UpdateStatus:
        """Ask now, and take what is new whatever window, roll-out or network say.

        What failed here before is tried once more.

        Raises:
            Conflict: a person wants nothing fetched.
        """
        pause = self._will.pause()
        if pause is not None:
            raise Conflict(
                f"cannot update now: updates are paused by {pause.by or 'somebody'}",
                hint="edgectl update resume",
            )
        self._will.urge(request.name, by)
        self._stops.lift(request.name)
        self._diary.note(lambda notes: noted.lifted(notes, request.name))
        return await self.check(request, by)

    async def pause(self, request: PauseRequest, by: str) -> UpdateStatus:
        """Fetch nothing; what is on its way stops, and what is here of it stays."""
        _log.info("updates are paused by %s: %s", by, request.why)
        self._will.set_pause(by, request.why, request.for_s)
        stands = self._will.pause()
        if stands is not None:
            self._helm.move(Suspended(by=stands.by, until_s=stands.until_s))
        await self._kept()
        self._rounds.arm()
        self._rounds.decide()
        return self._status()

    async def resume(self, request: UpdateScope, by: str) -> UpdateStatus:
        """Lift the hold of one model; without a name, the pause and every hold."""
        _log.info("updates are resumed by %s", by)
        self._will.resume(request.name)
        if self._scout.is_new and self._diary.notes.tries:
            self._scout.hurry()  # somebody waits for what was cut off
        await self._kept()
        await self._rounds.asked()
        return self._status()

    async def hold(self, request: HoldRequest, by: str) -> UpdateStatus:
        """Take no release of a model, or of any, until a date.

        Raises:
            InvalidRequest: that is no date, or it has passed.
        """
        self._will.hold(request.name, by, request.why, request.until_utc)
        _log.info("updates are held until %s by %s", request.until_utc, by)
        await self._kept()
        await self._rounds.asked()
        return self._status()

    async def _kept(self) -> None:
        """Make a wish durable; where the disk refuses, it holds in this life."""
        with suppress(StoreFailed):
            await self._diary.settled()

    # --- small steps -----------------------------------------------------------------

    def _find(self, one: Wanted) -> tuple[Offer, Source]:
        return self._council.offer(one), self._scout.source(one.source)

    def _pace(self, terms: Terms) -> Pace:
        return Pace(self._clock, rate=terms.rate, clear=self._clear)

    async def _clear(self) -> None:
        await self._conditions.until(lambda seen: not seen.hot and seen.may_fetch)
        await self._yielding.clear()
