"""The tables of a flatbuffers file, without a schema.

Law: reads in place through a memory map, a few offsets each; one that leaves the file
raises. Offsets may point anywhere, many to one place too, so work is bounded for the
whole file and nothing is collected.
Source: flatbuffers.dev "Internals".
"""

import mmap
import struct
from collections.abc import Iterator

#: Tables and pieces of vectors looked at; real files have some
#: thousand tensors. 0.3 s on a laptop.
MAX_STEPS = 500_000

#: Bytes of a vector that count as one step.
_PIECE = 64


class TooMuch(Exception):
    """A file asks for more work than any real one."""


class Work:
    """How much of one file may still be looked at."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            TooMuch: it was the last straw.
        """
        self._left -= steps
        if self._left < 0:
            raise TooMuch


class Table:
    """A flatbuffers table: fields by number, absent ones are their default."""

    def __init__(self, data: mmap.mmap, at: int, work: Work) -> None:
        work.spend(1)
        self._data = data
        self._at = at
        self._work = work
        self._vtable = at - struct.unpack_from("<i", data, at)[0]
        self._size = struct.unpack_from("<H", data, self._vtable)[0]

    def number(self, field: int, kind: str) -> int:
        """Read a scalar of a struct format; 0 where absent."""
        at = self._field(field)
        return int(struct.unpack_from("<" + kind, self._data, at)[0]) if at else 0

    def count(self, field: int) -> int:
        """Return how many entries a vector has; 0 where absent."""
        return self._vector(field)[1]

    def numbers(self, field: int) -> tuple[int, ...]:
        """Read a vector of int32; empty where absent."""
        start, count = self._vector(field)
        self._work.spend(4 * count // _PIECE)
        return struct.unpack_from(f"<{count}i", self._data, start)

    def text(self, field: int) -> str:
        """Read a string; empty where absent."""
        at = self._field(field)
        if not at:
            return ""
        start = at + u32(self._data, at)
        length = u32(self._data, start)
        self._work.spend(length // _PIECE)
        raw = self._data[start + 4 : start + 4 + length]
        if len(raw) < length:
            raise IndexError(length)
        return raw.decode("utf-8", "replace")

    def table(self, field: int) -> "Table | None":
        """Return the table that a field leads to; None where absent."""
        at = self._field(field)
        return Table(self._data, at + u32(self._data, at), self._work) if at else None

    def tables(self, field: int) -> Iterator["Table"]:
        """Yield the tables of a vector; none where absent."""
        start, count = self._vector(field)
        for entry in range(start, start + 4 * count, 4):
            yield Table(self._data, entry + u32(self._data, entry), self._work)

    def entry(self, field: int, index: int) -> "Table":
        """Return one table of a vector.

        Raises:
            IndexError: it has no such entry.
        """
        start, count = self._vector(field)
        if index >= count:
            raise IndexError(index)
        at = start + 4 * index
        return Table(self._data, at + u32(self._data, at), self._work)

    def _vector(self, field: int) -> tuple[int, int]:
        """Return where a vector's entries begin, and how many there are."""
        at = self._field(field)
        if not at:
            return 0, 0
        start = at + u32(self._data, at)
        return start + 4, u32(self._data, start)

    def _field(self, number: int) -> int:
        slot = 4 + 2 * number
        if slot >= self._size:
            return 0
        offset = struct.unpack_from("<H", self._data, self._vtable + slot)[0]
        return self._at + offset if offset else 0


def u32(data: mmap.mmap, at: int) -> int:
    """Read an unsigned number of four bytes.

    Raises:
        struct.error: it lies outside.
    """
    return int(struct.unpack_from("<I", data, at)[0])
