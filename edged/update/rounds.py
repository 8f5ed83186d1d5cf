"""When to look and to decide, and what a decision leaves to do.

Law: on the loop; one round at a time, each for a reason: a source's turn, the end of a
wait, another condition of the box, a person, something that ended. Between them there
is one timer, and nothing runs. A bug in a round never takes down who serves.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from edged.errors import EdgedError
from edged.host.clock import Clock
from edged.store.signed import pack_documents
from edged.update import report
from edged.update.council import Council
from edged.update.diary import Diary
from edged.update.door import Door
from edged.update.helm import Helm
from edged.update.moves import LookDue, Satisfied, Staged, Wanted
from edged.update.porter import Porter
from edged.update.scout import Scout
from edged.update.stops import SOONEST_S
from edged.update.will import Will
from edged.wire.notices import Notice
from edged.wire.updates import Outcome, Reason

_log = logging.getLogger(__name__)

#: After a bug: nobody is served by one that comes back at once.
_BUG_WAIT_S = 300.0


class Rounds:
    """Looks and decides.

    Args:
        scout: asks the sources.
        council: decides.
        will: what people want.
        diary: what is noted.
        porter: follows changes.
        door: the daemon.
        clock: for waits.
        may_look: tells whether the box may ask sources by itself now.
        tell: called when there may be news.

    Attributes:
        helm: what is moved; set once, before anything runs.
    """

    helm: Helm

    def __init__(  # noqa: PLR0913  # who is asked, by name only
        self,
        *,
        scout: Scout,
        council: Council,
        will: Will,
        diary: Diary,
        porter: Porter,
        door: Door,
        clock: Clock,
        may_look: Callable[[], bool],
        tell: Callable[[], None],
    ) -> None:
        self._scout, self._council, self._will = scout, council, will
        self._diary, self._porter, self._door = diary, porter, door
        self._clock, self._may_look, self._tell = clock, may_look, tell
        self._summons = asyncio.Event()
        self._looks = False
        self._askers: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._vigils: set[int] = set()

    # --- reasons for a round -----------------------------------------------------

    def decide(self) -> None:
        """Have something decided soon."""
        self._summons.set()

    def look(self) -> None:
        """Have the sources asked whose turn it is, and then something decided."""
        self._looks = True
        self._summons.set()

    def ended(self, one: Wanted) -> None:
        """Take note that a release is over: the box may be another one now."""
        self._scout.outdate(one.digest)

    async def asked(self) -> None:
        """Wait for the end of a round that begins from now on."""
        asker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._askers.append(asker)
        self._summons.set()
        await asker

    def wake(self) -> None:
        """Do what is due: look, or decide anew."""
        if self._scout.due() and self._looks_by_itself:
            self.helm.move(LookDue())
        else:
            self.decide()

    def arm(self) -> None:
        """Set the one timer, for whatever comes first."""
        ends = [self._council.again_s, report.until_s(self.helm.state)]
        if self._looks_by_itself:
            ends.append(self._scout.next_s)
        known = [end for end in ends if end is not None]
        if known:
            self._arm(max(SOONEST_S, min(known) - self._clock.monotonic()))
        else:
            self.disarm()

    @property
    def _looks_by_itself(self) -> bool:
        return self._will.pause() is None and self._may_look()

    def _arm(self, wait_s: float) -> None:
        self.disarm()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.wake)

    def disarm(self) -> None:
        """Let nothing happen by itself any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- rounds ------------------------------------------------------------------

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Look and decide, each time that there is a reason to; until cancelled."""
        while True:
            await self._summons.wait()
            self._summons.clear()
            askers, self._askers = self._askers, []
            try:
                await self._round(tasks)
            except Exception:  # noqa: BLE001  # the top of a round: told, and not at once again
                _log.exception(
                    "the updater met a bug, and begins anew",
                    extra={"edged_code": Notice.BUG.value},
                )
                self.helm.reset()
                self._arm(_BUG_WAIT_S)
            finally:
                for asker in askers:
                    if not asker.done():
                        asker.set_result(None)

    async def _round(self, tasks: asyncio.TaskGroup) -> None:
        began_s = self._clock.monotonic()
        names = self._scout.due() if self._looks else ()
        self._looks = False
        if names:
            await self._scout.look(names)
            fields = {"looks": self._scout.looks(), "answers": self._scout.answers()}
            self._diary.note(lambda notes: msgspec.structs.replace(notes, **fields))
        await self._decided(began_s)
        if names:
            await self._tell_revoked()
            self.helm.tidy()
        self._keep_vigil(tasks)
        self.arm()
        self._tell()

    async def _decided(self, began_s: float) -> None:
        """Decide, and again if what was being taken ended meanwhile."""
        while not isinstance(self.helm.state, Staged):
            current = self.helm.current
            decision = await self._council.decide(current)
            if current != self.helm.current:
                continue
            self.helm.move(decision)
            if isinstance(decision, Satisfied) and self._scout.heard():
                self._will.satisfy_until(began_s)
            self._close_what_is_over()
            return

    # --- what a round leaves to do -----------------------------------------------

    def _close_what_is_over(self) -> None:
        """End tries of releases that serve, or that nobody wants any more."""
        offered = {offer.sha256 for offer in self._scout.offers}
        revoked = {o.sha256 for o in self._scout.offers if o.listing.revoked}
        installed, current = self._council.installed, self.helm.current
        for digest, one in tuple(self._diary.notes.tries.items()):
            live = installed.get(one.wanted.model)
            if current is not None and current.digest == digest:
                continue
            if live is not None and live.digest == digest:
                self.helm.close(one.wanted, Outcome.INSTALLED, None, None)
            elif current is not None and current.model == one.wanted.model:
                self.helm.close(one.wanted, Outcome.GIVEN_UP, None, None)
            elif digest in revoked:
                self.helm.close(one.wanted, Outcome.GIVEN_UP, Reason.REVOKED, None)
            elif self._scout.heard() and digest not in offered:
                reason = Reason.NOT_OFFERED
                self.helm.close(one.wanted, Outcome.GIVEN_UP, reason, None)

    async def _tell_revoked(self) -> None:
        """Let the daemon hear what was revoked of what it has, from signed metadata."""
        for one in self._council.tidings():
            source = self._scout.source(one.source)
            try:
                body = pack_documents(await source.documents())
                told = await self._door.hear(
                    body, source=one.source, model=one.model, alone=one.alone
                )
            except EdgedError as error:
                _log.warning(
                    "%s: the daemon cannot hear what is revoked: %s",
                    one.model,
                    error.message,
                    extra={"edged_model": one.model, "edged_code": error.code},
                )
            else:
                if told.changed:
                    _log.info("the daemon heard of %s: %s", one.source, told.text)

    def _keep_vigil(self, tasks: asyncio.TaskGroup) -> None:
        """Wait for the daemon's changes that make a difference when they end.

        The one that a release waits for; and probations: who comes back from a release
        must be able to say why it has not got it.
        """
        number = self._council.waits_for()
        if number is not None and number not in self._vigils:
            tasks.create_task(self._kept(number, self._porter.follow))
        for watched in self._council.watches():
            if watched not in self._vigils:
                tasks.create_task(self._kept(watched, self._porter.outlast))

    async def _kept(
        self, number: int, over: Callable[[int], Coroutine[Any, Any, object]]
    ) -> None:
        self._vigils.add(number)
        try:
            with suppress(EdgedError):  # the next look finds out
                await over(number)
        finally:
            self._vigils.discard(number)
        self.decide()
