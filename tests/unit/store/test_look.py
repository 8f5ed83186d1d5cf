"""Looking at what may be anything."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edged.errors import BadRelease, StoreFailed
from edged.store import look


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """Return a path that leads through a link to itself: even root cannot look."""
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path / "loop" / "x"


@pytest.mark.parametrize(
    "verb", [look.found, look.is_folder, look.is_file, look.is_link, look.listed]
)
def test_what_cannot_be_looked_at_is_told(
    loop: Path, verb: Callable[[Path], object]
) -> None:
    """It is not the same as nothing."""
    with pytest.raises(StoreFailed, match="cannot read"):
        verb(loop)


@pytest.mark.parametrize("below", ["missing", "file/x"])
def test_nothing_is_an_answer(tmp_path: Path, below: str) -> None:
    """Also where a folder on the way is none."""
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / below

    assert (None, []) == (look.found(path), look.listed(path))
    assert not any((look.is_folder(path), look.is_file(path), look.is_link(path)))


def test_a_link_is_neither_folder_nor_file(tmp_path: Path) -> None:
    """It could lead out of the store."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for name in ("folder", "file"):
        (tmp_path / f"to-{name}").symlink_to(name)

    kinds = {
        name: (
            look.is_folder(tmp_path / name),
            look.is_file(tmp_path / name),
            look.is_link(tmp_path / name),
        )
        for name in look.listed(tmp_path)
    }

    link = (False, False, True)
    assert {
        "file": (False, True, False),
        "folder": (True, False, False),
        "to-file": link,
        "to-folder": link,
    } == kinds


def test_a_plain_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """One byte more is too many."""
    path = tmp_path / "model.yaml"
    path.write_bytes(b"abc")

    assert b"abc" == look.read_plain(path, max_bytes=3)
    with pytest.raises(BadRelease, match=r"its model\.yaml is larger than 2 bytes"):
        look.read_plain(path, max_bytes=2)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "it has no model.yaml"),  # noqa: ARG005  # nothing is made
        (os.mkfifo, "not a plain file"),
        (Path.mkdir, "not a plain file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a plain file"),
    ],
    ids=["missing", "fifo", "folder", "device"],
)
def test_what_is_no_plain_file_is_not_opened(
    tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    """A FIFO would block for ever, a device would never end."""
    path = tmp_path / "model.yaml"
    make(path)

    with pytest.raises(BadRelease, match=why):
        look.read_plain(path, max_bytes=3)
