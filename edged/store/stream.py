"""Bytes by count out of pieces of any size, with gzip undone.

Law: memory is bounded whatever arrives; what arrives and what it unpacks to are
bounded too; only `BadBundle` comes out.
"""

import zlib
from collections.abc import Iterable, Iterator

from edged.errors import BadBundle

#: At most this much is handed on in one piece.
PIECE = 1 << 16

#: Weights hardly shrink; only padding does. 1000 is what deflate can do at best.
_RATIO_MAX = 200
_RATIO_FREE = 16 << 20

GZIP = b"\x1f\x8b"
#: Enough to tell what a stream is: one block of a tar.
_HEAD = 512

#: First bytes of what people send instead of a tar.
_OTHERS = {
    b"PK\x03\x04": "a zip file",
    b"\xfd7zXZ": "an xz file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}

TAR_HINT = "make it with `tar -cf bundle.tar -C FOLDER .`"


class Stream:
    """Bytes by count out of pieces of any size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")
        self.taken = 0

    def peek(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer only at the end, and keep them."""
        head = self.upto(count)
        self._held = memoryview(head + self._held)
        self.taken -= len(head)
        return head

    def some(self, limit: int) -> bytes:
        """Return between 1 and `limit` bytes; none at the end."""
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._held = memoryview(chunk)
        got, self._held = self._held[:limit], self._held[limit:]
        self.taken += len(got)
        return bytes(got)

    def upto(self, count: int) -> bytes:
        """Return `count` bytes, fewer only at the end."""
        parts = []
        while count and (part := self.some(count)):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def exactly(self, count: int, name: str) -> bytes:
        """Return `count` bytes that belong to the member `name`."""
        got = self.upto(count)
        if len(got) < count:
            raise truncated(f"in the middle of {name!r}")
        return got

    def pieces(self, count: int, name: str) -> Iterator[bytes]:
        """Yield `count` bytes of the member `name` in pieces."""
        while count:
            part = self.some(min(count, PIECE))
            if not part:
                raise truncated(f"{count} bytes before the end of {name!r}")
            count -= len(part)
            yield part


def plain(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[bytes]:
    """Yield the tar's own bytes, whether it came as gzip or not."""
    stream = Stream(_counted(chunks, max_bytes))
    head = stream.peek(_HEAD)
    if not head:
        raise BadBundle("cannot take bundle: it is empty", hint=TAR_HINT)
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise BadBundle(
                f"cannot take bundle: it is {what}, not a tar", hint=TAR_HINT
            )
    if head.startswith(GZIP):
        yield from _gunzipped(stream)
    while part := stream.some(PIECE):
        yield part


def _counted(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """Pass chunks on, up to what a bundle of `max_bytes` can need as a plain tar."""
    left = max_bytes + _RATIO_FREE
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise too_large(max_bytes)
        yield chunk


def _gunzipped(stream: Stream) -> Iterator[bytes]:
    """Undo gzip: several members in a row (pigz), zeros between and after them."""
    engine, inside = zlib.decompressobj(wbits=31), False
    made, data = 0, b""
    while data := data or stream.some(PIECE):
        if not inside and not (data := data.lstrip(b"\0")):
            continue
        part = _inflated(engine, data)
        made += len(part)
        if made > _RATIO_FREE + _RATIO_MAX * stream.taken:
            raise BadBundle(
                f"cannot take bundle: its gzip unpacks to more than {_RATIO_MAX} "
                "times its size",
                hint="send it as a plain tar",
            )
        if part:
            yield part
        inside = not engine.eof
        data = engine.unconsumed_tail if inside else engine.unused_data
        if not inside:
            engine = zlib.decompressobj(wbits=31)
    if inside:
        raise truncated("inside its gzip")


def _inflated(engine: "zlib._Decompress", data: bytes) -> bytes:
    try:
        return engine.decompress(data, PIECE)
    except zlib.error as exc:
        raise BadBundle(
            f"cannot take bundle: its gzip is damaged ({exc})",
            hint="send it again; `gzip -t FILE` tells where it breaks",
        ) from exc


def too_large(max_bytes: int) -> BadBundle:
    """Say that a bundle is over its limit in bytes."""
    return BadBundle(
        f"cannot take bundle: its files are larger than {max_bytes / 2**20:g} MiB "
        "together",
        hint="raise `store.max-bundle` if the box has the space",
    )


def truncated(where: str) -> BadBundle:
    """Say that a bundle ends too early, and where."""
    return BadBundle(
        f"cannot take bundle: the tar is truncated, it ends {where}",
        hint="send it again; `tar -tf FILE` tells whether the file itself is whole",
    )
