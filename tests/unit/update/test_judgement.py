"""From a choice to a decision; and what holds whatever comes, in whatever order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edged.update import offers
from edged.update.judgement import (
    HOLDS,
    Moment,
    PauseStands,
    again_s,
    decision,
    wanted,
)
from edged.update.machine import step
from edged.update.moves import (
    BEGIN,
    Arrived,
    BackOff,
    Barred,
    Chosen,
    Delayed,
    Describe,
    Described,
    Ended,
    Event,
    Failed,
    Fetch,
    Fits,
    Follow,
    Halt,
    HandIn,
    LookDue,
    Paused,
    Result,
    Satisfied,
    State,
    Survey,
    Suspended,
    TakenIn,
    Taking,
    Verified,
    Verify,
    Work,
)
from edged.update.offers import Installed, Policy, Setback, Situation, Wishes
from edged.update.plan import Choice, Take, choose
from edged.update.stops import SOONEST_S, Stop, Stops
from edged.update.verdicts import Turn, Verdict
from edged.wire.updates import Outcome, Reason, WhyNot
from tests.fakes.clock import Hours
from tests.fakes.updates import BOX, published

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW = Moment(mono_s=100.0, now=NOON)
ONE = published(15)
WANTED = wanted(ONE.offer, downgrade=False)
NOTHING = Choice(take=None, why_not=(), stop=())


def why(reason: Reason, seq: int = 15, until: str | None = None) -> WhyNot:
    """Return a reason that stands against a release."""
    return WhyNot(
        reason=reason,
        source="main",
        text="",
        model="pets",
        seq=seq,
        since_utc="",
        until_utc=until,
    )


def chosen(until: datetime | None = None) -> Choice:
    """Return the choice of the one release."""
    take = Take(offer=ONE.offer, downgrade=False, text="", unknown=(), until=until)
    return Choice(take=take, why_not=(), stop=())


def barred(*reasons: WhyNot) -> Choice:
    """Return a choice of nothing, with reasons."""
    return Choice(take=None, why_not=reasons, stop=())


def stop(turn: Turn, reason: Reason, until_s: float = 130.0) -> Stop:
    """Return what failed."""
    return Stop(
        wanted=WANTED,
        turn=turn,
        count=1,
        reason=reason,
        text="",
        hint="",
        since_utc="",
        wait_s=30.0,
        until_s=until_s,
    )


@pytest.mark.parametrize(
    ("choice", "decided"),
    [
        (NOTHING, Satisfied()),
        (chosen(), Chosen(wanted=WANTED)),
        (barred(why(Reason.HALTED)), Satisfied()),
        (
            barred(why(Reason.HALTED, 16), why(Reason.WINDOW)),
            Barred(reason=Reason.WINDOW),
        ),
        (
            barred(why(Reason.NOT_YET, until="2026-11-25T12:05:00Z")),
            Barred(reason=Reason.NOT_YET, until_s=400.0),
        ),
    ],
    ids=["nothing", "one", "halted", "window", "turn"],
)
def test_a_choice_is_a_decision(choice: Choice, decided: Event) -> None:
    """Only a reason that ends is something to wait for."""
    assert decided == decision(choice, NOW, pause=None, stops={})


def test_a_pause_stands_above_all() -> None:
    """Also where nothing is on offer."""
    pause = PauseStands(by="ann", until_s=160.0)

    decided = decision(chosen(), NOW, pause=pause, stops={})

    assert Suspended(by="ann", until_s=160.0) == decided


@pytest.mark.parametrize(
    ("turn", "decided"),
    [
        (Turn.RETRY, Delayed(reason=Reason.CUT, next_s=130.0, wanted=WANTED)),
        (Turn.WAIT, Barred(reason=Reason.CUT, until_s=130.0, wanted=WANTED)),
    ],
)
def test_what_failed_is_told_by_its_own_time(turn: Turn, decided: Event) -> None:
    """To the fraction: the dates that people read are cut to seconds."""
    told = barred(why(Reason.CUT, until="2026-11-25T12:00:29Z"))

    assert decided == decision(
        told, NOW, pause=None, stops={"d15": stop(turn, Reason.CUT)}
    )


def test_what_failed_is_not_told_where_another_reason_stands() -> None:
    """A hold came over it: that is what must end first."""
    stops = {"d15": stop(Turn.RETRY, Reason.CUT)}

    decided = decision(barred(why(Reason.ON_HOLD)), NOW, pause=None, stops=stops)

    assert Barred(reason=Reason.ON_HOLD) == decided


def test_it_is_decided_anew_when_the_first_reason_ends() -> None:
    """Or when the window of what is being taken closes."""
    reasons = barred(
        why(Reason.NOT_YET, until="2026-11-25T12:05:00Z"),
        why(Reason.ON_HOLD, until="2026-11-25T12:01:00Z"),
        why(Reason.METERED),
    )

    assert 160.0 == again_s(reasons, NOW)
    assert 220.0 == again_s(chosen(NOON + timedelta(minutes=2)), NOW)
    assert None is again_s(NOTHING, NOW)


def test_a_date_that_has_passed_is_a_little_later_than_now() -> None:
    """Whoever waits for it does not turn on the spot."""
    assert NOW.mono_s + SOONEST_S == NOW.mono(NOON - timedelta(days=1))


def test_the_end_of_time_is_a_date() -> None:
    """What never ends does not overflow."""
    assert datetime.max.replace(tzinfo=UTC) == NOW.at(1e300)


def test_what_is_no_date_is_no_end() -> None:
    """It is looked at again when something changes."""
    assert None is NOW.of_text("soon")
    assert None is NOW.of_text(None)


def test_reasons_without_an_end_are_no_holds() -> None:
    """There is nothing to wait for where the publisher, or this box, has spoken."""
    ended = {
        Reason.UP_TO_DATE,
        Reason.HALTED,
        Reason.REVOKED,
        Reason.REFUSED,
        Reason.QUARANTINED,
    }

    assert set() == ended & HOLDS


# --- whatever comes, in whatever order ------------------------------------------------

RESULTS: dict[type[Work], Result] = {
    Describe: Described(),
    Survey: Fits(total_bytes=9, kept_bytes=0),
    Fetch: Arrived(),
    Verify: Verified(),
    HandIn: TakenIn(change=1),
    Follow: Ended(outcome=Outcome.INSTALLED),
}
SEQS = st.integers(1, 4)
MODELS = st.sampled_from(("pets", "mobile"))


class Rounds(RuleBasedStateMachine):
    """The deciding half of the updater, on a clock of its own: no I/O at all."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Hours()
        self.stops = Stops(self.clock)
        self.state: State = BEGIN
        self.work: Work | None = None
        self.offered: dict[tuple[str, int], offers.Offer] = {}
        self.installed: dict[str, Installed] = {}
        self.pause_s: float | None = None
        self.refused: set[str] = set()
        self.fetched: list[str] = []

    # What the world does.

    @rule(model=MODELS, seq=SEQS, halted=st.booleans())
    def publish(self, model: str, seq: int, *, halted: bool) -> None:
        """A release is offered, or halted, or lifted."""
        one = published(seq, model=model, size=8, halted=halted)
        self.offered[model, seq] = one.offer
        self.decide()

    @rule(model=MODELS, seq=SEQS)
    def quarantine(self, model: str, seq: int) -> None:
        """A release was bad, says the daemon."""
        if (one := self.offered.get((model, seq))) is not None:
            has = self.installed.get(model, Installed(model=model))
            bad = has.quarantined | {one.sha256}
            self.installed[model] = Installed(
                model=model, seq=has.seq, digest=has.digest, quarantined=bad
            )
            self.decide()

    @rule(for_s=st.floats(1, 1e6))
    def pause(self, for_s: float) -> None:
        """A person wants nothing fetched."""
        self.pause_s = self.clock.now + for_s
        self.decide()

    @rule()
    def resume(self) -> None:
        """And lifts that."""
        self.pause_s = None
        self.decide()

    @rule(seconds=st.floats(0, 1e5))
    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.clock.now += seconds
        self.decide()

    @rule()
    def look(self) -> None:
        """A source has its turn."""
        self.move(LookDue())
        self.decide()

    # What comes of what is done.

    @precondition(lambda self: self.work is not None)
    @rule()
    def succeed(self) -> None:
        """As hoped."""
        work, self.work = self.work, None
        assert work is not None
        if isinstance(work, Follow):
            one = work.wanted
            has = self.installed.get(one.model, Installed(model=one.model))
            self.installed[one.model] = Installed(
                model=one.model,
                seq=one.seq,
                digest=one.digest,
                quarantined=has.quarantined,
            )
        self.move(RESULTS[type(work)])
        self.decide()

    @precondition(lambda self: self.work is not None)
    @rule(chance=st.floats(0, 1, exclude_max=True))
    def fail(self, chance: float) -> None:
        """Not at all."""
        work, self.work = self.work, None
        assert work is not None
        judged = Verdict(turn=Turn.RETRY, reason=Reason.CUT, text="cut")
        made = self.stops.add(work.wanted, judged, chance=chance, every_s=21_600.0)
        self.move(Failed(reason=Reason.CUT, next_s=made.until_s))
        self.decide()

    @precondition(lambda self: isinstance(self.work, HandIn | Follow))
    @rule()
    def refuse(self) -> None:
        """The daemon does not want it."""
        work, self.work = self.work, None
        assert work is not None
        self.refused.add(work.wanted.digest)
        self.move(Ended(outcome=Outcome.REFUSED, reason=Reason.REFUSED))
        self.decide()

    # The owner.

    @property
    def is_paused(self) -> bool:
        """Whether a person's pause stands."""
        return self.pause_s is not None and self.pause_s > self.clock.now

    def decide(self) -> None:
        """Choose and decide, as the council does."""
        moment = Moment(mono_s=self.clock.now, now=NOON)
        pause = None
        if self.is_paused and self.pause_s is not None:
            pause = offers.Pause(by="ann", until=moment.at(self.pause_s))
        stopped = [
            Setback(
                sha256=digest,
                reason=one.reason,
                text=one.text,
                until=moment.at(one.until_s),
            )
            for digest, one in self.stops.by_digest.items()
            if one.until_s > self.clock.now
        ]
        refused = [
            Setback(sha256=digest, reason=Reason.REFUSED, text="")
            for digest in sorted(self.refused)
        ]
        current = self.state.wanted if isinstance(self.state, Taking) else None
        choice = choose(
            tuple(self.offered.values()),
            Situation(
                box=BOX,
                policy=Policy(),
                now=NOON,
                installed=self.installed,
                wishes=Wishes(pause=pause),
                setbacks=(*refused, *stopped),
                current=current.digest if current else None,
            ),
        )
        stands = PauseStands(by="ann", until_s=self.pause_s) if pause else None
        decided = decision(choice, moment, pause=stands, stops=self.stops.by_digest)
        if isinstance(decided, Chosen):
            assert decided.wanted.digest not in self.refused
            has = self.installed.get(decided.wanted.model)
            assert has is None or decided.wanted.digest not in has.quarantined
        self.move(decided)

    def move(self, event: Event) -> None:
        """Take an event, and do what the helm does with the effects."""
        self.state, effects = step(self.state, event)
        for effect in effects:
            if isinstance(effect, Halt):
                self.work = None
            elif isinstance(effect, Work):
                assert self.work is None, "two releases at once"
                assert not (self.is_paused and isinstance(effect, Describe | Fetch))
                self.work = effect

    @invariant()
    def a_pause_stands(self) -> None:
        """Nothing is on its way in it but what the daemon has."""
        if self.is_paused:
            assert isinstance(self.state, Paused | Taking)
            assert not isinstance(self.work, Describe | Survey | Fetch | Verify)

    @invariant()
    def every_wait_ends(self) -> None:
        """A back-off has its time, and that is near."""
        if isinstance(self.state, BackOff):
            assert 0 < self.state.next_s - self.clock.now <= 21_600.0

    @invariant()
    def work_is_of_the_state(self) -> None:
        """What is done is for the release that is being taken."""
        assert (self.work is not None) == isinstance(self.state, Taking)


TestRounds = Rounds.TestCase
