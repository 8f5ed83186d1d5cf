"""A file of a fixed size on the real disk."""

import errno
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.blocks import DiskBlocks

MIB = 1 << 20


def test_space_is_set_aside_at_once(tmp_path: Path) -> None:
    """The file has its size and its blocks before the first byte."""
    path = tmp_path / "f"

    DiskBlocks(path, MIB).close()

    assert MIB == path.stat().st_size
    assert path.stat().st_blocks * 512 >= MIB


def test_what_is_written_anywhere_is_read_there(tmp_path: Path) -> None:
    """Bytes lie where they were put, the rest is zeros."""
    blocks = DiskBlocks(tmp_path / "f", 10)

    blocks.write(7, b"end")
    blocks.write(0, memoryview(b"be"))
    blocks.sync()

    assert b"be\0\0\0\0\0end" == blocks.read(0, 100)
    blocks.close()


def test_what_was_there_stays(tmp_path: Path) -> None:
    """Opening again changes no byte; a longer file is cut to its size."""
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")

    DiskBlocks(path, 4).close()
    shorter = path.read_bytes()
    DiskBlocks(path, 6).close()

    assert b"0123" == shorter
    assert b"0123\0\0" == path.read_bytes()


def test_an_empty_file_is_one(tmp_path: Path) -> None:
    """Nothing need be set aside for it."""
    DiskBlocks(tmp_path / "f", 0).close()

    assert 0 == (tmp_path / "f").stat().st_size


def test_a_full_disk_says_both_figures_and_keeps_nothing(small: Path) -> None:
    """What is needed and what there is; a refused file takes no space."""
    with pytest.raises(StoreFailed) as caught:
        DiskBlocks(small / "f", 5 * MIB)

    failed = caught.value
    assert errno.ENOSPC == failed.fields["errno"]
    assert 5 * MIB == failed.fields["needs_bytes"]
    assert MIB == failed.fields["free_bytes"]
    assert f"cannot set 5.0 MiB aside for {small / 'f'}: " in failed.message
    assert "(1.0 MiB free of 1.0 MiB)" in failed.message
    assert [] == list(small.iterdir())


def test_a_full_disk_keeps_what_was_there(small: Path) -> None:
    """A file that cannot grow is not removed."""
    (small / "f").write_bytes(b"x")

    with pytest.raises(StoreFailed):
        DiskBlocks(small / "f", 5 * MIB)

    assert b"x" == (small / "f").read_bytes()[:1]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Somebody's link must not have us write into another file."""
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "f").symlink_to("other")

    with pytest.raises(StoreFailed):
        DiskBlocks(tmp_path / "f", 3)

    assert b"precious" == (tmp_path / "other").read_bytes()
