"""Looks, asks the daemon, and decides: what the box should do now, and why not more.

Law: on the loop, one decision at a time. Nothing is decided without knowing what the
daemon has. A release is chosen only by what its source says now: who has waited for a
window or a roll-out asks again before the first byte.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from edged.errors import EdgedError, NotFetched
from edged.host.clock import Clock
from edged.update.backoff import retry_s
from edged.update.diary import Diary
from edged.update.door import Door
from edged.update.judgement import Moment, again_s, decision, wanted
from edged.update.moves import Decision, Delayed, Wanted
from edged.update.offers import (
    Box,
    Conditions,
    Installed,
    Offer,
    Policy,
    Setback,
    Situation,
)
from edged.update.plan import Choice, Take, choose
from edged.update.scout import Scout
from edged.update.stops import Stops
from edged.update.tidings import Tiding, tidings
from edged.update.verdicts import Verdict, verdict
from edged.update.will import Will
from edged.watch import Watch
from edged.wire.updates import Reason, WhyNot
from edged.wire.words import read_utc, utc_text

_log = logging.getLogger(__name__)

#: What a source said is good for so long to choose a release by.
FRESH_S = 300.0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the administrator wants; see the `update` settings.

    Attributes:
        every_s: between two looks.
        rate: most bytes per second; None for as many as come.
        apart: whether this is `edged-updater`.
    """

    policy: Policy = Policy()
    every_s: float = 6 * 3600.0
    reserve_bytes: int = 256 << 20
    rate: int | None = None
    stop_revoked: bool = False
    apart: bool = False


