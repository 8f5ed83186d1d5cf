"""The updater's table: complete, in the docs, and never two releases at once."""

import re
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edged.update.machine import (
    DECISIONS,
    EVENTS,
    REFUSED,
    RESULTS,
    ROWS,
    STATES,
    TABLE,
    diagram,
    step,
)
from edged.update.moves import (
    BEGIN,
    Arrived,
    Available,
    BackOff,
    Barred,
    Checking,
    Chosen,
    Close,
    Decide,
    Decision,
    Delayed,
    Describe,
    Described,
    Downloading,
    Effect,
    Ended,
    Event,
    Failed,
    Fetch,
    Fits,
    Follow,
    Halt,
    HandIn,
    Held,
    Idle,
    Look,
    LookDue,
    Paused,
    Preflight,
    Result,
    Satisfied,
    Staged,
    State,
    Suffer,
    Survey,
    Suspended,
    TakenIn,
    Taking,
    Underway,
    Unfit,
    Verified,
    Verify,
    Verifying,
    Wanted,
)
from edged.wire.updates import Outcome, Reason

PAGE = Path(__file__).resolve().parents[3] / "docs/explanation/updates.md"


def wanted(seq: int = 15, model: str = "digits") -> Wanted:
    """Return a release to take."""
    digest = f"{seq:064x}"
    return Wanted(
        source="main", model=model, version=f"1.{seq}.0", seq=seq, digest=digest
    )


W = wanted()
OTHER = wanted(16)

#: One of each state and event, to try every pair.
SAMPLE_STATES: tuple[State, ...] = (
    Idle(),
    Checking(),
    Available(wanted=W),
    Preflight(wanted=W),
    Downloading(wanted=W, total_bytes=9, kept_bytes=0),
    Verifying(wanted=W),
    Staged(wanted=W),
    Held(reason=Reason.WINDOW, until_s=7.0, wanted=W),
    BackOff(reason=Reason.CUT, next_s=7.0, wanted=W),
    Paused(by="pi"),
)

SAMPLE_EVENTS: tuple[Event, ...] = (
    LookDue(),
    Satisfied(),
    Chosen(wanted=OTHER),
    Barred(reason=Reason.METERED, until_s=8.0, wanted=W),
    Delayed(reason=Reason.STALLED, next_s=8.0, wanted=W),
    Suspended(by="ann", until_s=8.0),
    Described(),
    Fits(total_bytes=9, kept_bytes=3),
    Arrived(),
    Verified(),
    TakenIn(change=4),
    Ended(outcome=Outcome.INSTALLED),
    Unfit(reason=Reason.NO_SPACE),
    Failed(reason=Reason.CUT, next_s=8.0),
)


def test_the_samples_are_complete() -> None:
    """Each state and each event is tried below."""
    assert STATES == tuple(map(type, SAMPLE_STATES))
    assert EVENTS == tuple(map(type, SAMPLE_EVENTS))


def test_every_pair_is_taken_or_refused_with_a_reason() -> None:
    """And none is both."""
    taken = {(row.source, row.event) for row in ROWS}

    assert {(state, event) for state in STATES for event in EVENTS} == taken | set(
        REFUSED
    )
    assert set() == taken & set(REFUSED)
    assert all(REFUSED.values())
    assert len(ROWS) == len(taken)


