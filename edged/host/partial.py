"""A file on its way here, in pieces that arrive in any order over many lives.

Law: a piece counts as kept only when it was checked, its bytes were synced and the map
was written; whoever cuts the power loses what came since the last `flush`, never more
and never wrongly. Space is set aside before the first byte. The map is a cache of what
the bytes say: a damaged one is made again by reading them, and nothing is fetched twice
for its sake. Blocking, for one thread at a time. Only `StoreFailed` comes out.

    <sha256>.part   the bytes at their places, as long as the file will be
    <sha256>.map    a `Map` as JSON, and on a second line the sha256 of the first

A file without hashes of its pieces (`Chunked.chunks` empty) is kept as it comes and can
be believed only as a whole: ask `verify`.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from edged.errors import StoreFailed
from edged.host.blocks import Blocks, DiskBlocks
from edged.host.files import Files, Site, store_errors
from edged.wire.listing import CHUNK_BYTES, Chunked

#: The largest file, in bytes: its bits take half a MiB of memory.
LARGEST = 1 << 40

#: Of a map, in bytes: a hex digit for four chunks of the largest file, and its words.
_MAP_MAX = (LARGEST // CHUNK_BYTES // 4) + 4096


class Map(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a part.

    Attributes:
        kept: a bit for each chunk, the first one lowest in the first byte, in hex.
    """

    format: int = 1
    sha256: str
    size: int
    chunk_bytes: int = CHUNK_BYTES
    kept: str


