"""The port to durable storage: one contract for the disk and its recording twin."""

import errno
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.files import DiskFiles, Files, Site, store_errors, store_failed
from tests.fakes.files import RecordingFiles

SITE = Site.STAGE_FILE


@pytest.fixture(params=[DiskFiles, RecordingFiles])
def files(request: pytest.FixtureRequest) -> Files:
    """Return each implementation of the port in turn."""
    made: Files = request.param()
    return made


def test_a_committed_file_holds_what_was_written(files: Files, tmp_path: Path) -> None:
    """Pieces are appended in order."""
    writer = files.create(SITE, tmp_path / "a")
    writer.write(b"one ")
    writer.write(memoryview(b"two"))
    writer.commit()

    assert b"one two" == (tmp_path / "a").read_bytes()


def test_appending_makes_the_file_and_goes_on_at_its_end(
    files: Files, tmp_path: Path
) -> None:
    """Nothing that was there is written over."""
    files.append(SITE, tmp_path / "a", b"one ")
    files.append(SITE, tmp_path / "a", b"two")

    assert b"one two" == (tmp_path / "a").read_bytes()


def test_appending_follows_no_link(files: Files, tmp_path: Path) -> None:
    """Whoever can put a link there must not choose what the daemon writes to."""
    (tmp_path / "a").symlink_to(tmp_path / "victim")

    with pytest.raises(StoreFailed):
        files.append(SITE, tmp_path / "a", b"one")

    assert not (tmp_path / "victim").exists()


