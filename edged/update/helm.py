"""Where the updater is, and the one task that does what its moves want.

Law: on the loop. A move is synchronous: the state is another one, what was done for the
old one is stopped, and what the new one wants has begun, before anybody else runs. The
new task waits for the end of the old one: their hands are never in one file at once.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Protocol

from edged.host.clock import Clock
from edged.update import report
from edged.update.diary import Diary
from edged.update.errand import Errand
from edged.update.machine import step
from edged.update.moves import (
    BEGIN,
    Close,
    Decide,
    Describe,
    Effect,
    Event,
    Follow,
    Halt,
    Look,
    Staged,
    State,
    Suffer,
    Taking,
    Wanted,
    Work,
)
from edged.update.record import Record
from edged.update.verdicts import Verdict
from edged.wire.notices import Notice
from edged.wire.updates import Outcome, Reason
from edged.wire.words import utc_text

_log = logging.getLogger(__name__)


class Summoned(Protocol):
    """Who looks and decides: see `update.rounds`."""

    def look(self) -> None:
        """Have the sources asked, and then something decided."""

    def decide(self) -> None:
        """Have something decided."""

    def ended(self, one: Wanted) -> None:
        """Take note that a release is over."""


class Helm:
    """The state, and its task.

    Args:
        errand: does things.
        record: writes them down.
        diary: what earlier lives noted.
        clock: for dates that people read.
        rounds: looks and decides.
        tell: called after every move.

    Attributes:
        state: where it is.
        since_utc: since when it is so.
        until_utc: when it goes on by itself; None: never.
    """

    def __init__(
        self,
        *,
        errand: Errand,
        record: Record,
        diary: Diary,
        clock: Clock,
        rounds: Summoned,
        tell: Callable[[], None],
    ) -> None:
        self.state: State = BEGIN
        self._errand, self._record, self._diary = errand, record, diary
        self._clock, self._tell = clock, tell
        self._rounds = rounds
        self._tasks: asyncio.TaskGroup | None = None
        self._work: asyncio.Task[None] | None = None
        self.since_utc = self._now()
        self.until_utc: str | None = None

    @property
    def current(self) -> Wanted | None:
        """What is being taken."""
        return self.state.wanted if isinstance(self.state, Taking) else None

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Go on where an earlier life was, if the daemon had a release by then."""
        self._tasks = tasks
        for one in self._diary.notes.tries.values():
            if one.change is not None:
                follow = Follow(wanted=one.wanted, change=one.change)
                self._record.begin(one.wanted)
                self._enter(Staged(wanted=one.wanted, change=one.change))
                self._start(follow)
                return

    def move(self, event: Event) -> None:
        """Take an event, and begin what it wants done."""
        state, effects = step(self.state, event)
        self._enter(state)
        for effect in effects:
            self._perform(effect)
        self._tell()

    def close(
        self, one: Wanted, outcome: Outcome, reason: Reason | None, said: Verdict | None
    ) -> None:
        """Write down how a release ended; its bytes go."""
        self._record.close(one, outcome, reason, said)
        self._rounds.ended(one)
        self._spawn(self._swept())

    def tidy(self) -> None:
        """Remove what could not be removed when its release was over."""
        if self._errand.litter is not None:
            self._spawn(self._swept())

    def end(self) -> None:
        """Note what was done until now; the tasks end with their group."""
        if self.current is not None:
            self._record.leave(self.current)

    def reset(self) -> None:
        """Be where everything begins: a bug was met, and nothing else is known."""
        self.end()
        self._stop()
        self._enter(BEGIN)
        self._tell()

    # --- steps -------------------------------------------------------------------

    def _enter(self, state: State) -> None:
        before, self.state = self.state, state
        if (type(state), report.subject(state)) != (
            type(before),
            report.subject(before),
        ):
            self.since_utc = self._now()
        if report.until_s(state) != report.until_s(before):
            self.until_utc = self._utc(report.until_s(state))

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Look():
                self._rounds.look()
            case Decide():
                self._rounds.decide()
            case Halt():
                self._stop()
                self._record.leave(effect.wanted)
            case Suffer():
                self._record.suffer(effect.wanted)
            case Close():
                self.close(
                    effect.wanted, effect.outcome, effect.reason, self._errand.said
                )
            case Describe():
                self._record.begin(effect.wanted)
                self._start(effect)
            case Work():
                self._start(effect)
            case _:
                raise AssertionError(f"nobody does {effect!r}")

    def _start(self, work: Work) -> None:
        self._work = self._spawn(self._worked(self._work, work))

    def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()

    async def _worked(self, before: asyncio.Task[None] | None, work: Work) -> None:
        if before is not None:
            await asyncio.wait([before])
        result = await self._errand.run(work)
        try:
            self.move(result)
        except AssertionError:  # the table has no such move: told, and begun anew
            _log.exception(
                "the updater met a bug, and begins anew",
                extra={"edged_code": Notice.BUG.value},
            )
            self.reset()

    async def _swept(self) -> None:
        await self._errand.sweep()
        self._tell()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._tasks is None:
            raise AssertionError("the updater does not run")
        return self._tasks.create_task(work)

    def _utc(self, mono_s: float | None) -> str | None:
        if mono_s is None:
            return None
        left = timedelta(seconds=mono_s - self._clock.monotonic())
        return utc_text(self._clock.utc() + left)

    def _now(self) -> str:
        return utc_text(self._clock.utc())
