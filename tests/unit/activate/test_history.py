"""The journal's owner: durable before it counts, and the same after a restart."""

import errno
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edged.activate.history import TEXT_MAX, History
from edged.activate.ledger import Places
from edged.errors import StoreFailed, UnknownChange
from edged.host.files import Site
from edged.store import journal as journal_room
from edged.store.journal import Journal
from edged.store.layout import Layout
from edged.wire.changes import Change, Step, StepTaken, Which, Wish
from edged.wire.names import Trust
from tests.fakes.files import PowerCut, RecordingFiles, Tail

NOW = "2026-11-24T12:00:00Z"
NEW = Which(version="2.0", seq=2, digest="d" * 64, folder="2-dddddddddddd")


class StoppedClock:
    """It is always noon."""

    def monotonic(self) -> float:
        """Return the same instant."""
        return 0.0

    def utc(self) -> datetime:
        """Return the same date."""
        return datetime(2026, 11, 24, 12, tzinfo=UTC)


def _history(
    at: Path, files: RecordingFiles | None = None, *, boot: str = "one"
) -> History:
    at.mkdir(exist_ok=True)
    journal = Journal(Layout(at), files or RecordingFiles())
    history = History(journal, StoppedClock())
    history.open(boot)
    return history


def _begin(
    history: History, *, step: Step = Step.STAGED, model: str = "pets"
) -> Change:
    return history.begin(
        model=model, wish=Wish.INSTALL, by="ada", step=step, release=NEW
    )


def _attempt(history: History, change: Change) -> None:
    history.attempt(
        change.id,
        digest=NEW.digest,
        model=change.model,
        current="1-aaaaaaaaaaaa",
        previous=None,
    )


def _switching(history: History) -> Change:
    change = _begin(history)
    history.step(change.id, Step.ARMED)
    change = history.step(change.id, Step.SWITCHING)
    _attempt(history, change)
    return change


def test_a_change_says_who_wanted_what_when_and_why(tmp_path: Path) -> None:
    """Everything that a person asks later."""
    history = _history(tmp_path)

    begun = history.begin(
        model="pets",
        wish=Wish.INSTALL,
        by="ada (edgectl)",
        trust=Trust.LOCAL,
        release=NEW,
        before=None,
        why="from a stick",
    )
    stepped = history.step(
        begun.id,
        Step.REFUSED,
        why="it answers nothing",
        code="rejected",
        hint="ask its maker",
        figures={"agreement": 0.1},
    )

    assert stepped == Change(
        id=1,
        model="pets",
        wish=Wish.INSTALL,
        by="ada (edgectl)",
        release=NEW,
        steps=(
            StepTaken(step=Step.STAGED, at_utc=NOW, why="from a stick"),
            StepTaken(
                step=Step.REFUSED,
                at_utc=NOW,
                why="it answers nothing",
                code="rejected",
                hint="ask its maker",
                figures={"agreement": 0.1},
            ),
        ),
    )


def test_another_life_knows_all_of_it(tmp_path: Path) -> None:
    """Changes, the way back, quarantines and pins."""
    history = _history(tmp_path)
    change = _switching(history)
    history.mark(
        model="pets", digest="b" * 64, seq=1, quarantined=True, by="edged", why="bad"
    )
    history.pin(model="cars", pinned=True, by="ada", why="holidays")

    reborn = _history(tmp_path)

    assert (change,) == reborn.changes(None, 10)
    assert Places(current="1-aaaaaaaaaaaa") == reborn.places(change.id)
    marked, pin = reborn.quarantine("b" * 64), reborn.pinned("cars")
    assert ("bad", "holidays") == (marked and marked.why, pin and pin.why)


def test_a_crash_is_counted_and_a_stop_that_was_asked_for_is_not(
    tmp_path: Path,
) -> None:
    """By what the next start finds."""
    change = _switching(_history(tmp_path))

    crashed = _history(tmp_path)
    _attempt(crashed, change)
    crashed.stopped()
    stopped = _history(tmp_path)

    assert (1, 1) == (crashed.crashes(NEW.digest), stopped.crashes(NEW.digest))


