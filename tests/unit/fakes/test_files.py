"""The fake disk keeps the promises that tests build on."""

import errno
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.files import Site
from tests.fakes.files import PowerCut, RecordingFiles, Tail


def test_every_step_is_noted_in_order(tmp_path: Path) -> None:
    """The log says verb, site and name."""
    files = RecordingFiles()

    writer = files.create(Site.STAGE_FILE, tmp_path / "a")
    writer.write(b"1")
    writer.commit()
    files.sync_dir(Site.STAGE_SYNC, tmp_path)

    assert [
        "create stage-file a",
        "write stage-file a",
        "commit stage-file a",
        f"sync_dir stage-sync {tmp_path.name}",
    ] == [str(op) for op in files.ops]


def test_a_failing_site_leaves_the_others_alone(tmp_path: Path) -> None:
    """Only the named site refuses, with the real port's sentence."""
    files = RecordingFiles()
    files.fail(Site.STAGE_FOLDER, OSError(errno.EROFS, "read-only"))

    files.mkdir(Site.STORE_FOLDER, tmp_path / "models")
    with pytest.raises(StoreFailed, match="read-only") as caught:
        files.mkdir(Site.STAGE_FOLDER, tmp_path / "new")

    assert errno.EROFS == caught.value.fields["errno"]
    assert ["models"] == [path.name for path in tmp_path.iterdir()]


def test_a_failure_can_come_after_the_step_is_seen(tmp_path: Path) -> None:
    """As when a rename works and the fsync of its folder does not."""
    files = RecordingFiles()
    files.fail(Site.LINK_CURRENT, OSError(errno.EIO, "error"), seen=True)

    with pytest.raises(StoreFailed):
        files.swap_link(Site.LINK_CURRENT, "releases/a", tmp_path / "current")

    assert Path("releases/a") == (tmp_path / "current").readlink()


@pytest.mark.parametrize(
    ("steps", "left"),
    [(1, None), (2, None), (3, None), (4, b"hello")],
    ids=["created", "written", "committed", "synced"],
)
def test_a_power_cut_loses_what_is_not_synced(
    tmp_path: Path, steps: int, left: bytes | None
) -> None:
    """A file needs its commit and its folder's sync to be there afterwards."""
    files = RecordingFiles(cut_after=steps)
    file = tmp_path / "a"

    with pytest.raises(PowerCut):
        _write_sync_remove(files, file)

    assert left == (file.read_bytes() if file.exists() else None)


def test_a_power_cut_empties_a_file_that_was_renamed_before_its_commit(
    tmp_path: Path,
) -> None:
    """Its name is durable and its bytes are not: the classic zero-length file."""
    files = RecordingFiles(cut_after=3)

    with pytest.raises(PowerCut):
        _write_rename_commit(files, tmp_path / "a", tmp_path / "b")

    assert b"" == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("tail", "left"),
    [
        (Tail.LOST, b"one "),
        (Tail.TORN, b"one t"),
        (Tail.ZEROS, b"one \0\0\0"),
        (Tail.KEPT, b"one two"),
    ],
)
def test_a_power_cut_in_an_append_leaves_what_the_test_asks_for(
    tmp_path: Path, tail: Tail, left: bytes
) -> None:
    """What was appended before is durable."""
    files = RecordingFiles(cut_after=1, tail=tail)
    files.append(Site.JOURNAL_APPEND, tmp_path / "a", b"one ")

    with pytest.raises(PowerCut):
        files.append(Site.JOURNAL_APPEND, tmp_path / "a", b"two")

    assert left == (tmp_path / "a").read_bytes()


def test_after_a_power_cut_nothing_is_appended(tmp_path: Path) -> None:
    """Only the append that was cut leaves a tail; the machine is off then."""
    files = RecordingFiles(cut_after=0, tail=Tail.TORN)

    for _ in range(2):
        with pytest.raises(PowerCut):
            files.append(Site.JOURNAL_APPEND, tmp_path / "a", b"abcd")

    assert b"ab" == (tmp_path / "a").read_bytes()


def test_a_power_cut_may_also_keep_everything(tmp_path: Path) -> None:
    """A disk that wrote more than it had to is the other extreme."""
    files = RecordingFiles(cut_after=2, lose=False)

    with pytest.raises(PowerCut):
        _write_sync_remove(files, tmp_path / "a")

    assert b"hello" == (tmp_path / "a").read_bytes()


def _write_sync_remove(files: RecordingFiles, file: Path) -> None:
    writer = files.create(Site.STAGE_FILE, file)
    writer.write(b"hello")
    writer.commit()
    files.sync_dir(Site.STAGE_SYNC, file.parent)
    files.remove(Site.SWEEP, file)


def _write_rename_commit(files: RecordingFiles, file: Path, there: Path) -> None:
    writer = files.create(Site.STAGE_FILE, file)
    writer.write(b"hello")
    files.rename(Site.STAGE_FILE, file, there)
    writer.commit()
