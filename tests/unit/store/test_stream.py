"""Bytes by count, and gzip undone."""

import gzip
import io
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.errors import BadBundle
from edged.store.stream import PIECE, Stream, plain
from tests.fakes.bundles import in_pieces

MAX = 64 << 20


def _plain(data: bytes, size: int = 1000, max_bytes: int = MAX) -> bytes:
    return b"".join(plain(in_pieces(data, size), max_bytes=max_bytes))


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50), st.lists(st.integers(0, 60)))
def test_counts_do_not_depend_on_pieces(
    data: bytes, size: int, counts: list[int]
) -> None:
    """Whatever a socket made of the bytes."""
    stream = Stream(in_pieces(data, size))

    got = b"".join(stream.upto(count) for count in counts)

    assert data[: sum(counts)] == got
    assert len(got) == stream.taken


def test_peeking_takes_nothing() -> None:
    """The head is read again."""
    stream = Stream(in_pieces(b"abcdef", 2))

    assert (b"abcde", 0, b"abcdef") == (
        stream.peek(5),
        stream.taken,
        stream.upto(9),
    )


def test_bytes_that_are_missing_are_said_with_their_member() -> None:
    """Both ways to read a member's bytes."""
    for read in (Stream.exactly, lambda s, n, m: list(s.pieces(n, m))):
        with pytest.raises(BadBundle, match=r"truncated.*'model.onnx'"):
            read(Stream(iter([b"abc"])), 4, "model.onnx")


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=2000), st.integers(1, 700))
def test_gzip_is_undone_and_anything_else_passes(data: bytes, size: int) -> None:
    """The stream itself says which it is."""
    packed = gzip.compress(data)

    assert data == _plain(packed, size)
    if not data.startswith((b"\x1f\x8b", b"PK", b"BZ", b"\xfd7", b"\x28\xb5")):
        assert data == _plain(data, size)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_several_gzip_members_are_one_stream(size: int) -> None:
    """As pigz and `cat a.gz b.gz` make them, with zeros after the last."""
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + bytes(1000)

    assert b"one two" == _plain(packed, size)


@pytest.mark.parametrize("cut", [1, 8, 9, 20])
def test_a_truncated_gzip_is_called_truncated(cut: int) -> None:
    """Inside its trailer too, which is where the checksum stands."""
    packed = gzip.compress(bytes(range(256)) * 10)

    with pytest.raises(BadBundle, match="truncated"):
        _plain(packed[:-cut])


def test_a_damaged_gzip_is_called_damaged() -> None:
    """Its checksum is compared."""
    packed = bytearray(gzip.compress(b"some weights" * 99))
    packed[-6] ^= 1

    with pytest.raises(BadBundle, match="gzip is damaged"):
        _plain(bytes(packed))


def test_bytes_after_gzip_are_refused() -> None:
    """They are no gzip, and nobody knows what they are."""
    with pytest.raises(BadBundle, match="gzip is damaged"):
        _plain(gzip.compress(b"x" * 600) + b"garbage")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04" + bytes(600), "a zip file"),
        (b"\xfd7zXZ\x00", "an xz file"),
        (b"BZh9", "a bzip2 file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
    ],
)
def test_what_people_send_instead_is_called_by_its_name(data: bytes, what: str) -> None:
    """With the command that makes the right thing."""
    with pytest.raises(BadBundle, match=what) as caught:
        _plain(data)

    assert "tar -cf" in caught.value.hint


def test_a_gzip_bomb_is_stopped_in_bounded_memory() -> None:
    """1 GiB of zeros in 1 MiB: it stops early, and no piece is large."""
    sizes: list[int] = []

    with pytest.raises(BadBundle, match="more than 200 times"):
        sizes.extend(map(len, plain(_bomb(), max_bytes=4 << 30)))

    assert sum(sizes) <= 256 << 20
    assert max(sizes) <= PIECE


def test_a_stream_without_end_is_stopped() -> None:
    """Even if it unpacks to nothing: empty gzip members for ever."""
    empty = gzip.compress(b"") * 1000

    def forever() -> Iterator[bytes]:
        while True:
            yield empty

    with pytest.raises(BadBundle, match="larger than 1 MiB"):
        list(plain(forever(), max_bytes=1 << 20))


def _bomb() -> Iterator[bytes]:
    engine = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    for _ in range(1024):
        if part := engine.compress(zeros):
            yield part
    yield engine.flush()


def test_gzip_of_a_file_with_a_name_is_read() -> None:
    """Its header has optional fields."""
    out = io.BytesIO()
    with gzip.GzipFile("bundle.tar", "wb", fileobj=out) as file:
        file.write(b"hello")

    assert b"hello" == _plain(out.getvalue())