def test_a_reboot_is_no_crash(tmp_path: Path) -> None:
    """Whoever pulls the plug twice does not condemn a good model."""
    change = _switching(_history(tmp_path))
    _attempt(_history(tmp_path, boot="two"), change)

    assert 0 == _history(tmp_path, boot="three").crashes(NEW.digest)


def test_an_arrow_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    """It is a bug of the caller, and stays out of the journal."""
    history = _history(tmp_path)
    change = _begin(history)
    before = (tmp_path / "journal").read_bytes()

    with pytest.raises(AssertionError, match="staged to committed"):
        history.step(change.id, Step.COMMITTED)
    with pytest.raises(AssertionError, match="a change to armed"):
        _begin(history, step=Step.ARMED)

    assert before == (tmp_path / "journal").read_bytes()
    assert (change,) == history.changes(None, 10)


WRITES: dict[str, Callable[[History], object]] = {
    "begin": _begin,
    "step": lambda history: history.step(1, Step.TRIAL),
    "attempt": lambda history: _attempt(history, history.change(1)),
    "mark": lambda history: history.mark(
        model="pets", digest=NEW.digest, seq=2, quarantined=True, by="ada"
    ),
    "pin": lambda history: history.pin(model="pets", pinned=True, by="ada"),
}


@pytest.mark.parametrize("write", WRITES)
def test_what_could_not_be_made_durable_did_not_happen(
    tmp_path: Path, write: str
) -> None:
    """In memory neither: what people see is what a restart would find."""
    files = RecordingFiles()
    history = _history(tmp_path, files)
    change = _begin(history)
    files.fail(Site.JOURNAL_APPEND, OSError(errno.EROFS, "read-only"))

    with pytest.raises(StoreFailed):
        WRITES[write](history)

    assert (change,) == history.changes(None, 10)
    assert None is history.places(change.id)
    assert None is history.quarantine(NEW.digest)
    assert None is history.pinned("pets")


def test_a_store_that_cannot_be_written_is_read_all_the_same(tmp_path: Path) -> None:
    """And the start counts in memory, so that a crash is seen."""
    change = _switching(_history(tmp_path))
    files = RecordingFiles()
    files.fail(Site.JOURNAL_APPEND, OSError(errno.EROFS, "read-only"))
    history = History(Journal(Layout(tmp_path), files), StoppedClock())

    with pytest.raises(StoreFailed):
        history.open("one")

    assert (change,) == history.changes(None, 10)
    assert 1 == history.crashes(NEW.digest)


def test_a_long_journal_is_compacted_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an entry; it means what it meant."""
    monkeypatch.setattr(journal_room, "LONG", 2000)
    files = RecordingFiles()
    history = _history(tmp_path, files)
    change = _begin(history)
    for pinned in (True, False) * 20:
        history.pin(model="pets", pinned=pinned, by="ada")

    assert Site.JOURNAL_COMPACT in files.sites
    assert (tmp_path / "journal").stat().st_size < 2500
    assert (change,) == _history(tmp_path).changes(None, 10)


def test_a_journal_that_is_long_at_the_start_is_compacted_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier life could not, for want of room."""
    history = _history(tmp_path)
    for pinned in (True, False) * 20:
        history.pin(model="pets", pinned=pinned, by="ada")
    monkeypatch.setattr(journal_room, "LONG", 2000)

    _history(tmp_path)

    assert (tmp_path / "journal").stat().st_size < 200


