"""The journal: what was wanted, tried and decided, in the order in which it was.

Law: append-only, each line with a checksum of its own, durable on return. Reading has
no effect, and damage never stops it: a torn tail (a power cut in mid-write) is left
out, and so is a damaged line between sound ones, which is counted. After damage, or
after a write that failed, the file is never appended to again: the next entry goes
into a whole new file, because a line would stick to garbage, and because a file whose
fsync failed once is not to be trusted.

    <crc32 of the rest of the line, 8 hex digits> <entry as JSON>

A sound line that this edged cannot read is a newer edged's: it is passed over, and
kept when the journal is compacted.
"""

import os
import stat
import zlib
from collections.abc import Iterable, Iterator

import msgspec

from edged.errors import StoreFailed
from edged.host.files import Files, Site, store_errors
from edged.store.layout import Layout
from edged.store.look import found
from edged.wire.changes import AnyEntry
from edged.wire.unreadable import UNREADABLE

#: Bytes above which it is compacted: some 1,000 entries.
LONG = 256 * 1024

#: Bytes that are read at most, the newest: no journal of ours grows so large.
READ_MAX = 16 * 1024 * 1024

#: Bytes of a newer edged's lines that are kept, the newest.
FOREIGN_MAX = 32 * 1024

#: Eight hex digits and a space.
_HEAD = 9

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEntry] = msgspec.json.Decoder(AnyEntry)


class _Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds.

    Attributes:
        lines: the sound ones, without their ends.
        damaged: others that have a sound one after them.
        is_whole: there is nothing but sound lines.
        size: bytes of the file.
    """

    lines: tuple[bytes, ...] = ()
    damaged: int = 0
    is_whole: bool = True
    size: int = 0


class Journal:
    """One file. Blocking; for one thread at a time."""

    def __init__(self, layout: Layout, files: Files) -> None:
        self._path = layout.journal
        self._files = files
        self._size: int | None = None  # of what is ours; None: nobody has looked yet
        self._is_clean = True  # a line may be appended
        self._kept: tuple[bytes, ...] | None = None  # of a file that is not clean
        self._foreign: tuple[bytes, ...] = ()
        self._long = LONG
        self.damaged = 0

    @property
    def is_long(self) -> bool:
        """Whether it is worth compacting."""
        return (self._size or 0) > self._long

    def read(self) -> tuple[AnyEntry, ...]:
        """Return every entry that can be read, oldest first.

        Raises:
            StoreFailed: the file cannot be read.
        """
        scan = self._scan(None)
        self._size, self._is_clean, self._kept = scan.size, scan.is_whole, None
        self.damaged = scan.damaged
        entries, foreign = [], []
        for line in scan.lines:
            try:
                entries.append(_decoder.decode(line[_HEAD:]))
            except UNREADABLE:
                foreign.append(line)
        self._foreign = tuple(_newest(foreign, FOREIGN_MAX))
        return tuple(entries)

    def append(self, *entries: AnyEntry) -> None:
        """Add entries, in one write.

        Raises:
            StoreFailed: none of them is in the journal, unless the machine dies
                before the next call: what was half done is only then told from what
                was not done at all.
        """
        if self._size is None:
            self.read()
        lines = tuple(map(_line, entries))
        if not self._is_clean:
            self._write_anew(lines)
            return
        data = _joined(lines)
        self._is_clean = False
        self._files.append(Site.JOURNAL_APPEND, self._path, data)
        self._is_clean = True
        self._size = (self._size or 0) + len(data)

    def compact(self, entries: Iterable[AnyEntry]) -> None:
        """Replace all that it holds, in one step; call `read` before.

        Raises:
            StoreFailed: it holds what it held.
        """
        data = _joined((*self._foreign, *map(_line, entries)))
        # Tried again only when it has doubled: a state that is large by itself, or a
        # disk without room, must not make every entry cost a whole journal.
        self._long = max(LONG, 2 * len(data), 2 * (self._size or 0))
        before = found(self._path)
        try:
            self._files.write_atomic(Site.JOURNAL_COMPACT, self._path, data)
        except StoreFailed:
            # Seen and not durable: an entry in it could vanish with its file's name.
            self._is_clean &= _same(before, found(self._path))
            raise
        self._long = max(LONG, 2 * len(data))
        self._size, self._is_clean, self._kept = len(data), True, None

    # --- steps -------------------------------------------------------------------

    def _write_anew(self, lines: tuple[bytes, ...]) -> None:
        if self._kept is None:
            self._kept = self._scan(self._size).lines
        data = _joined((*self._kept, *lines))
        self._files.write_atomic(Site.JOURNAL_COMPACT, self._path, data)
        self._size, self._is_clean, self._kept = len(data), True, None

    def _scan(self, until: int | None) -> _Scan:
        """Look through the file, or through its first `until` bytes."""
        there = found(self._path)
        if there is None:
            return _Scan()
        if not stat.S_ISREG(there.st_mode):
            raise StoreFailed(
                f"cannot read {self._path}: it is not a plain file",
                hint=f"move it away: `mv {self._path} {self._path}.odd`",
                path=str(self._path),
            )
        end = there.st_size if until is None else min(until, there.st_size)
        start = max(0, end - READ_MAX)
        # Between the look and the open it may have been replaced: still no waiting.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with (
            store_errors("read", self._path),
            os.fdopen(os.open(self._path, flags), "rb") as file,
        ):
            file.seek(start)
            data = file.read(end - start)
        *pieces, tail = data.split(b"\n")
        sound = [n for n, piece in enumerate(pieces) if _is_sound(piece)]
        last = sound[-1] + 1 if sound else 0
        return _Scan(
            lines=tuple(pieces[n] for n in sound),
            damaged=last - len(sound),
            is_whole=not tail and len(sound) == len(pieces),
            size=end,
        )


def _line(entry: AnyEntry) -> bytes:
    data = _encoder.encode(entry)
    return b"%08x %b" % (zlib.crc32(data), data)


def _is_sound(line: bytes) -> bool:
    return line[:_HEAD] == b"%08x " % zlib.crc32(line[_HEAD:])


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(b"%b\n" % line for line in lines)


def _newest(lines: list[bytes], max_bytes: int) -> Iterator[bytes]:
    left = max_bytes
    keep: list[bytes] = []
    for line in reversed(lines):
        left -= len(line)
        if left < 0:
            break
        keep.append(line)
    return reversed(keep)


def _same(before: os.stat_result | None, after: os.stat_result | None) -> bool:
    if before is None or after is None:
        return before is after
    return before.st_ino == after.st_ino
