"""Notes in memory at once, on the disk soon, and in order."""

import asyncio
import errno
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.files import DiskFiles, Site
from edged.update.diary import Diary
from edged.update.notes import Notebook, Notes, Pause
from tests.fakes.files import RecordingFiles

FULL = OSError(errno.ENOSPC, "no space left on device")


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    """Return the one thread for the disk."""
    with ThreadPoolExecutor(1, thread_name_prefix="update") as executor:
        yield executor


@pytest.fixture
def files() -> RecordingFiles:
    """Return a disk that can refuse."""
    return RecordingFiles()


@pytest.fixture
def book(tmp_path: Path, files: RecordingFiles) -> Notebook:
    """Return the file, in a folder that is not there yet."""
    return Notebook(tmp_path / "updates" / "notes", files)


@pytest.fixture
def diary(book: Notebook, disk: ThreadPoolExecutor) -> Diary:
    """Return its owner."""
    return Diary(book, disk)


def paused(by: str) -> Notes:
    """Return notes of a pause."""
    return Notes(pause=Pause(by=by, since_utc="2026-11-24T06:00:00Z"))


async def test_a_note_is_true_at_once_and_durable_when_settled(
    diary: Diary, book: Notebook
) -> None:
    """Whoever may act only then waits for that."""
    diary.note(lambda _: paused("ann"))
    before = book.read()

    await diary.settled()

    assert (paused("ann"), Notes()) == (diary.notes, before)
    assert paused("ann") == book.read()


async def test_a_note_is_written_by_itself(diary: Diary, book: Notebook) -> None:
    """Nobody need wait for it; the newest one counts."""
    async with asyncio.TaskGroup() as group:
        life = group.create_task(diary.run())
        diary.note(lambda _: paused("ann"))
        diary.note(lambda _: paused("bob"))
        while book.read() != paused("bob"):  # noqa: ASYNC110  # another thread writes it
            await asyncio.sleep(0.01)
        life.cancel()

    assert paused("bob") == book.read()


async def test_a_stop_cuts_no_note(
    diary: Diary, book: Notebook, disk: ThreadPoolExecutor
) -> None:
    """The process ends right after: half a note would lie there until the next."""
    held = threading.Event()
    disk.submit(held.wait, 5)
    async with asyncio.TaskGroup() as group:
        life = group.create_task(diary.run())
        diary.note(lambda _: paused("ann"))
        await asyncio.sleep(0.01)
        life.cancel()
        asyncio.get_running_loop().call_later(0.05, held.set)

    assert paused("ann") == book.read()


async def test_a_disk_that_hangs_holds_up_no_stop(
    diary: Diary, disk: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for long."""
    monkeypatch.setattr("edged.update.diary.END_S", 0.01)
    held = threading.Event()
    disk.submit(held.wait, 5)
    async with asyncio.TaskGroup() as group:
        life = group.create_task(diary.run())
        diary.note(lambda _: paused("ann"))
        await asyncio.sleep(0.01)
        life.cancel()

    is_ended = life.cancelled()
    held.set()

    assert is_ended


async def test_what_is_noted_already_is_not_written(
    diary: Diary, files: RecordingFiles
) -> None:
    """A card lives longer for it."""
    diary.note(lambda _: paused("ann"))
    await diary.settled()
    count = len(files.ops)

    diary.note(lambda _: paused("ann"))
    await diary.settled()

    assert count == len(files.ops)


async def test_the_next_life_reads_them(
    diary: Diary, book: Notebook, disk: ThreadPoolExecutor
) -> None:
    """All of them."""
    diary.note(lambda _: paused("ann"))
    await diary.settled()

    later = Diary(book, disk)

    assert paused("ann") == await later.open()
    assert () == later.faults


async def test_a_full_disk_is_told_until_it_takes_notes_again(
    diary: Diary, files: RecordingFiles, book: Notebook
) -> None:
    """The wish holds in this life; the next note brings it to the disk."""
    files.fail(Site.UPDATE_NOTES, FULL)
    async with asyncio.TaskGroup() as group:
        life = group.create_task(diary.run())
        diary.note(lambda _: paused("ann"))
        while not diary.faults:  # noqa: ASYNC110  # another thread finds out
            await asyncio.sleep(0.01)
        told = diary.faults
        files.mend()
        diary.note(lambda _: paused("bob"))
        while diary.faults:  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.01)
        life.cancel()

    assert ["store-failed"] == [fault.code for fault in told]
    assert paused("bob") == book.read()


async def test_who_must_know_is_told_by_an_error(
    diary: Diary, files: RecordingFiles
) -> None:
    """What may only be done when it is durable is not done."""
    files.fail(Site.UPDATE_NOTES, FULL)
    diary.note(lambda _: paused("ann"))

    with pytest.raises(StoreFailed):
        await diary.settled()

    assert paused("ann") == diary.notes


async def test_damage_is_told_for_the_whole_life(
    tmp_path: Path, disk: ThreadPoolExecutor
) -> None:
    """Also when the next note has healed the file."""
    path = tmp_path / "notes"
    path.write_bytes(b"garbage")
    diary = Diary(Notebook(path, DiskFiles()), disk)

    await diary.open()
    diary.note(lambda _: paused("ann"))
    await diary.settled()

    (fault,) = diary.faults
    assert "damaged" in fault.message


async def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, disk: ThreadPoolExecutor
) -> None:
    """Nothing is known then, and nothing crashes."""
    path = tmp_path / "notes"
    path.mkdir()
    diary = Diary(Notebook(path, DiskFiles()), disk)

    notes = await diary.open()

    assert (Notes(), 1) == (notes, len(diary.faults))
