"""What people want: noted at once, ended by itself, never made longer by a date."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from edged.errors import InvalidRequest
from edged.host.files import DiskFiles
from edged.update.diary import Diary
from edged.update.judgement import Moment
from edged.update.notes import Notebook, Notes, Pause, Urge
from edged.update.will import URGE_S, Will
from edged.wire.words import utc_text
from tests.fakes.clock import Hours

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Hours:
    """Return a clock that stands at noon."""
    return Hours()


@pytest.fixture
def diary() -> Diary:
    """Return notes that never reach a disk: no thread is ever started."""
    disk = ThreadPoolExecutor(1)
    return Diary(Notebook(Path("/nowhere/notes"), DiskFiles()), disk)


@pytest.fixture
def will(diary: Diary, clock: Hours) -> Will:
    """Return the wishes of nobody."""
    return Will(diary, clock)


def at(clock: Hours) -> Moment:
    """Return this moment."""
    return Moment(mono_s=clock.now, now=clock.utc())


def test_nobody_wants_anything_at_first(will: Will, clock: Hours) -> None:
    """No pause, no hold, no hurry, and nothing to wake up for."""
    will.begin()

    assert None is will.pause()
    assert None is will.ends_s()
    assert ((), frozenset()) == (
        will.wishes(at(clock)).holds,
        will.wishes(at(clock)).now,
    )


def test_a_pause_stands_until_it_is_resumed(will: Will, clock: Hours) -> None:
    """It is the same for those who decide, and for people."""
    will.set_pause("ann", "the fair", None)
    clock.now += 1e9

    pause, wishes = will.pause(), will.wishes(at(clock))

    assert pause is not None
    assert ("ann", "the fair", None) == (pause.by, pause.why, pause.until_s)
    assert wishes.pause is not None
    assert ("ann", None) == (wishes.pause.by, wishes.pause.until)
    will.resume(None)
    assert None is will.pause()


def test_a_pause_ends_by_itself(will: Will, clock: Hours, diary: Diary) -> None:
    """By the time that passes; and it is forgotten, with no hold beside it."""
    will.hold("pets", "ann", "", "2030-01-01T00:00:00Z")
    will.set_pause("ann", "", 60.0)
    assert clock.now + 60 == will.ends_s()

    clock.now += 60

    assert None is will.pause()
    assert None is diary.notes.pause
    assert ["pets"] == list(diary.notes.holds)


def test_a_pause_goes_on_in_the_next_life(clock: Hours, diary: Diary) -> None:
    """For what is left of it."""
    Will(diary, clock).set_pause("ann", "", 60.0)
    later = Hours()
    later.now += 20

    will = Will(diary, later)
    will.begin()

    pause = will.pause()
    assert pause is not None
    assert later.now + 40 == pause.until_s


def test_a_date_that_was_ahead_makes_no_pause_longer(
    clock: Hours, diary: Diary
) -> None:
    """A clock that was in another century when it was said locks nobody out."""
    until = utc_text(clock.utc() + timedelta(days=99 * 365))
    pause = Pause(by="ann", since_utc="", until_utc=until, for_s=60.0)
    diary.note(lambda notes: msgspec.structs.replace(notes, pause=pause))
    will = Will(diary, clock)

    will.begin()

    stands = will.pause()
    assert stands is not None
    assert clock.now + 60 == stands.until_s


def test_a_hold_is_of_one_model_or_of_all(will: Will, clock: Hours) -> None:
    """Each with its date, and with who wanted it."""
    will.hold("pets", "ann", "tests", "2026-12-24T06:00:00Z")
    will.hold(None, "bob", "", "2026-12-25T06:00:00+00:00")

    holds = {hold.model: hold for hold in will.wishes(at(clock)).holds}

    assert datetime(2026, 12, 24, 6, tzinfo=UTC) == holds["pets"].until
    assert ("ann: tests", "bob") == (holds["pets"].why, holds[None].why)


@pytest.mark.parametrize("until", ["soon", "2026-11-24T12:00:00Z"])
def test_a_hold_needs_a_date_to_come(will: Will, until: str) -> None:
    """Noon is not after noon."""
    with pytest.raises(InvalidRequest, match="cannot hold updates until"):
        will.hold("pets", "ann", "", until)


def test_who_resumes_one_model_resumes_no_other(will: Will, diary: Diary) -> None:
    """Nor a pause; without a name everything is meant."""
    for model in ("pets", "mobile"):
        will.hold(model, "ann", "", "2030-01-01T00:00:00Z")
    will.set_pause("ann", "", None)

    will.resume("pets")

    assert (["mobile"], True) == (list(diary.notes.holds), will.pause() is not None)
    will.resume(None)
    assert ([], None) == (list(diary.notes.holds), will.pause())


def test_a_hurry_is_of_one_model_or_of_all(will: Will, clock: Hours) -> None:
    """As `plan` reads it."""
    will.urge("pets", "ann")
    will.urge(None, "ann")

    assert frozenset({"pets", None}) == will.wishes(at(clock)).now


def test_a_hurry_ends_when_it_is_served(will: Will, clock: Hours) -> None:
    """That of the model, and no other."""
    will.urge("pets", "ann")
    will.urge("mobile", "ann")

    will.satisfy("pets")

    assert frozenset({"mobile"}) == will.wishes(at(clock)).now


def test_a_hurry_is_served_by_a_look_that_began_after_it(
    will: Will, clock: Hours
) -> None:
    """What was asked before it said nothing about it."""
    will.urge("pets", "ann")
    clock.now += 10
    will.urge("mobile", "ann")

    will.satisfy_until(clock.now - 5)

    assert frozenset({"mobile"}) == will.wishes(at(clock)).now


def test_a_hurry_ends_by_itself(will: Will, clock: Hours, diary: Diary) -> None:
    """Nobody is surprised days later."""
    will.urge("pets", "ann")
    clock.now += URGE_S

    assert frozenset() == will.wishes(at(clock)).now
    assert {} == diary.notes.urges


def test_a_hurry_goes_on_in_the_next_life(clock: Hours, diary: Diary) -> None:
    """A restart in between is no reason to wait for the night."""
    diary.note(
        lambda notes: msgspec.structs.replace(
            notes,
            urges={
                "pets": Urge(by="ann", since_utc=utc_text(NOON)),
                "old": Urge(by="ann", since_utc="2020-01-01T00:00:00Z"),
            },
        )
    )
    will = Will(diary, clock)

    will.begin()

    assert frozenset({"pets"}) == will.wishes(at(clock)).now


def test_a_hold_without_a_date_holds_nothing(
    will: Will, clock: Hours, diary: Diary
) -> None:
    """Notes of a newer edged, perhaps."""
    will.hold("pets", "ann", "", "2030-01-01T00:00:00Z")
    diary.note(_with_odd_date)

    assert () == will.wishes(at(clock)).holds


def _with_odd_date(notes: Notes) -> Notes:
    hold = msgspec.structs.replace(notes.holds["pets"], until_utc="?")
    return msgspec.structs.replace(notes, holds={"pets": hold})
