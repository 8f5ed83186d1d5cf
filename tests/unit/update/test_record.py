"""An attempt tells all lives together, and ends with what is remembered of it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from edged.host.files import DiskFiles
from edged.update.diary import Diary
from edged.update.moves import Wanted
from edged.update.notes import Notebook
from edged.update.record import Record
from edged.update.stops import Stops
from edged.update.verdicts import Turn, Verdict
from edged.update.will import Will
from edged.wire.updates import Outcome, Reason
from tests.fakes.clock import Hours

PETS = Wanted(source="main", model="pets", version="1.15.0", seq=15, digest="d15")
OTHER = Wanted(source="main", model="pets", version="1.14.0", seq=14, digest="d14")
SAID = Verdict(turn=Turn.END, reason=Reason.REFUSED, text="no", hint="look")


class Place:
    """A record, and what it counts."""

    def __init__(self) -> None:
        self.clock = Hours()
        disk = ThreadPoolExecutor(1)  # no thread is ever started
        self.diary = Diary(Notebook(Path("/nowhere/notes"), DiskFiles()), disk)
        self.stops = Stops(self.clock)
        self.will = Will(self.diary, self.clock)
        self.moved = (1000, 5)
        self.record = self.life()

    def life(self) -> Record:
        """Begin one more life over the same notes."""
        return Record(self.diary, self.stops, self.will, self.clock, lambda: self.moved)

    def pass_by(self, seconds: float, count: int, cuts: int) -> None:
        """Let time pass, and bytes come."""
        self.clock.now += seconds
        self.moved = (self.moved[0] + count, self.moved[1] + cuts)


@pytest.fixture
def place() -> Place:
    """Return one."""
    return Place()


def test_what_was_done_is_added_up_when_it_is_left(place: Place) -> None:
    """Each second and each byte once; a wait in between took no time."""
    place.record.begin(PETS)
    place.pass_by(10, 100, 1)
    place.record.leave(PETS)
    place.pass_by(3600, 999, 9)
    place.record.leave(PETS)
    place.record.begin(PETS)
    place.pass_by(5, 50, 0)
    place.record.leave(PETS)

    one = place.record.tried(PETS)

    assert (15.0, 150, 1) == (one.took_s, one.fetched_bytes, one.cuts)


def test_a_release_that_is_closed_beside_another_takes_nothing_of_it(
    place: Place,
) -> None:
    """What is counted is counted for the one that is being taken."""
    place.record.change(OTHER, fetched_bytes=7)
    place.record.begin(PETS)
    place.pass_by(10, 100, 1)

    place.record.close(OTHER, Outcome.GIVEN_UP, None, None)
    place.record.leave(PETS)

    assert 7 == place.diary.notes.attempts[0].fetched_bytes
    assert 100 == place.record.tried(PETS).fetched_bytes


def test_an_attempt_tells_all_lives(place: Place) -> None:
    """What lay between them took no time."""
    place.record.begin(PETS)
    place.pass_by(10, 100, 1)
    place.record.leave(PETS)
    place.pass_by(3600, 999, 9)
    later = place.life()
    later.begin(PETS)
    place.pass_by(20, 200, 2)

    later.close(PETS, Outcome.INSTALLED, None, None)

    (attempt,) = place.diary.notes.attempts
    assert (30.0, 300) == (attempt.took_s, attempt.fetched_bytes)


def test_who_was_never_begun_is_not_added_up(place: Place) -> None:
    """A release of an earlier life, which this one only closes."""
    place.record.change(PETS, fetched_bytes=7)
    place.pass_by(10, 100, 1)

    place.record.close(PETS, Outcome.GIVEN_UP, None, None)

    assert 7 == place.diary.notes.attempts[0].fetched_bytes


def test_a_failure_is_noted_with_its_wait(place: Place) -> None:
    """For the next life, and for people."""
    place.record.begin(PETS)
    cut = Verdict(turn=Turn.RETRY, reason=Reason.CUT, text="cut")
    stop = place.stops.add(PETS, cut, chance=0.5, every_s=3600.0)

    place.record.suffer(PETS)

    notes = place.diary.notes
    assert place.stops.setback(stop) == notes.tries["d15"].setback
    assert [(Outcome.FAILED, Reason.CUT, "cut")] == [
        (a.outcome, a.reason, a.text) for a in notes.attempts
    ]


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.QUARANTINED])
def test_a_refusal_is_remembered(place: Place, reason: Reason) -> None:
    """With the daemon's words, and its change."""
    place.record.change(PETS, change=4)
    said = msgspec.structs.replace(SAID, reason=reason)

    place.record.close(PETS, Outcome.REFUSED, reason, said)

    refusal = place.diary.notes.refusals["d15"]
    assert (reason, "no", "look", 4) == (
        refusal.reason,
        refusal.text,
        refusal.hint,
        refusal.change,
    )
    assert {} == place.diary.notes.tries


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.REFUSED, Reason.TO_DECIDE),
        (Outcome.GIVEN_UP, Reason.REFUSED),
        (Outcome.INSTALLED, None),
    ],
)
def test_what_others_know_is_not_remembered(
    place: Place, outcome: Outcome, reason: Reason | None
) -> None:
    """The daemon tells what waits for a person; the rest may come again."""
    place.record.begin(PETS)

    place.record.close(PETS, outcome, reason, SAID)

    assert {} == place.diary.notes.refusals


def test_who_wanted_it_at_once_has_it(place: Place) -> None:
    """However it ended: nobody wants it at once any more."""
    place.will.urge("pets", "ann")
    place.record.begin(PETS)

    place.record.close(PETS, Outcome.INSTALLED, None, None)

    assert {} == place.diary.notes.urges
