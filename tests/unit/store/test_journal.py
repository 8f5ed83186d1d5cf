"""The journal keeps what it was told, through cuts, garbage and disks that refuse."""

import errno
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.files import DiskFiles, Site
from edged.store.journal import FOREIGN_MAX, LONG, READ_MAX, Journal
from edged.store.layout import Layout
from edged.wire.changes import AnyEntry, PinSet, Started
from tests.fakes.files import PowerCut, RecordingFiles, Tail

FOREIGN = b'{"entry":"dreamt","at_utc":"2031-01-01T00:00:00Z"}'
FOREIGN_LINE = b"99038d88 " + FOREIGN + b"\n"


def _entry(boot: str) -> Started:
    return Started(at_utc="2026-11-24T12:00:00Z", boot=boot)


def _journal(at: Path, files: RecordingFiles | None = None) -> Journal:
    return Journal(Layout(at), files or RecordingFiles())


def _kept(at: Path) -> list[str]:
    return [_boot(entry) for entry in _journal(at).read()]


def _boot(entry: AnyEntry) -> str:
    assert isinstance(entry, Started)
    return entry.boot


def test_without_a_file_there_are_no_entries(tmp_path: Path) -> None:
    """A fresh box has no history; reading makes no file either."""
    assert () == _journal(tmp_path).read()
    assert [] == list(tmp_path.iterdir())


def test_entries_come_back_in_their_order(tmp_path: Path) -> None:
    """Kinds and fields are the same after a restart."""
    pin = PinSet(at_utc="", model="pets", pinned=True, by="ada", why="zwölf\nZeilen")
    journal = _journal(tmp_path)

    journal.append(_entry("a"), pin)
    journal.append(_entry("b"))

    assert (_entry("a"), pin, _entry("b")) == _journal(tmp_path).read()


def test_one_append_is_one_durable_write(tmp_path: Path) -> None:
    """Each fsync costs a memory card up to 50 ms."""
    files = RecordingFiles()

    _journal(tmp_path, files).append(_entry("a"), _entry("b"))

    assert ["append journal-append journal"] == [str(op) for op in files.ops]


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        (Tail.LOST, ["a"]),
        (Tail.TORN, ["a"]),
        (Tail.ZEROS, ["a"]),
        (Tail.KEPT, ["a", "b"]),
    ],
)
def test_a_power_cut_in_an_append_costs_that_entry_alone(
    tmp_path: Path, tail: Tail, kept: list[str]
) -> None:
    """Whatever the disk made of the tail, what came before is read; no damage."""
    journal = _journal(tmp_path, RecordingFiles(cut_after=1, tail=tail))
    journal.append(_entry("a"))

    with pytest.raises(PowerCut):
        journal.append(_entry("b"))

    reborn = _journal(tmp_path)
    assert kept == [_boot(entry) for entry in reborn.read()]
    assert 0 == reborn.damaged


@pytest.mark.parametrize("tail", list(Tail))
def test_a_line_is_never_glued_to_a_torn_one(tmp_path: Path, tail: Tail) -> None:
    """The next life writes a new file where the old one ends in garbage."""
    journal = _journal(tmp_path, RecordingFiles(cut_after=1, tail=tail))
    journal.append(_entry("a"))
    with pytest.raises(PowerCut):
        journal.append(_entry("b"))

    _journal(tmp_path).append(_entry("c"))

    assert "c" == _kept(tmp_path)[-1]


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 80, bytes(80), b"\n\n", b"0badc0de {}\n", b'{"entry":"started"}\n'],
)
def test_damage_between_sound_lines_is_passed_over_and_counted(
    tmp_path: Path, garbage: bytes
) -> None:
    """One bad block of a card does not take the history with it."""
    journal = _journal(tmp_path)
    journal.append(_entry("a"))
    file = tmp_path / "journal"
    first = file.read_bytes()
    journal.append(_entry("b"))
    file.write_bytes(first + garbage.rstrip(b"\n") + b"\n" + file.read_bytes())

    reborn = _journal(tmp_path)

    assert ["a", "a", "b"] == [_boot(entry) for entry in reborn.read()]
    assert 1 == reborn.damaged


