"""Files -> a tar stream."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from edged.errors import BadBundle, NoInput
from edged.store.sending import Slice, Source, pack_one, sent


def test_files_and_bytes_come_in_the_order_given(tmp_path: Path) -> None:
    """The standard module reads what was sent."""
    (tmp_path / "a").write_bytes(b"from disk")

    data = b"".join(sent({"z": b"at hand", "a": tmp_path / "a"}))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        read = [
            (member.name, file.read())
            for member in archive
            if (file := archive.extractfile(member))
        ]
    assert [("z", b"at hand"), ("a", b"from disk")] == read


def test_a_missing_file_is_told_before_the_first_byte(tmp_path: Path) -> None:
    """Nobody has half a tar then."""
    with pytest.raises(NoInput, match="no such file"):
        sent({"a": b"at hand", "b": tmp_path / "nowhere"})


def test_a_file_that_shrinks_is_told(tmp_path: Path) -> None:
    """It is still being copied, or written."""
    path = tmp_path / "net.onnx"
    path.write_bytes(bytes(1000))
    stream = sent({"net.onnx": path})
    path.write_bytes(bytes(10))

    with pytest.raises(NoInput, match="became shorter"):
        list(stream)


def test_a_file_beyond_what_a_tar_can_say_is_refused(tmp_path: Path) -> None:
    """Before its first byte is sent; no box could run it."""
    path = tmp_path / "net.onnx"
    path.touch()
    os.truncate(path, 8 << 30)

    with pytest.raises(BadBundle, match="8589934591 are allowed"):
        sent({"net.onnx": path})


def test_a_head_is_one_block(tmp_path: Path) -> None:
    """What a format is recognised by."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x" * 1000)

    assert b"x" * 512 == Source(path).head()


def test_a_part_of_a_file_is_sent_as_one(tmp_path: Path) -> None:
    """A member of a tar needs no copy on the disk."""
    whole = tmp_path / "whole"
    whole.write_bytes(b"before" + b"inside" + b"after")
    part = Slice(path=whole, begin=6, size=6)

    data = b"".join(sent({"a": part}))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        file = archive.extractfile("a")
        assert file is not None
        assert b"inside" == file.read()
    assert b"inside" == Source(part).head()


def test_a_part_beyond_the_end_is_told(tmp_path: Path) -> None:
    """A tar was cut off while it was copied."""
    whole = tmp_path / "whole"
    whole.write_bytes(bytes(10))

    with pytest.raises(NoInput, match="became shorter"):
        b"".join(sent({"a": Slice(path=whole, begin=6, size=6)}))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_release_that_is_a_tar_goes_as_it_is(
    tmp_path: Path, *, compressed: bool
) -> None:
    """Plain or gzip; its name says nothing."""
    path, inner = tmp_path / "abcd.part", tmp_path / "model.yaml"
    inner.write_bytes(b"name: x\n")
    with tarfile.open(path, "w:gz" if compressed else "w:") as archive:
        archive.add(inner, "model.yaml")

    assert path.read_bytes() == b"".join(pack_one("digits.tar", path))


def test_a_bare_model_is_the_one_member_of_a_tar(tmp_path: Path) -> None:
    """By the name that it has where it comes from."""
    path = tmp_path / "abcd.part"
    path.write_bytes(b"weights")

    data = b"".join(pack_one("net.onnx", path))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
        file = archive.extractfile(member)
        assert file is not None
        assert ("net.onnx", b"weights") == (member.name, file.read())