@pytest.mark.parametrize("state", SAMPLE_STATES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("event", SAMPLE_EVENTS, ids=lambda e: type(e).__name__)
def test_a_row_leads_where_it_says(state: State, event: Event) -> None:
    """What has no row raises, and names the state and what came."""
    row = TABLE[type(state)].get(type(event))

    if row is None:
        with pytest.raises(AssertionError, match=type(event).__name__):
            step(state, event)
    else:
        assert row.target is type(step(state, event)[0])


@pytest.mark.parametrize("state", STATES)
def test_every_state_takes_every_decision(state: type[State]) -> None:
    """Whatever happens, a decision has its place; only results can be refused."""
    refused = {event for at, event in REFUSED if at is state}

    assert refused <= set(RESULTS)


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_leads_to_one_place(decision: type[Decision]) -> None:
    """Wherever it comes from: so the diagram can show them as one point."""
    places = {
        row.target for row in ROWS if row.event is decision and row.source is not Staged
    }

    assert 1 == len(places)


def test_the_page_shows_the_table_as_it_is() -> None:
    """The diagram in the docs is this one, to the letter."""
    (shown,) = re.findall(r"```mermaid\n(.*?)```", PAGE.read_text(), re.DOTALL)

    assert diagram() == shown


# --- scripts: events in, effects out --------------------------------------------------


class Playbook:
    """A machine that is told things, and what it wanted done since the last look."""

    def __init__(self, state: State = BEGIN) -> None:
        self.state = state

    def tell(self, *events: Event) -> list[Effect]:
        """Take events; return all effects in order."""
        effects: list[Effect] = []
        for event in events:
            self.state, wanted_done = step(self.state, event)
            effects += wanted_done
        return effects


DOWNLOAD = (
    *(LookDue(), Chosen(wanted=W), Described()),
    Fits(total_bytes=9, kept_bytes=3),
)


def test_the_usual_way() -> None:
    """Look, choose, fetch, verify, hand in, follow, close, and decide again."""
    book = Playbook()

    effects = book.tell(
        *DOWNLOAD,
        *(Arrived(), Verified(), TakenIn(change=4)),
        Ended(outcome=Outcome.INSTALLED),
    )

    assert [
        *(Look(), Describe(wanted=W), Survey(wanted=W), Fetch(wanted=W)),
        *(Verify(wanted=W), HandIn(wanted=W), Follow(wanted=W, change=4)),
        *(Close(wanted=W, outcome=Outcome.INSTALLED), Decide()),
    ] == effects
    assert Idle() == book.state


def test_a_look_while_it_downloads_changes_nothing_if_it_says_the_same() -> None:
    """No byte is fetched twice because of a timer."""
    book = Playbook()
    book.tell(*DOWNLOAD)

    effects = book.tell(LookDue(), Chosen(wanted=W))

    assert [Look()] == effects
    assert Downloading(wanted=W, total_bytes=9, kept_bytes=3) == book.state


def test_a_newer_release_stops_a_download() -> None:
    """The old one is left before the new one begins."""
    book = Playbook()
    book.tell(*DOWNLOAD)

    effects = book.tell(Chosen(wanted=OTHER))

    assert [Halt(wanted=W), Describe(wanted=OTHER)] == effects
    assert Available(wanted=OTHER) == book.state


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (Satisfied(), Idle()),
        (Barred(reason=Reason.HALTED, wanted=W), Held(reason=Reason.HALTED, wanted=W)),
        (Suspended(by="pi", until_s=9.0), Paused(by="pi", until_s=9.0)),
        (
            Delayed(reason=Reason.CUT, next_s=9.0, wanted=W),
            BackOff(reason=Reason.CUT, next_s=9.0, wanted=W),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_other_decision_stops_a_download(decision: Decision, state: State) -> None:
    """Its bytes stay: nothing but `Halt` is wanted."""
    book = Playbook()
    book.tell(*DOWNLOAD)

    effects = book.tell(decision)

    assert [Halt(wanted=W)] == effects
    assert state == book.state


def test_what_the_daemon_has_is_not_called_back() -> None:
    """A pause waits until the change is over."""
    book = Playbook(Staged(wanted=W, change=4))

    effects = book.tell(Suspended(by="pi"), Chosen(wanted=OTHER))

    assert [] == effects
    assert Staged(wanted=W, change=4) == book.state


def test_a_failure_is_written_down_and_tried_later() -> None:
    """Its bytes stay, and the next decision may choose it again."""
    book = Playbook()
    book.tell(*DOWNLOAD)

    effects = book.tell(Failed(reason=Reason.CUT, next_s=30.0))

    assert [Suffer(wanted=W, reason=Reason.CUT), Decide()] == effects
    assert BackOff(reason=Reason.CUT, next_s=30.0, wanted=W) == book.state


def test_no_space_is_no_failure() -> None:
    """It is held until there is room; nothing is fetched, nothing is given up."""
    book = Playbook(Preflight(wanted=W))

    effects = book.tell(Unfit(reason=Reason.NO_SPACE, until_s=60.0))

    assert [Decide()] == effects
    assert Held(reason=Reason.NO_SPACE, until_s=60.0, wanted=W) == book.state


def test_a_look_while_paused_stays_paused() -> None:
    """Somebody who asks gets an answer, and no byte of a release."""
    book = Playbook(Paused(by="pi"))

    effects = book.tell(LookDue(), Suspended(by="pi"))

    assert [Look()] == effects
    assert Paused(by="pi") == book.state


# --- whatever comes, in whatever order ------------------------------------------------

RELEASES = st.builds(wanted, st.integers(1, 4), st.sampled_from(("digits", "mobile")))

DECISIONS_OF: st.SearchStrategy[Decision] = st.one_of(
    st.just(Satisfied()),
    st.builds(Chosen, wanted=RELEASES),
    st.builds(Barred, reason=st.sampled_from(Reason), wanted=RELEASES),
    st.builds(
        Delayed, reason=st.sampled_from(Reason), next_s=st.floats(0, 9), wanted=RELEASES
    ),
    st.builds(Suspended, by=st.just("pi")),
)

#: What each effect may come to.
RESULTS_OF: dict[type[Effect], st.SearchStrategy[Result]] = {
    Describe: st.just(Described()),
    Survey: st.just(Fits(total_bytes=9, kept_bytes=0)),
    Fetch: st.just(Arrived()),
    Verify: st.just(Verified()),
    HandIn: st.just(TakenIn(change=4)),
    Follow: st.builds(Ended, outcome=st.sampled_from(Outcome)),
}


class AnyOrder(RuleBasedStateMachine):
    """Decisions at any time; results when the effect for them is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.state: State = BEGIN
        self.work: Effect | None = None  # what is being done for a release
        self.of: Wanted | None = None

    def move(self, event: Event) -> None:
        """Take an event, and do what an owner does with the effects."""
        self.state, effects = step(self.state, event)
        for effect in effects:
            if isinstance(effect, Halt):
                assert self.of == effect.wanted
                self.work = self.of = None
            elif type(effect) in RESULTS_OF:
                assert self.work is None, "two things at once"
                self.work, self.of = effect, effect.wanted  # type: ignore[attr-defined]  # all of RESULTS_OF have one

    @rule()
    def look(self) -> None:
        """A timer."""
        self.move(LookDue())

    @rule(decision=DECISIONS_OF)
    def decide(self, decision: Decision) -> None:
        """A decision that never says what is already so in other words."""
        self.move(decision)

    @precondition(lambda self: self.work is not None)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        """The effect comes to what was hoped for."""
        assert self.work is not None
        event = data.draw(RESULTS_OF[type(self.work)])
        self.work = None
        self.move(event)

    @precondition(lambda self: self.work is not None)
    @rule(reason=st.sampled_from(Reason))
    def fail(self, reason: Reason) -> None:
        """The effect fails."""
        self.work = None
        self.move(Failed(reason=reason, next_s=1.0))

    @invariant()
    def one_release_at_most(self) -> None:
        """What is being done is for the release that the state names, or nothing is."""
        if isinstance(self.state, Taking):
            assert self.work is not None
            assert self.of == self.state.wanted
        else:
            assert self.work is None

    @invariant()
    def paused_means_no_fetch(self) -> None:
        """In no state but those on the way is anything fetched."""
        if isinstance(self.work, Describe | Fetch):
            assert isinstance(self.state, Underway)


TestAnyOrder = AnyOrder.TestCase