@pytest.mark.parametrize("bit", range(0, 200, 7))
def test_a_flipped_bit_never_gives_another_entry(tmp_path: Path, bit: int) -> None:
    """The checksum covers the whole line."""
    _journal(tmp_path).append(_entry("a"))
    file = tmp_path / "journal"
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)

    assert [] == _kept(tmp_path)


def test_after_damage_the_file_is_written_anew_with_the_next_entry(
    tmp_path: Path,
) -> None:
    """Reading alone has no effect: a read-only store is read as well."""
    _journal(tmp_path).append(_entry("a"))
    with (tmp_path / "journal").open("ab") as file:
        file.write(b"garb")
    files = RecordingFiles()
    journal = _journal(tmp_path, files)

    journal.read()
    untouched = list(files.ops)
    journal.append(_entry("b"))
    journal.append(_entry("c"))

    assert [] == untouched
    assert [
        "write_atomic journal-compact journal",
        "append journal-append journal",
    ] == [str(op) for op in files.ops]
    assert ["a", "b", "c"] == _kept(tmp_path)


@pytest.mark.parametrize("seen", [False, True])
def test_a_file_whose_fsync_failed_is_not_appended_to_again(
    tmp_path: Path, *, seen: bool
) -> None:
    """The entry that failed is not there, those before and after are."""
    files = RecordingFiles()
    journal = _journal(tmp_path, files)
    journal.append(_entry("a"))
    files.fail(Site.JOURNAL_APPEND, OSError(errno.EIO, "error"), seen=seen)

    with pytest.raises(StoreFailed):
        journal.append(_entry("b"))
    journal.append(_entry("c"))

    assert ["a", "c"] == _kept(tmp_path)


@pytest.mark.parametrize("seen", [False, True])
def test_a_rewrite_that_fails_too_loses_nothing(tmp_path: Path, *, seen: bool) -> None:
    """A disk that is full for a while holds what was durable before."""
    files = RecordingFiles()
    journal = _journal(tmp_path, files)
    journal.append(_entry("a"))
    files.fail(Site.JOURNAL_APPEND, OSError(errno.ENOSPC, "full"), seen=seen)
    files.fail(Site.JOURNAL_COMPACT, OSError(errno.ENOSPC, "full"), seen=seen)
    for boot in "bc":
        with pytest.raises(StoreFailed):
            journal.append(_entry(boot))
    files.mend()

    journal.append(_entry("d"))

    assert ["a", "d"] == _kept(tmp_path)


def test_a_rewrite_after_damage_that_is_seen_and_failed_counts_for_nothing(
    tmp_path: Path,
) -> None:
    """The new file holds an entry whose caller was told that it is not there."""
    _journal(tmp_path).append(_entry("a"))
    with (tmp_path / "journal").open("ab") as file:
        file.write(b"garbage " * 100)
    files = RecordingFiles()
    files.fail(Site.JOURNAL_COMPACT, OSError(errno.EIO, "error"), seen=True)
    journal = _journal(tmp_path, files)
    with pytest.raises(StoreFailed):
        journal.append(_entry("b"))
    files.mend()

    journal.append(_entry("c"))

    assert ["a", "c"] == _kept(tmp_path)


def test_compacting_replaces_the_whole(tmp_path: Path) -> None:
    """And appending goes on behind."""
    journal = _journal(tmp_path)
    journal.append(_entry("a"), _entry("b"))

    journal.compact((_entry("c"),))
    journal.append(_entry("d"))

    assert ["c", "d"] == _kept(tmp_path)


def test_compacting_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """And appending goes on: a full disk may still have room for a line."""
    files = RecordingFiles()
    journal = _journal(tmp_path, files)
    journal.append(_entry("a"))
    files.fail(Site.JOURNAL_COMPACT, OSError(errno.ENOSPC, "full"))

    with pytest.raises(StoreFailed):
        journal.compact((_entry("z"),))
    journal.append(_entry("b"))

    assert ["a", "b"] == _kept(tmp_path)