def test_compacting_that_fails_is_nobodys_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is durable already."""
    monkeypatch.setattr(journal_room, "LONG", 0)
    files = RecordingFiles()
    files.fail(Site.JOURNAL_COMPACT, OSError(errno.ENOSPC, "full"))

    history = _history(tmp_path, files)
    _begin(history)

    assert 1 == len(_history(tmp_path).changes(None, 10))


@pytest.mark.parametrize("tail", list(Tail))
def test_at_whatever_place_the_power_goes_what_was_acknowledged_is_there(
    tmp_path: Path, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at most the one entry that was under way; also while it is compacted."""
    monkeypatch.setattr(journal_room, "LONG", 1000)
    whole = RecordingFiles()
    _live(_history(tmp_path / "whole", whole), [])
    assert Site.JOURNAL_COMPACT in whole.sites

    for cut in range(1, len(whole.ops)):
        at = tmp_path / str(cut)
        told: list[Change] = []
        with pytest.raises(PowerCut):
            _live(_history(at, RecordingFiles(cut_after=cut, tail=tail)), told)
        found = _history(at, boot="two").changes(None, 100)

        steps = [len(change.steps) for change in found]
        acknowledged = {change.id: change for change in told}.values()
        for change in acknowledged:
            assert change.steps == found[change.id - 1].steps[: len(change.steps)]
        assert sum(steps) - sum(len(c.steps) for c in acknowledged) in (0, 1)


def _live(history: History, told: list[Change]) -> None:
    """Make changes, and note each that was durable."""
    for _ in range(3):
        told.append(_begin(history))
        for step in (Step.TRIAL, Step.ARMED, Step.REFUSED):
            told.append(history.step(told[-1].id, step, why="because of it"))


def test_the_newest_changes_are_told_the_newest_last(tmp_path: Path) -> None:
    """Of one model, or of all."""
    history = _history(tmp_path)
    for model in ("pets", "cars", "pets"):
        _begin(history, step=Step.DONE, model=model)

    assert [2, 3] == [change.id for change in history.changes(None, 2)]
    assert [1, 3] == [change.id for change in history.changes("pets", 2)]


def test_what_is_held_waits_behind_what_is_under_way(tmp_path: Path) -> None:
    """The change of a model is the newest that moves."""
    history = _history(tmp_path)
    held, moving = _begin(history), _begin(history)
    history.step(held.id, Step.TRIAL)
    history.step(held.id, Step.HELD)
    both = [change.id for change in history.open_changes("pets")]
    while_moving = history.open_change("pets")

    history.step(moving.id, Step.REFUSED)
    alone = history.open_change("pets")

    assert [held.id, moving.id] == both
    assert (moving, history.change(held.id)) == (while_moving, alone)
    assert None is history.open_change("cars")


def test_an_unknown_change_is_told(tmp_path: Path) -> None:
    """With where to look."""
    history = _history(tmp_path)

    for ask in (history.change, lambda n: history.step(n, Step.DONE)):
        with pytest.raises(UnknownChange, match="cannot find change 7") as caught:
            ask(7)

    assert "edgectl changes" == caught.value.hint


def test_a_sentence_is_kept_to_a_bound(tmp_path: Path) -> None:
    """Two hundred changes stay a small file."""
    history = _history(tmp_path)

    change = history.begin(
        model="pets", wish=Wish.PIN, by="ada", step=Step.DONE, why="x" * 5000
    )

    assert TEXT_MAX == len(change.last.why)
    assert change.last.why.endswith("…")


def test_folders_that_were_committed_or_left_there_are_known(tmp_path: Path) -> None:
    """Start-up asks for those."""
    history = _history(tmp_path)
    change = _switching(history)
    before = history.committed("pets"), history.kept("pets")
    history.step(change.id, Step.COMMITTED)

    after = history.committed("pets"), history.kept("pets")

    assert (frozenset(), frozenset()) == before
    assert (frozenset({NEW.folder}),) * 2 == after


def test_damage_is_told(tmp_path: Path) -> None:
    """So that status can say that a part of the history is gone."""
    _begin(_history(tmp_path))
    file = tmp_path / "journal"
    file.write_bytes(b"garbage\n" + file.read_bytes())

    assert 1 == _history(tmp_path).damaged
