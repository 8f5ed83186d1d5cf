"""Opening a file inside a folder, and nothing else."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from edged.host import beneath
from edged.host.beneath import Elsewhere, open_plain


def _without(number: int) -> Callable[[int, str], NoReturn]:
    """Return an openat2 of a machine that has none."""

    def call(_root: int, name: str) -> NoReturn:
        raise OSError(number, os.strerror(number), name)

    return call


@pytest.fixture(params=["openat2", "ENOSYS", "EPERM", "EAGAIN"], autouse=True)
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with the kernel's call, and as if it had none."""
    if request.param != "openat2":
        number = getattr(errno, request.param)
        monkeypatch.setattr(beneath, "_open_at_once", _without(number))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a file beside it and a file below it."""
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "release"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "w.bin").write_bytes(b"weights")
    return folder


def test_a_plain_file_below_is_opened(folder: Path) -> None:
    """A folder on the way is none of the faults."""
    with open_plain(folder, "parts/w.bin") as file:
        assert file.read() == b"weights"


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    """Whoever moved the whole store to another disk meant it."""
    (tmp_path / "moved").symlink_to(folder)

    with open_plain(tmp_path / "moved", "parts/w.bin") as file:
        assert file.read() == b"weights"


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../secret", "parts/../../secret", "..", "w\0.bin"]
)
def test_a_name_that_leaves_is_refused(folder: Path, name: str) -> None:
    """Also where it would come back."""
    with pytest.raises(Elsewhere, match="outside its own folder"):
        open_plain(folder, name)


@pytest.mark.parametrize("name", ["link", "linked/w.bin", "parts/up/secret"])
def test_a_link_on_the_way_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    """To a file, to a folder inside, to a folder outside."""
    (folder / "link").symlink_to(folder / "parts" / "w.bin")
    (folder / "linked").symlink_to("parts")
    (folder / "parts" / "up").symlink_to(tmp_path)

    with pytest.raises(Elsewhere, match="a link is on the way there"):
        open_plain(folder, name)


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    """It is no plain file."""
    os.mkfifo(folder / "pipe")

    with pytest.raises(Elsewhere, match="no plain file"):
        open_plain(folder, "pipe")


def test_a_folder_is_no_file(folder: Path) -> None:
    """Opening one would work."""
    with pytest.raises(Elsewhere, match="no plain file"):
        open_plain(folder, "parts")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("absent", FileNotFoundError),
        ("no/such", FileNotFoundError),
        ("parts/w.bin/x", NotADirectoryError),
    ],
)
def test_what_is_not_there_is_the_systems_error(
    folder: Path, name: str, error: type[OSError]
) -> None:
    """The caller has the sentence for it."""
    with pytest.raises(error):
        open_plain(folder, name)


def test_no_descriptor_is_left_behind(folder: Path) -> None:
    """Whether it was opened or refused."""
    (folder / "link").symlink_to("parts")
    before = len(list(Path("/proc/self/fd").iterdir()))

    open_plain(folder, "parts/w.bin").close()
    for name in ("parts", "link/w.bin", "link"):
        with pytest.raises(Elsewhere):
            open_plain(folder, name)

    assert before == len(list(Path("/proc/self/fd").iterdir()))