class Part:
    """One file that is being fetched.

    Reads what is there: after a damaged map that takes as long as reading the file.
    After `StoreFailed` only `close` and `drop` may follow: a file whose sync failed
    once is not to be trusted, but by what its map says when it is opened again.

    Args:
        folder: for both files; must exist.
        want: the file. Another one of the same name (its size was a lie) is dropped.
        files: the port to the disk, for everything but the bytes themselves.
        blocks: opens the bytes.

    Raises:
        StoreFailed: the disk refuses; with `needs_bytes` and `free_bytes` where it has
            not the space. Or the file is larger than any.
    """

    def __init__(
        self,
        folder: Path,
        want: Chunked,
        files: Files,
        blocks: Callable[[Path, int], Blocks] = DiskBlocks,
    ) -> None:
        if want.size > LARGEST:
            raise StoreFailed(
                f"cannot fetch a file of {want.size} bytes: at most {LARGEST} are taken"
            )
        self.path = folder / f"{want.sha256}.part"
        self._map = folder / f"{want.sha256}.map"
        self._want, self._files = want, files
        self._count = -(-want.size // CHUNK_BYTES)
        self._unsynced: set[int] = set()
        self._failed: StoreFailed | None = None
        self._is_open = False
        known = self._known()
        is_new = not os.path.lexists(self.path)
        self._take(known or bytearray(-(-self._count // 8)))
        if is_new:  # its map first: then it need not be read
            self._write_map()
        self._open(blocks, read_again=known is None and not is_new)

    def __repr__(self) -> str:
        kept = f"{self.kept_bytes} of {self._want.size} bytes kept"
        return f"<Part {self._want.sha256[:12]}: {kept}>"

    # --- what is there -----------------------------------------------------------

    @property
    def kept_bytes(self) -> int:
        """Bytes that a power cut cannot take."""
        return self._kept_bytes

    @property
    def unsynced_bytes(self) -> int:
        """Bytes that were checked and written, and are kept by the next `flush`."""
        return sum(map(self.size_of, self._unsynced))

    def size_of(self, index: int) -> int:
        """Return the size of a chunk, in bytes."""
        return min(CHUNK_BYTES, self._want.size - index * CHUNK_BYTES)

    def has(self, index: int) -> bool:
        """Tell whether a chunk was checked and written, synced or not."""
        return self._is_kept(index) or index in self._unsynced

    def missing(self) -> Iterator[int]:
        """Yield the chunks that are not there, in order."""
        return (at for at in range(self._count) if not self.has(at))

    def whole(self) -> bool:
        """Tell whether every chunk is kept."""
        return self._kept_bytes == self._want.size

    # --- change ------------------------------------------------------------------

    def write(self, index: int, data: bytes | bytearray | memoryview) -> bool:
        """Take a chunk in, if it is the right one.

        Returns:
            False where its size or its sha256 is another; nothing has changed then.

        Raises:
            StoreFailed: the disk refuses.
        """
        self._check()
        if len(data) != self.size_of(index) or not self._is_right(index, data):
            return False
        if self.has(index):  # never write over what a power cut must not take
            return True
        with self._noting():
            self._blocks.write(index * CHUNK_BYTES, memoryview(data))
        self._unsynced.add(index)
        return True

    def flush(self) -> int:
        """Make every chunk that was written a kept one.

        Returns:
            How many bytes that were.

        Raises:
            StoreFailed: the disk refuses; they are not kept.
        """
        self._check()
        if not self._unsynced:
            return 0
        fresh = self.unsynced_bytes
        with self._noting():
            self._blocks.sync()
            for index in self._unsynced:
                self._kept[index >> 3] |= 1 << (index & 7)
            self._unsynced.clear()
            self._write_map()
        self._kept_bytes += fresh
        return fresh

    def verify(self) -> bool:
        """Read everything again and forget the chunks that are not right any more.

        Returns:
            Whether the file is whole and has its sha256. Where it has not and no chunk
            is missing, its index and its sha256 contradict each other. A file without
            an index is forgotten as a whole.

        Raises:
            StoreFailed: the disk refuses.
        """
        self.flush()
        with self._noting():
            return self._read_again()

    def drop(self) -> None:
        """Remove both files.

        Raises:
            StoreFailed: the disk refuses.
        """
        self.close()
        self._remove()

    def close(self) -> None:
        """Let go of the file; what was not flushed is lost. Never raises."""
        if self._is_open:
            self._is_open = False
            self._blocks.close()

    # --- small steps -------------------------------------------------------------

    def _open(self, blocks: Callable[[Path, int], Blocks], *, read_again: bool) -> None:
        was_there = os.path.lexists(self.path)
        try:
            self._blocks = blocks(self.path, self._want.size)
        except StoreFailed:
            if not was_there:
                with suppress(StoreFailed):
                    self._remove()
            raise
        self._is_open = True
        try:
            self._files.sync_dir(Site.PART_FILE, self.path.parent)
            if read_again:
                self._read_again()
        except BaseException:
            self.close()
            raise

    def _known(self) -> bytearray | None:
        """Return the bits of the map, None where it says nothing about the part.

        What lies there of another size is removed.
        """
        found = _read_map(self._map) if os.path.lexists(self.path) else None
        if found is None or found.chunk_bytes != CHUNK_BYTES:
            return None
        if (found.sha256, found.size) != (self._want.sha256, self._want.size):
            self._remove()
            return None
        with store_errors("read", self.path):
            is_sized = self.path.stat().st_size == self._want.size
        with suppress(ValueError):
            bits = bytearray.fromhex(found.kept)
            if is_sized and len(bits) == -(-self._count // 8):
                return bits
        return None

    def _take(self, kept: bytearray) -> None:
        self._kept = kept
        self._kept_bytes = sum(map(self.size_of, filter(self._is_kept, self._all())))

    def _all(self) -> range:
        return range(self._count)

    def _is_kept(self, index: int) -> bool:
        return bool(self._kept[index >> 3] >> (index & 7) & 1)

    def _is_right(self, index: int, data: bytes | bytearray | memoryview) -> bool:
        chunks = self._want.chunks
        return not chunks or hashlib.sha256(data).hexdigest() == chunks[index]

    def _read_again(self) -> bool:
        """Keep exactly the chunks that are right; tell whether the whole is."""
        whole = hashlib.sha256()
        kept = bytearray(len(self._kept))
        for index in self._all():
            data = self._blocks.read(index * CHUNK_BYTES, self.size_of(index))
            whole.update(data)
            if len(data) == self.size_of(index) and self._is_right(index, data):
                kept[index >> 3] |= 1 << (index & 7)
        is_right = whole.hexdigest() == self._want.sha256
        if not is_right and not self._want.chunks:
            kept = bytearray(len(kept))
        self._blocks.sync()  # what was read may be in memory alone
        self._take(kept)
        self._write_map()
        return is_right

    def _write_map(self) -> None:
        line = msgspec.json.encode(
            Map(sha256=self._want.sha256, size=self._want.size, kept=self._kept.hex())
        )
        data = b"%s\n%s\n" % (line, hashlib.sha256(line).hexdigest().encode())
        self._files.write_atomic(Site.PART_MAP, self._map, data)

    def _remove(self) -> None:
        for path in (self.path, self._map, _fresh(self._map)):
            self._files.remove_tree(Site.PART_DROP, path)

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except StoreFailed as failed:
            self._failed = failed
            self._unsynced.clear()
            raise


def _read_map(path: Path) -> Map | None:
    """Return a sound map; None for none, a damaged and an unreadable one."""
    with suppress(OSError, msgspec.MsgspecError):
        with path.open("rb") as file:
            data = file.read(_MAP_MAX + 1)
        line, _, seal = data.partition(b"\n")
        if seal.strip() == hashlib.sha256(line).hexdigest().encode():
            return msgspec.json.decode(line, type=Map)
    return None


def _fresh(path: Path) -> Path:
    """Name what a power cut in `write_atomic` leaves."""
    return path.with_name(f".{path.name}.new")
