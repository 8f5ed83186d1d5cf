"""What is done for one release, and what is written down of it.

Law: an effect goes in, its result comes out, whatever was raised in between. Before a
release is handed in it is noted that it will be: one of which nothing is ever heard is
not handed in for ever.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from edged.errors import (
    Broken,
    EdgedError,
    NoDaemon,
    ProtocolError,
    Rejected,
    StoreFailed,
    TimedOut,
    UnknownChange,
)
from edged.update.backoff import retry_s
from edged.update.diary import Diary
from edged.update.moves import (
    Arrived,
    Describe,
    Described,
    Ended,
    Failed,
    Fetch,
    Fits,
    Follow,
    HandIn,
    Result,
    Survey,
    TakenIn,
    Unfit,
    Verified,
    Verify,
    Wanted,
    Work,
)
from edged.update.offers import Offer
from edged.update.porter import Porter
from edged.update.record import Record
from edged.update.source import Source
from edged.update.space import Fits as Room
from edged.update.space import SpacePlan
from edged.update.stops import Stops
from edged.update.verdicts import Turn, Verdict, step_verdict, verdict
from edged.wire.changes import Change, Step
from edged.wire.notices import Notice
from edged.wire.updates import Outcome, Reason

_log = logging.getLogger(__name__)

#: Times that a release is handed in without a word of what became of it. The daemon
#: counts crashes itself; this is for what kills both of us.
HANDED_MAX = 3

_UNHEARD = (NoDaemon, TimedOut, ProtocolError)

_SERVES = frozenset({Step.PROBATION, Step.COMMITTED, Step.DONE})

_KNOWN = {Step.HELD: Reason.TO_DECIDE, Step.QUARANTINED: Reason.QUARANTINED}


class Errand:
    """Does things for releases, one at a time; on the loop.

    Args:
        porter: carries.
        record: what is written down.
        diary: where that is.
        stops: what failed.
        find: returns what was offered, and where.
        chance: returns a number in [0, 1).
        every_s: between two looks.

    Attributes:
        said: the verdict that the last one ended with.
        litter: why bytes that nobody wants are still here; None where none are.
    """

    def __init__(  # noqa: PLR0913  # who is asked, by name only
        self,
        *,
        porter: Porter,
        record: Record,
        diary: Diary,
        stops: Stops,
        find: Callable[[Wanted], tuple[Offer, Source]],
        chance: Callable[[], float],
        every_s: float,
    ) -> None:
        self.every_s = every_s
        self.said: Verdict | None = None
        self.litter: StoreFailed | None = None
        self._porter, self._record, self._diary = porter, record, diary
        self._stops, self._find, self._chance = stops, find, chance

    async def run(self, work: Work) -> Result:
        """Do what a move wants; return what came of it."""
        self.said = None
        try:
            return await self._do(work)
        except EdgedError as error:
            return self._came_to(work.wanted, verdict(error))
        except Exception:  # noqa: BLE001  # the top of an errand: told, and bounded
            _log.exception(
                "%s failed, and this is a bug",
                work.wanted,
                extra={"edged_code": Notice.BUG.value},
            )
            bug = Broken(
                f"cannot take {work.wanted}: a bug in edged; its log has it",
                hint="journalctl -u edged",
            )
            return self._came_to(work.wanted, verdict(bug))

    async def _do(self, work: Work) -> Result:
        match work:
            case Describe():
                offer, source = self._find(work.wanted)
                await self._porter.describe(work.wanted, offer, source)
                return Described()
            case Survey():
                return await self._survey(work.wanted)
            case Fetch():
                await self._porter.fetch()
                return Arrived()
            case Verify():
                await self._porter.verify()
                return Verified()
            case HandIn():
                return await self._hand_in(work.wanted)
            case Follow():
                return await self._follow(work.wanted, work.change)
            case _:
                raise AssertionError(f"nobody does {work!r}")

    async def sweep(self) -> None:
        """Remove the bytes of releases that are not under way any more."""
        tries = self._diary.notes.tries.values()
        try:
            await self._porter.sweep(digest for one in tries for digest in one.files)
        except StoreFailed as error:
            _log.warning("%s", error.message, extra={"edged_code": error.code})
            self.litter = error  # told, until a later sweep has removed them
        else:
            self.litter = None

    async def _survey(self, wanted: Wanted) -> Result:
        keep = frozenset(
            digest
            for name, one in self._diary.notes.tries.items()
            if name != wanted.digest
            for digest in one.files
        )
        plan = await self._porter.survey(keep)
        load = self._porter.load
        self._record.change(
            wanted,
            files=tuple(load.files),
            kept_bytes=load.had_bytes,
            # What a killed life fetched and could not note is on the disk.
            fetched_bytes=max(
                self._record.tried(wanted).fetched_bytes, load.begun_bytes
            ),
        )
        await self._diary.settled()  # a file that nobody noted is swept as litter
        if plan.fits is Room.NO:
            return self._came_to(wanted, _no_room(wanted, plan))
        return Fits(total_bytes=load.total_bytes, kept_bytes=load.kept_bytes)

    async def _hand_in(self, wanted: Wanted) -> Result:
        body = await self._porter.pack()
        handed = self._record.tried(wanted).handed
        if handed >= HANDED_MAX:
            raise Rejected(
                f"cannot take {wanted}: it was handed to the daemon {handed} times, "
                "and nothing was ever heard of it again",
                hint=f"`edgectl update now {wanted.model}` tries it once more",
            )
        self._record.change(wanted, handed=handed + 1)
        await self._diary.settled()
        try:
            changed = await self._porter.hand_in(body)
        except EdgedError as error:
            if not isinstance(error, _UNHEARD):
                self._record.change(wanted, handed=handed)
            raise
        if changed.change is None:
            return Ended(outcome=Outcome.INSTALLED)
        self._record.change(wanted, change=changed.change)
        return TakenIn(change=changed.change)

    async def _follow(self, wanted: Wanted, number: int) -> Result:
        try:
            change = await self._end_of(number)
        except UnknownChange:
            self._record.change(wanted, change=None)
            raise
        last = change.last
        if last.step in _SERVES:
            return Ended(outcome=Outcome.INSTALLED)
        if last.step is Step.SUPERSEDED:
            return Ended(outcome=Outcome.GIVEN_UP)
        judged = step_verdict(last)
        if last.step in _KNOWN:
            judged = msgspec.structs.replace(
                judged, turn=Turn.END, reason=_KNOWN[last.step]
            )
        # One that is tried again is handed in anew, with another change.
        is_over = judged.turn is Turn.END
        self._record.change(wanted, change=number if is_over else None, handed=0)
        return self._came_to(wanted, judged)

    async def _end_of(self, number: int) -> Change:
        """Follow a change, also over a daemon that is away for a while."""
        failures = 0
        while True:
            try:
                return await self._porter.follow(number)
            except UnknownChange:
                raise
            except EdgedError as error:
                wait_s = retry_s(failures, self._chance(), every_s=self.every_s)
                _log.info("%s; asked again in %.0f s", error.message, wait_s)
                await asyncio.sleep(max(1.0, wait_s))
                failures += 1

    def _came_to(self, wanted: Wanted, judged: Verdict) -> Result:
        if judged.turn is Turn.END:
            self.said = judged
            return Ended(outcome=Outcome.REFUSED, reason=judged.reason)
        stop = self._stops.add(
            wanted, judged, chance=self._chance(), every_s=self.every_s
        )
        if judged.turn is Turn.WAIT:
            return Unfit(reason=stop.reason, until_s=stop.until_s)
        return Failed(reason=stop.reason, next_s=stop.until_s)


def _no_room(wanted: Wanted, plan: SpacePlan) -> Verdict:
    return Verdict(
        turn=Turn.WAIT,
        reason=Reason.NO_SPACE,
        text=f"cannot take {wanted}: {plan.text}",
        hint=plan.hint,
    )
