"""The file of the notes, on a real disk that may lie, refuse and lose power."""

import errno
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.files import DiskFiles, Site
from edged.update.notes import Notebook, Notes, Pause
from tests.fakes.files import PowerCut, RecordingFiles

PAUSED = Notes(pause=Pause(by="pi", since_utc="2026-11-24T06:00:00Z", why="fair"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is to be."""
    return tmp_path / "notes"


def test_what_is_written_is_read(path: Path) -> None:
    """By the next life, too."""
    Notebook(path, DiskFiles()).write(PAUSED)

    book = Notebook(path, DiskFiles())

    assert PAUSED == book.read()
    assert not book.damaged


def test_no_file_is_no_note(path: Path) -> None:
    """A first start has no trouble."""
    book = Notebook(path, DiskFiles())

    assert Notes() == book.read()
    assert not book.damaged


@pytest.mark.parametrize("cut", [0, 1, 64, 65, 66, 120])
def test_a_file_that_was_cut_is_an_empty_one(path: Path, cut: int) -> None:
    """Wherever it ends; and it is told."""
    Notebook(path, DiskFiles()).write(PAUSED)
    path.write_bytes(path.read_bytes()[:cut])
    book = Notebook(path, DiskFiles())

    notes = book.read()

    assert (Notes(), True) == (notes, book.damaged)


def test_a_flipped_bit_is_seen(path: Path) -> None:
    """Sound JSON that nobody wrote is no note."""
    Notebook(path, DiskFiles()).write(PAUSED)
    path.write_bytes(path.read_bytes().replace(b"fair", b"fain"))
    book = Notebook(path, DiskFiles())

    notes = book.read()

    assert (Notes(), True) == (notes, book.damaged)


def test_a_damaged_file_is_replaced(path: Path) -> None:
    """The next note heals it."""
    path.write_bytes(b"garbage")
    book = Notebook(path, DiskFiles())
    book.read()

    book.write(PAUSED)

    assert PAUSED == book.read()
    assert not book.damaged


def test_a_folder_in_its_place_is_a_fault_of_the_disk(path: Path) -> None:
    """It is not taken for damage, which would be written over."""
    path.mkdir()

    with pytest.raises(StoreFailed, match="cannot read"):
        Notebook(path, DiskFiles()).read()


def test_a_full_disk_leaves_what_there_was(path: Path) -> None:
    """A note is there as a whole or not at all."""
    files = RecordingFiles()
    book = Notebook(path, files)
    book.write(Notes())
    files.fail(Site.UPDATE_NOTES, OSError(errno.ENOSPC, "no space"))

    with pytest.raises(StoreFailed):
        book.write(PAUSED)

    assert Notes() == book.read()


def test_a_power_cut_leaves_the_old_or_the_new(path: Path) -> None:
    """Before the write it is the old one."""
    Notebook(path, DiskFiles()).write(Notes())

    with pytest.raises(PowerCut):
        Notebook(path, RecordingFiles(cut_after=0)).write(PAUSED)

    assert Notes() == Notebook(path, DiskFiles()).read()