def test_what_an_append_could_not_finish_is_cut_off(tmp_path: Path) -> None:
    """A disk that fills up in mid-line leaves the lines before it."""
    small = tmp_path / "a"
    small.write_bytes(b"one\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, hard))
    try:
        with pytest.raises(StoreFailed, match="file too large"):
            DiskFiles().append(SITE, small, b"two\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)

    assert b"one\n" == small.read_bytes()


def test_an_aborted_file_is_gone(files: Files, tmp_path: Path) -> None:
    """Before its commit and after it."""
    for name in ("open", "committed"):
        writer = files.create(SITE, tmp_path / name)
        if name == "committed":
            writer.commit()
        writer.abort()
        writer.abort()

    assert [] == list(tmp_path.iterdir())


def test_files_are_never_executable(files: Files, tmp_path: Path) -> None:
    """Whatever the umask, nothing in the store can be run."""
    before = os.umask(0)
    try:
        files.create(SITE, tmp_path / "a").commit()
    finally:
        os.umask(before)

    assert 0o644 == (tmp_path / "a").stat().st_mode & 0o7777


@pytest.mark.parametrize("there", ["file", "link", "dangling"])
def test_create_opens_nothing_that_exists(
    files: Files, tmp_path: Path, there: str
) -> None:
    """Not a file, and no link either, wherever it leads."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = tmp_path / "a"
    if there == "file":
        path.write_bytes(b"mine")
    else:
        path.symlink_to(victim if there == "link" else tmp_path / "nowhere")

    with pytest.raises(StoreFailed) as caught:
        files.create(SITE, path)

    assert errno.EEXIST == caught.value.fields["errno"]
    assert b"precious" == victim.read_bytes()


def test_write_atomic_replaces_as_a_whole(files: Files, tmp_path: Path) -> None:
    """Also where a power cut left its unfinished neighbour."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    (tmp_path / ".a.new").write_bytes(b"half")

    files.write_atomic(SITE, path, b"new")

    assert {"a": b"new"} == {p.name: p.read_bytes() for p in tmp_path.iterdir()}


def test_write_atomic_leaves_nothing_when_it_fails(
    files: Files, tmp_path: Path
) -> None:
    """A folder stands where the file should go."""
    (tmp_path / "a").mkdir()

    with pytest.raises(StoreFailed):
        files.write_atomic(SITE, tmp_path / "a", b"new")

    assert ["a"] == [p.name for p in tmp_path.iterdir()]


def test_swap_link_replaces_a_link(files: Files, tmp_path: Path) -> None:
    """First made, then moved, also where a power cut left its neighbour."""
    link = tmp_path / "current"

    files.swap_link(SITE, "one", link)
    (tmp_path / ".current.new").symlink_to("half")
    files.swap_link(SITE, "two", link)

    assert ["two"] == [str(p.readlink()) for p in tmp_path.iterdir()]


def test_swap_link_leaves_nothing_when_it_fails(files: Files, tmp_path: Path) -> None:
    """A folder stands where the link should go."""
    (tmp_path / "current").mkdir()

    with pytest.raises(StoreFailed):
        files.swap_link(SITE, "one", tmp_path / "current")

    assert ["current"] == [p.name for p in tmp_path.iterdir()]


def test_symlink_replaces_nothing(files: Files, tmp_path: Path) -> None:
    """It is for links that do not exist yet."""
    files.symlink(SITE, "one", tmp_path / "link")

    with pytest.raises(StoreFailed):
        files.symlink(SITE, "two", tmp_path / "link")

    assert Path("one") == (tmp_path / "link").readlink()


def test_rename_moves_between_folders(files: Files, tmp_path: Path) -> None:
    """A whole folder arrives in one step."""
    files.mkdir(SITE, tmp_path / "from")
    files.mkdir(SITE, tmp_path / "to")
    files.mkdir(SITE, tmp_path / "from" / "x")

    files.rename(SITE, tmp_path / "from" / "x", tmp_path / "to" / "y")
    files.sync_dir(SITE, tmp_path)

    assert ["from", "to", "to/y"] == sorted(
        str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")
    )


def test_link_gives_a_second_name_to_the_same_bytes(
    files: Files, tmp_path: Path
) -> None:
    """No copy is made."""
    (tmp_path / "a").write_bytes(b"1")

    files.link(SITE, tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "a").samefile(tmp_path / "b")


def test_remove_takes_the_link_and_not_what_it_leads_to(
    files: Files, tmp_path: Path
) -> None:
    """No verb follows a link."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to("a")

    files.remove(SITE, tmp_path / "b")

    assert ["a"] == [p.name for p in tmp_path.iterdir()]


def test_remove_tree_follows_no_link(files: Files, tmp_path: Path) -> None:
    """A link in the tree, or at its top, goes; its target stays."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "a").write_bytes(b"1")
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "top").symlink_to(tmp_path / "precious")

    for name in ("tree", "top", "never-there"):
        files.remove_tree(SITE, tmp_path / name)

    assert ["precious", "precious/a"] == sorted(
        str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")
    )


def test_every_verb_maps_what_the_kernel_refuses(files: Files, tmp_path: Path) -> None:
    """No `OSError` comes out of the port."""
    gone = tmp_path / "gone" / "a"
    verbs: list[Callable[[], object]] = [
        lambda: files.mkdir(SITE, gone),
        lambda: files.create(SITE, gone),
        lambda: files.write_atomic(SITE, gone, b""),
        lambda: files.append(SITE, gone, b""),
        lambda: files.rename(SITE, gone, tmp_path / "b"),
        lambda: files.symlink(SITE, "x", gone),
        lambda: files.swap_link(SITE, "x", gone),
        lambda: files.link(SITE, gone, tmp_path / "b"),
        lambda: files.remove(SITE, gone),
        lambda: files.sync_dir(SITE, gone),
    ]

    for verb in verbs:
        with pytest.raises(StoreFailed, match=r"^cannot .*no such file") as caught:
            verb()
        assert errno.ENOENT == caught.value.fields["errno"]


def test_a_failure_says_what_was_refused_and_why(tmp_path: Path) -> None:
    """The path is in the sentence, and with its number in the fields."""
    path = tmp_path / "models" / "pets"

    failed = store_failed(OSError(errno.EIO, "oh"), "write", path)

    why = "the storage device reports an input/output error"
    assert f"cannot write {path}: {why}" == failed.message
    assert {"path": str(path), "errno": errno.EIO} == failed.fields
    assert failed.hint


def test_the_error_of_the_kernel_stays_the_cause(tmp_path: Path) -> None:
    """A traceback in the journal still shows it."""
    error = OSError(errno.EIO, "oh")

    with pytest.raises(StoreFailed) as caught, store_errors("read", tmp_path):
        raise error

    assert error is caught.value.__cause__
