"""What is noted: bounded, and one attempt is one line however often it failed."""

import msgspec

from edged.update.moves import Wanted
from edged.update.notes import (
    ATTEMPTS_MAX,
    REFUSALS_MAX,
    TRIES_MAX,
    Notes,
    Refusal,
    Setback,
    Try,
    lifted,
    recorded,
    short,
    with_refusal,
    with_try,
    without_try,
)
from edged.wire.updates import Attempt, Outcome, Reason

AT = "2026-11-24T06:00:00Z"


def wanted(seq: int, model: str = "digits") -> Wanted:
    """Return a release whose digest is its seq."""
    return Wanted(
        source="main", model=model, version=f"1.{seq}", seq=seq, digest=f"d{seq}"
    )


def trying(seq: int, model: str = "digits") -> Try:
    """Return one that failed once."""
    setback = Setback(
        count=1, reason=Reason.CUT, text="cut", since_utc=AT, wait_s=30.0, next_utc=AT
    )
    return Try(wanted=wanted(seq, model), began_utc=AT, handed=2, setback=setback)


def refusal(seq: int, model: str = "digits") -> Refusal:
    """Return one that the daemon did not want."""
    return Refusal(
        wanted=wanted(seq, model), reason=Reason.REFUSED, text="bad", at_utc=AT
    )


def attempt(seq: int, outcome: Outcome, fetched: int = 0) -> Attempt:
    """Return how one ended."""
    return Attempt(
        at_utc=AT,
        model="digits",
        version=f"1.{seq}",
        seq=seq,
        source="main",
        outcome=outcome,
        fetched_bytes=fetched,
    )


def test_the_oldest_of_too_many_releases_under_way_goes() -> None:
    """What lies around is bounded."""
    notes = Notes()

    for seq in range(TRIES_MAX + 2):
        notes = with_try(notes, trying(seq))

    assert [f"d{seq}" for seq in range(2, TRIES_MAX + 2)] == list(notes.tries)


def test_a_release_that_goes_on_is_the_newest() -> None:
    """It is not the one that makes room."""
    notes = with_try(with_try(Notes(), trying(1)), trying(2))

    notes = with_try(notes, trying(1))

    assert ["d2", "d1"] == list(notes.tries)


def test_a_release_that_is_over_is_forgotten() -> None:
    """And no other one."""
    notes = with_try(with_try(Notes(), trying(1)), trying(2))

    notes = without_try(notes, "d1")

    assert ["d2"] == list(notes.tries)


def test_the_oldest_of_too_many_refusals_goes() -> None:
    """Their number is bounded, too."""
    notes = Notes()

    for seq in range(REFUSALS_MAX + 1):
        notes = with_refusal(notes, refusal(seq))

    assert REFUSALS_MAX == len(notes.refusals)
    assert "d0" not in notes.refusals


def test_a_person_lifts_what_was_refused_of_one_model() -> None:
    """It may be tried again at once; another model's stays."""
    notes = with_refusal(Notes(), refusal(1))
    notes = with_refusal(notes, refusal(2, "mobile"))
    notes = with_try(with_try(notes, trying(3)), trying(4, "mobile"))

    notes = lifted(notes, "digits")

    assert ["d2"] == list(notes.refusals)
    assert (None, 0) == (notes.tries["d3"].setback, notes.tries["d3"].handed)
    assert trying(4, "mobile") == notes.tries["d4"]


def test_a_person_lifts_all() -> None:
    """Without a name, every model is meant."""
    notes = with_refusal(with_try(Notes(), trying(3)), refusal(1))

    notes = lifted(notes, None)

    assert {} == notes.refusals
    assert None is notes.tries["d3"].setback


def test_failures_in_a_row_are_one_attempt() -> None:
    """The newest end replaces the older: the history is no log of a bad network."""
    notes = recorded(Notes(), attempt(1, Outcome.FAILED, fetched=10))
    notes = recorded(notes, attempt(1, Outcome.FAILED, fetched=20))

    notes = recorded(notes, attempt(1, Outcome.INSTALLED, fetched=30))

    assert (attempt(1, Outcome.INSTALLED, fetched=30),) == notes.attempts


def test_what_ended_is_not_replaced() -> None:
    """A release that was refused, and one that failed after it, are two."""
    notes = recorded(Notes(), attempt(1, Outcome.REFUSED))

    notes = recorded(notes, attempt(1, Outcome.FAILED))
    notes = recorded(notes, attempt(2, Outcome.FAILED))

    assert [1, 1, 2] == [one.seq for one in notes.attempts]


def test_the_history_is_bounded() -> None:
    """The oldest attempts go."""
    notes = Notes()

    for seq in range(ATTEMPTS_MAX + 3):
        notes = recorded(notes, attempt(seq, Outcome.INSTALLED))

    assert list(range(3, ATTEMPTS_MAX + 3)) == [one.seq for one in notes.attempts]


def test_a_long_reason_is_cut() -> None:
    """And one that is not, is not."""
    assert ("x" * 499 + "…", "x" * 500) == (short("x" * 501), short("x" * 500))


def test_notes_are_plain_data() -> None:
    """What was noted comes back as it was."""
    notes = recorded(with_try(Notes(), trying(1)), attempt(1, Outcome.FAILED))

    data = msgspec.json.encode(notes)

    assert notes == msgspec.json.decode(data, type=Notes)
