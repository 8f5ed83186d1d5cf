"""Files -> a tar stream, for the client's side.

Law: what can be checked is checked before the first byte. The same files give the same
bytes, in the order given, without dates and owners. Memory: one piece of 256 KiB.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edged.errors import BadBundle, NoInput
from edged.store import tar

_PIECE = 1 << 18


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that is sent as one, as a member of a tar is.

    Attributes:
        begin: its first byte.
        size: in bytes.
    """

    path: Path
    begin: int
    size: int


def sent(members: Mapping[str, Path | Slice | bytes]) -> Iterator[bytes]:
    """Return the tar of files, of parts of files, and of bytes that are at hand.

    Args:
        members: by their names in the tar, at most 100 bytes each.

    Raises:
        NoInput: a file is missing, unreadable, or changed while it was read.
        BadBundle: a file is larger than a tar can say.
    """
    opened = {
        name: what if isinstance(what, bytes) else Source(what)
        for name, what in members.items()
    }
    for source in opened.values():
        if isinstance(source, Source) and source.size > tar.SIZE_MAX:
            raise BadBundle(
                f"cannot take {source.path}: it has {source.size} bytes; "
                f"{tar.SIZE_MAX} are allowed"
            )
    return _stream(opened)


def pack_one(name: str, path: Path) -> Iterator[bytes]:
    """Return the tar of a release that is one file: a tar itself, or a bare model.

    Args:
        name: what it is called where it comes from.
        path: where it lies.

    Raises:
        NoInput: it is missing, unreadable, or changed while it was read.
        BadBundle: it is larger than a tar can say.
    """
    source = Source(path)
    if tar.looks_like_tar(source.head()):
        return source.pieces()
    return sent({name: path})


def _stream(opened: Mapping[str, "Source | bytes"]) -> Iterator[bytes]:
    for name, source in opened.items():
        size = len(source) if isinstance(source, bytes) else source.size
        yield tar.header(name, size)
        if isinstance(source, bytes):
            yield source
        else:
            yield from source.pieces()
        yield tar.padding(size)
    yield tar.ending()


class Source:
    """A file to send: it must be readable now, and the same when it is read."""

    def __init__(self, what: Path | Slice) -> None:
        self.path = path = what if isinstance(what, Path) else what.path
        with readable(path), path.open("rb") as file:
            whole = os.fstat(file.fileno()).st_size
        self._begin = 0 if isinstance(what, Path) else what.begin
        self.size = whole if isinstance(what, Path) else what.size

    def head(self) -> bytes:
        """Return its first block."""
        with readable(self.path), self.path.open("rb") as file:
            file.seek(self._begin)
            return file.read(min(tar.BLOCK, self.size))

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes, as many as it had in the beginning.

        Raises:
            NoInput: it cannot be read, or became shorter.
        """
        left = self.size
        with readable(self.path), self.path.open("rb") as file:
            file.seek(self._begin)
            while left and (part := file.read(min(left, _PIECE))):
                left -= len(part)
                yield part
        if left:
            raise NoInput(
                f"cannot read {self.path}: it became shorter while it was read",
                hint="wait until it is complete, then try again",
            )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Map what can be wrong with a file that the caller names."""
    try:
        yield
    except OSError as exc:
        why = (exc.strerror or str(exc)).lower()
        raise NoInput(
            f"cannot read {path}: {why}", hint=f"`ls -ld {path}`", path=str(path)
        ) from exc
