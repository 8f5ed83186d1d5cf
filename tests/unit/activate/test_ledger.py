"""The fold: what entries amount to, and the fewest that amount to the same."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edged.activate.ledger import (
    CAME_MAX,
    CRASHES_MAX,
    ENDED_MAX,
    QUARANTINED_MAX,
    Ledger,
    Places,
)
from edged.wire.changes import (
    AnyEntry,
    Attempted,
    Began,
    Came,
    Change,
    Marked,
    PinSet,
    Started,
    Step,
    Stepped,
    StepTaken,
    Stopped,
    Which,
    Wish,
)
from edged.wire.names import Trust

NOW = "2026-11-24T12:00:00Z"
NEW = "d" * 64


def _which(digest: str = NEW, seq: int = 2) -> Which:
    return Which(
        version="1", seq=seq, digest=digest, folder=f"{seq}-{digest[:12]:0<12}"
    )


def _began(
    change: int,
    *steps: Step,
    model: str = "pets",
    digest: str | None = NEW,
    wish: Wish = Wish.INSTALL,
    trust: Trust = Trust.LOCAL,
) -> Began:
    taken = tuple(StepTaken(step=step, at_utc=NOW) for step in steps or (Step.STAGED,))
    return Began(
        at_utc=NOW,
        change=Change(
            id=change,
            model=model,
            wish=wish,
            by="ada",
            trust=trust,
            release=_which(digest) if digest else None,
            steps=taken,
        ),
    )


def _stepped(change: int, step: Step) -> Stepped:
    return Stepped(at_utc=NOW, change=change, step=step)


def _attempted(
    change: int,
    boot: str = "one",
    *,
    digest: str = NEW,
    current: str | None = None,
    previous: str | None = None,
) -> Attempted:
    return Attempted(
        at_utc=NOW,
        change=change,
        digest=digest,
        model="pets",
        boot=boot,
        current=current,
        previous=previous,
    )


def _marked(digest: str = NEW, *, quarantined: bool = True) -> Marked:
    return Marked(
        at_utc=NOW,
        model="pets",
        digest=digest,
        seq=2,
        quarantined=quarantined,
        by="ada",
    )


def _started(boot: str = "one") -> Started:
    return Started(at_utc=NOW, boot=boot)


def _stopped(boot: str = "one") -> Stopped:
    return Stopped(at_utc=NOW, boot=boot)


# --- any entries ---------------------------------------------------------------

_id = st.integers(1, 4)
_step = st.sampled_from(Step)
_digest = st.sampled_from(["a" * 64, "b" * 64])
_boot = st.sampled_from(["", "one", "two"])
_folder = st.sampled_from([None, "1-aaaaaaaaaaaa", "2-bbbbbbbbbbbb"])

_entry: st.SearchStrategy[AnyEntry] = st.one_of(
    st.builds(
        lambda change, steps, digest, trust: _began(
            change, *steps, digest=digest, trust=trust
        ),
        _id,
        st.lists(_step, max_size=3),
        st.none() | _digest,
        st.sampled_from(Trust),
    ),
    st.builds(
        lambda change: Began(
            at_utc=NOW,
            change=Change(id=change, model="pets", wish=Wish.USE, by="eve"),
        ),
        _id,
    ),
    st.builds(_stepped, _id, _step),
    st.builds(
        lambda change, boot, digest, current, previous: _attempted(
            change, boot, digest=digest, current=current, previous=previous
        ),
        _id,
        _boot,
        _digest,
        _folder,
        _folder,
    ),
    st.builds(
        lambda digest, quarantined: _marked(digest, quarantined=quarantined),
        _digest,
        st.booleans(),
    ),
    st.builds(
        lambda model, pinned: PinSet(at_utc=NOW, model=model, pinned=pinned, by="ada"),
        st.sampled_from(["pets", "cars"]),
        st.booleans(),
    ),
    st.builds(_started, _boot),
    st.builds(_stopped, _boot),
)


@given(st.lists(_entry, max_size=30))
@example([_started(), _attempted(1), _started(), _began(1)])
@example([_started(), _attempted(1), _attempted(2, digest="a" * 64), _started()])
def test_the_fewest_entries_give_the_same_again(entries: list[AnyEntry]) -> None:
    """So the journal can be compacted at any moment, and nobody notices."""
    ledger = Ledger(entries)

    assert ledger.state == Ledger(ledger.entries()).state


@given(st.lists(_entry, max_size=30), st.lists(_entry, max_size=10))
def test_what_comes_after_compacting_means_the_same(
    entries: list[AnyEntry], later: list[AnyEntry]
) -> None:
    """Not only the state is the same: every future of it is."""
    whole = Ledger([*entries, *later])

    compacted = Ledger([*Ledger(entries).entries(), *later])

    assert whole.state == compacted.state


# --- changes -------------------------------------------------------------------


def test_steps_add_up_to_a_change() -> None:
    """In their order, with what was said of them."""
    ledger = Ledger([_began(1), _stepped(1, Step.TRIAL), _stepped(1, Step.REFUSED)])

    (change,) = ledger.changes()

    assert [Step.STAGED, Step.TRIAL, Step.REFUSED] == [s.step for s in change.steps]
    assert change.is_over


def test_the_numbers_go_on() -> None:
    """From 1, and after every change that is known."""
    assert 1 == Ledger().next_id
    assert 8 == Ledger([_began(7)]).next_id


def test_changes_are_told_by_model_and_openness() -> None:
    """Oldest first."""
    ledger = Ledger([_began(1, Step.DONE), _began(2), _began(3, model="cars")])

    assert [1, 2, 3] == [c.id for c in ledger.changes()]
    assert [1, 2] == [c.id for c in ledger.changes("pets")]
    assert [2] == [c.id for c in ledger.open_changes("pets")]


def test_only_the_newest_changes_that_are_over_are_kept() -> None:
    """And every open one, however old."""
    ledger = Ledger(
        [_began(1), *(_began(n, Step.DONE) for n in range(2, ENDED_MAX + 5))]
    )

    ids = [change.id for change in ledger.changes()]

    assert [1, *range(5, ENDED_MAX + 5)] == ids


def test_a_change_that_is_over_stays_as_it_is() -> None:
    """Whatever a damaged journal says of it later."""
    over = [_began(1, Step.REFUSED)]

    assert Ledger(over).state == Ledger([*over, _stepped(1, Step.TRIAL)]).state


def test_a_step_of_an_unknown_change_is_passed_over() -> None:
    """Its beginning was lost with a damaged line."""
    assert Ledger().state == Ledger([_stepped(3, Step.TRIAL)]).state


def test_folders_that_were_committed_are_known() -> None:
    """Those are the good ones; what was refused was never kept."""
    ledger = Ledger(
        [
            _began(1, Step.COMMITTED, digest="a" * 64),
            _began(2, Step.SUPERSEDED, digest="b" * 64),
            _began(3, Step.REFUSED, digest="c" * 64),
            _began(4, Step.STAGED, digest="d" * 64),
        ]
    )

    assert {"2-aaaaaaaaaaaa"} == ledger.committed("pets")
    assert {"2-aaaaaaaaaaaa", "2-bbbbbbbbbbbb"} == ledger.kept("pets")
    assert set() == ledger.kept("cars")


# --- the way back --------------------------------------------------------------


def test_the_first_attempt_knows_the_way_back() -> None:
    """A later one, after a restart, sees links that have moved."""
    ledger = Ledger(
        [
            _began(1),
            _attempted(1, current="old", previous="older"),
            _attempted(1, current="new", previous="old"),
        ]
    )

    assert Places(current="old", previous="older") == ledger.places(1)


def test_without_an_attempt_there_is_no_way_back() -> None:
    """Nothing was moved yet."""
    assert None is Ledger([_began(1)]).places(1)


# --- quarantine and pins ---------------------------------------------------------


def test_a_quarantine_holds_until_it_is_lifted() -> None:
    """By digest."""
    held = Ledger([_marked()])
    lifted = Ledger([_marked(), _marked(quarantined=False)])

    assert _marked() == held.state.quarantined[NEW]
    assert {} == lifted.state.quarantined


def test_quarantines_are_bounded_the_oldest_go() -> None:
    """One that is set again is young again."""
    digests = [f"{n:064x}" for n in range(QUARANTINED_MAX)]
    again = [_marked(digests[0]), _marked(NEW)]

    ledger = Ledger([*map(_marked, digests), *again])

    assert [*digests[2:], digests[0], NEW] == list(ledger.state.quarantined)


def test_a_pin_holds_until_it_is_lifted() -> None:
    """By model."""
    pin = PinSet(at_utc=NOW, model="pets", pinned=True, by="ada")
    unpin = PinSet(at_utc=NOW, model="pets", pinned=False, by="ada")

    assert {"pets": pin} == Ledger([pin]).state.pinned
    assert {} == Ledger([pin, unpin]).state.pinned


# --- trust -----------------------------------------------------------------------


def test_what_was_signed_stays_signed() -> None:
    """Whoever brings the same bytes again, and whatever became of them."""
    ledger = Ledger(
        [
            _began(1, Step.REFUSED, trust=Trust.SHA256),
            _began(2, Step.DONE, trust=Trust.SIGNED),
            _began(3, Step.DONE, trust=Trust.LOCAL),
            _began(4, Step.DONE, trust=Trust.SHA256),
        ]
    )

    assert Trust.SIGNED is ledger.trust(NEW)
    assert Trust.LOCAL is ledger.trust("a" * 64)


def test_trust_outlives_the_change_that_says_so() -> None:
    """A release may be live for longer than changes are told."""
    first = _began(1, Step.DONE, trust=Trust.SIGNED)
    later = [_began(n, Step.DONE, digest="a" * 64) for n in range(2, ENDED_MAX + 5)]

    ledger = Ledger(Ledger([first, *later]).entries())

    assert 1 not in ledger.state.changes
    assert Trust.SIGNED is ledger.trust(NEW)


def test_what_came_from_sources_is_bounded_the_oldest_go() -> None:
    """A box that is updated for years keeps a small journal."""
    digests = [f"{n:064x}" for n in range(CAME_MAX + 1)]

    ledger = Ledger(
        Came(at_utc=NOW, digest=digest, trust=Trust.SHA256) for digest in digests
    )

    assert Trust.LOCAL is ledger.trust(digests[0])
    assert Trust.SHA256 is ledger.trust(digests[1])


# --- crashes -------------------------------------------------------------------

SWITCHING: list[AnyEntry] = [_began(1), _stepped(1, Step.SWITCHING)]


@pytest.mark.parametrize(
    ("lives", "crashes"),
    [
        ([_attempted(1)], 0),
        ([_attempted(1), _started()], 1),
        ([_attempted(1), _started(), _attempted(1), _started()], 2),
        ([_attempted(1), _started(), _started()], 1),
        ([_attempted(1), _stopped(), _started()], 0),
        ([_attempted(1), _started("two")], 0),
        ([_attempted(1), _started(), _started("two")], 0),
        ([_attempted(1), _started(), _stopped(), _started()], 1),
        ([_attempted(1), _stepped(1, Step.COMMITTED), _started()], 0),
        ([_attempted(1), _started(), _stepped(1, Step.REFUSED)], 1),
        ([_attempted(1), _started(), _stepped(1, Step.COMMITTED)], 0),
        ([_attempted(1), _started(), _marked(), _marked(quarantined=False)], 0),
        ([_attempted(1), _stopped("zero"), _started()], 1),
        ([_attempted(1, "zero"), _started()], 0),
        ([_started(""), _attempted(1, ""), _started("")], 0),
    ],
    ids=[
        "tried, still up",
        "crashed",
        "crashed twice",
        "not tried again before the second crash",
        "stopped when asked",
        "the plug was pulled",
        "crashed, then the plug was pulled",
        "crashed, then stopped when asked",
        "committed before the crash",
        "refused after the crash",
        "committed after the crash",
        "a person lifted the quarantine",
        "a stop of another boot",
        "an attempt of another boot",
        "a kernel without boot ids",
    ],
)
def test_a_crash_is_a_start_in_the_same_boot_without_a_stop(
    lives: list[AnyEntry], crashes: int
) -> None:
    """Counted against what was being tried, and nothing else."""
    ledger = Ledger([_started(), *SWITCHING, *lives])

    assert crashes == ledger.crashes(NEW)


def test_one_crash_counts_once_for_a_release() -> None:
    """Even if two changes wanted it."""
    ledger = Ledger(
        [_started(), _began(1), _began(2), _attempted(1), _attempted(2), _started()]
    )

    assert 1 == ledger.crashes(NEW)


def test_counting_crashes_ends_somewhere() -> None:
    """Two are enough for everybody who asks."""
    crash: list[AnyEntry] = [_attempted(1), _started()]

    ledger = Ledger([_started(), *crash * (CRASHES_MAX + 3)])

    assert CRASHES_MAX == ledger.crashes(NEW)