def test_a_compaction_that_is_seen_and_not_durable_is_not_appended_to(
    tmp_path: Path,
) -> None:
    """A power cut could bring the old file back, without the new entry."""
    files = RecordingFiles()
    journal = _journal(tmp_path, files)
    journal.append(_entry("a"))
    files.fail(Site.JOURNAL_COMPACT, OSError(errno.EIO, "error"), seen=True)
    with pytest.raises(StoreFailed):
        journal.compact((_entry("a"),))
    files.mend()

    journal.append(_entry("b"))

    assert "write_atomic journal-compact journal" == str(files.ops[-1])
    assert ["a", "b"] == _kept(tmp_path)


def test_it_is_long_once_over_its_bound_and_not_after_compacting(
    tmp_path: Path,
) -> None:
    """So that whoever owns it knows when to compact."""
    journal = _journal(tmp_path)
    before = journal.is_long
    journal.append(_entry("a" * LONG))
    long = journal.is_long
    reborn = _journal(tmp_path)
    reborn.read()

    journal.compact((_entry("b"),))

    assert (False, True, True, False) == (
        before,
        long,
        reborn.is_long,
        journal.is_long,
    )


def test_what_is_large_by_itself_is_not_compacted_at_every_entry(
    tmp_path: Path,
) -> None:
    """Only when it has doubled: an entry must not cost a whole journal."""
    journal = _journal(tmp_path)

    journal.compact((_entry("a" * LONG),))
    journal.append(_entry("b"))
    once = journal.is_long
    journal.append(_entry("c" * LONG), _entry("d" * LONG))

    assert (False, True) == (once, journal.is_long)


def test_entries_of_a_newer_edged_are_passed_over_and_kept(tmp_path: Path) -> None:
    """A downgrade, and the upgrade after it, lose nothing."""
    (tmp_path / "journal").write_bytes(FOREIGN_LINE)
    journal = _journal(tmp_path)
    journal.append(_entry("a"))

    entries = journal.read()
    journal.compact(entries)

    assert (_entry("a"),) == entries
    assert FOREIGN_LINE == (tmp_path / "journal").read_bytes()[: len(FOREIGN_LINE)]
    assert 0 == journal.damaged


def test_only_so_many_of_a_newer_edged_are_kept(tmp_path: Path) -> None:
    """The newest; nobody's entries fill the disk."""
    count = 2 * FOREIGN_MAX // len(FOREIGN_LINE)
    (tmp_path / "journal").write_bytes(FOREIGN_LINE * count)
    journal = _journal(tmp_path)
    journal.read()

    journal.compact(())

    size = (tmp_path / "journal").stat().st_size
    assert FOREIGN_MAX - len(FOREIGN_LINE) < size <= FOREIGN_MAX + count


def test_of_a_monstrous_file_the_newest_part_is_read(tmp_path: Path) -> None:
    """Memory is bounded whatever lies there."""
    _journal(tmp_path).append(_entry("a"))
    file = tmp_path / "journal"
    with file.open("r+b") as handle:
        line = handle.read()
        handle.seek(READ_MAX + 4096)  # a hole of zeros
        handle.write(b"\n" + line)

    assert ["a"] == _kept(tmp_path)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, kind: str) -> None:
    """The sentence names it, and the way out."""
    if kind == "folder":
        (tmp_path / "journal").mkdir()
    else:
        (tmp_path / "journal").symlink_to("/etc/hostname")

    with pytest.raises(StoreFailed, match="not a plain file") as caught:
        _journal(tmp_path).read()

    assert f"mv {tmp_path}/journal" in caught.value.hint


def test_it_works_on_the_real_disk(tmp_path: Path) -> None:
    """The twin promises no more than the port keeps."""
    Journal(Layout(tmp_path), DiskFiles()).append(_entry("a"))
    Journal(Layout(tmp_path), DiskFiles()).append(_entry("b"))

    assert ["a", "b"] == _kept(tmp_path)