class _Away(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon does not answer."""

    count: int
    since_utc: str
    until_s: float
    until_utc: str
    why: Verdict


class Council:
    """Decides.

    Args:
        scout: asks the sources.
        stops: what failed.
        diary: what is noted.
        will: what people want.
        door: the daemon.
        clock: for waits, and for dates that people read.
        reference: what time it is as far as releases are concerned; see `edged.trust`.
        box: what does not change.
        terms: what the administrator wants.
        conditions: how the box is doing.
        chance: returns a number in [0, 1).

    Attributes:
        again_s: when to decide anew by itself, on the monotonic clock; None: never.
        stop: models that must not run any more and have no other release.
    """

    def __init__(  # noqa: PLR0913  # who has a say, by name only
        self,
        *,
        scout: Scout,
        stops: Stops,
        diary: Diary,
        will: Will,
        door: Door,
        clock: Clock,
        reference: Callable[[], datetime],
        box: Box,
        terms: Terms,
        conditions: Watch[Conditions],
        chance: Callable[[], float],
    ) -> None:
        self.terms = terms
        self.again_s: float | None = None
        self.stop: tuple[str, ...] = ()
        self._scout, self._stops, self._will = scout, stops, will
        self._diary, self._door, self._box = diary, door, box
        self._clock, self._reference, self._chance = clock, reference, chance
        self._conditions = conditions
        self._installed: Mapping[str, Installed] | None = None
        self._away: _Away | None = None
        self._why_not: tuple[WhyNot, ...] = ()

    # --- what is known -----------------------------------------------------------

    @property
    def installed(self) -> Mapping[str, Installed]:
        """What the daemon has, by model, as it said last."""
        return self._installed or {}

    def why_not(self) -> tuple[WhyNot, ...]:
        """Say for each release that is not taken why, and what is not heard."""
        away = self._away
        told = () if away is None else (_told_away(away),)
        return (*told, *self._why_not, *self._scout.why_not())

    def offer(self, one: Wanted) -> Offer:
        """Return the offer that was chosen.

        Raises:
            NotFetched: `not-offered`: a look has taken it away meanwhile.
        """
        for offer in self._scout.offers:
            if (offer.source, offer.sha256) == (one.source, one.digest):
                return offer
        raise NotFetched(
            f"cannot take {one}: {one.source} does not offer it any more",
            hint="edgectl update check",
            reason=Reason.NOT_OFFERED.value,
        )

    def tidings(self) -> tuple[Tiding, ...]:
        """Return what the daemon must hear of releases that were revoked."""
        return tidings(
            self._scout.offers,
            self.installed,
            alone=frozenset(self.stop),
            stop=self.terms.stop_revoked,
        )

    def waits_for(self) -> int | None:
        """Return the daemon's change that a release waits for; None for none."""
        models = {w.model for w in self._why_not if w.reason is Reason.UNDER_WAY}
        changes = (one.under_way for m, one in self.installed.items() if m in models)
        return next((change for change in changes if change is not None), None)

    def watches(self) -> tuple[int, ...]:
        """Return the changes whose releases are live and in probation."""
        found = (one.watched for one in self.installed.values())
        return tuple(change for change in found if change is not None)

    # --- deciding ----------------------------------------------------------------

    async def decide(self, current: Wanted | None) -> Decision:
        """Decide what to do.

        Args:
            current: what is being taken.
        """
        try:
            await self._ask_door()
        except EdgedError as error:
            away = self._note_away(verdict(error))
            if self._installed is None or current is None:
                self.again_s = away.until_s
                return Delayed(reason=away.why.reason, next_s=away.until_s)
        moment, choice = self._choose(current)
        if choice.take is not None and (names := self._stale(choice.take, current)):
            await self._scout.look(names)
            faults = [self._scout.fault(name) for name in names]
            if (fault := next(filter(None, faults), None)) is not None:
                reason, next_s = fault
                one = wanted(choice.take.offer, downgrade=choice.take.downgrade)
                self._remember(choice, moment)
                return Delayed(reason=reason, next_s=next_s, wanted=one)
            moment, choice = self._choose(current)
        self._remember(choice, moment)
        return decision(
            choice, moment, pause=self._will.pause(), stops=self._stops.by_digest
        )

    def _choose(self, current: Wanted | None) -> tuple[Moment, Choice]:
        moment = Moment(mono_s=self._clock.monotonic(), now=self._reference())
        return moment, choose(self._scout.offers, self._situation(moment, current))

    def _stale(self, take: Take, current: Wanted | None) -> tuple[str, ...]:
        """Return the sources that must be asked again before the first byte."""
        digest = take.offer.sha256
        if current is not None and current.digest == digest:
            return ()
        return self._scout.stale(digest, FRESH_S)

    def _remember(self, choice: Choice, moment: Moment) -> None:
        self._why_not = self._dated(choice.why_not, moment)
        self.stop = choice.stop
        ends = (
            again_s(choice, moment),
            self._will.ends_s(),
            self._away.until_s if self._away else None,
        )
        self.again_s = min((end for end in ends if end is not None), default=None)

    def _dated(self, why_not: tuple[WhyNot, ...], moment: Moment) -> tuple[WhyNot, ...]:
        """Date reasons by the clock that people read, whatever is believed of it.

        One that stood last time is as old as it was; another reason of the same
        release, or the same of another, is new.
        """
        before = {_key(one): one.since_utc for one in self._why_not}
        wall = self._clock.utc()
        return tuple(
            msgspec.structs.replace(
                one,
                since_utc=before.get(_key(one), utc_text(wall)),
                until_utc=_moved(one.until_utc, by=wall - moment.now),
            )
            for one in why_not
        )

    def _situation(self, moment: Moment, current: Wanted | None) -> Situation:
        conditions = self._conditions.value
        if current is not None:
            # Who has begun waits in the middle of it: see `pace`.
            conditions = msgspec.structs.replace(conditions, hot=None, errands=None)
        return Situation(
            box=self._box,
            policy=self.terms.policy,
            now=moment.now,
            installed=self.installed,
            wishes=self._will.wishes(moment),
            conditions=conditions,
            setbacks=self._setbacks(moment),
            current=current.digest if current else None,
        )

    def _setbacks(self, moment: Moment) -> tuple[Setback, ...]:
        refused = [
            Setback(sha256=digest, reason=one.reason, text=one.text, hint=one.hint)
            for digest, one in self._diary.notes.refusals.items()
        ]
        stopped = [
            Setback(
                sha256=digest,
                reason=stop.reason,
                text=stop.text,
                hint=stop.hint,
                until=moment.at(stop.until_s),
            )
            for digest, stop in self._stops.by_digest.items()
            if stop.until_s > moment.mono_s
        ]
        return (*refused, *stopped)

    # --- the daemon --------------------------------------------------------------

    async def _ask_door(self) -> None:
        found = await self._door.installed()
        self._installed = {one.model: one for one in found}
        self._away = None

    def _note_away(self, why: Verdict) -> _Away:
        before = self._away
        count = before.count if before else 0
        now_s, utc = self._clock.monotonic(), self._clock.utc()
        wait_s = retry_s(count, self._chance(), every_s=self.terms.every_s)
        if before is None:
            _log.warning("%s", why.text, extra={"edged_code": why.reason.value})
        moment = Moment(mono_s=now_s, now=utc)
        self._away = _Away(
            count=count + 1,
            since_utc=before.since_utc if before else utc_text(utc),
            until_s=now_s + wait_s,
            until_utc=utc_text(moment.at(now_s + wait_s)),
            why=why,
        )
        return self._away


def _key(one: WhyNot) -> tuple[Reason, str, str | None, int | None]:
    return one.reason, one.source, one.model, one.seq


def _moved(utc: str | None, *, by: timedelta) -> str | None:
    moment = None if utc is None else read_utc(utc)
    if moment is None:
        return utc
    try:
        return utc_text(moment + by)
    except OverflowError:
        return utc


def _told_away(away: _Away) -> WhyNot:
    return WhyNot(
        reason=away.why.reason,
        source="",
        text=away.why.text,
        hint=away.why.hint,
        since_utc=away.since_utc,
        until_utc=away.until_utc,
    )
