"""From bytes as they come to chunks at their places.

Law: a chunk goes into the part only whole and right; what is there already is passed
over. The beginning of a chunk that a connection did not finish is kept in memory for
the same host, so that a link that breaks every few kilobytes still gets on. At most a
flush unit is checked and not kept, for at most `FLUSH_S`. Memory: one chunk.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import msgspec

from edged.host.clock import Clock
from edged.host.partial import Part
from edged.wire.listing import CHUNK_BYTES, Chunked

#: Most chunks that a power cut can take: 1 MiB.
FLUSH_CHUNKS = 4

#: On a slow link a chunk is kept sooner: seconds of airtime are dear there.
FLUSH_S = 10.0

T = TypeVar("T")


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a file: from `at`, before `until`."""

    at: int
    until: int


class WrongChunk(Exception):
    """A chunk came whole and is another one; it would begin at byte `at`."""

    def __init__(self, at: int) -> None:
        super().__init__(f"the chunk at byte {at} is another one")
        self.at = at


class Intake:
    """One file on its way into its part. On the loop only, but for the part.

    Args:
        want: the file.
        part: where it goes.
        disk: the thread that nobody else uses the part on.
        clock: tells when a flush is due.
        progress: is told how many more bytes are kept.

    Attributes:
        want: the file.
        taken: chunks that came and were right.
        left: chunks that are missing.
        arrived: bytes that came.
    """

    def __init__(
        self,
        *,
        want: Chunked,
        part: Part,
        disk: Executor,
        clock: Clock,
        progress: Callable[[int], None],
    ) -> None:
        self.want, self._part, self._disk = want, part, disk
        self._clock, self._progress = clock, progress
        self._flushed_at = clock.monotonic()
        self._waiting = 0
        self._at = 0  # of the next byte
        self._begun = bytearray()  # of the chunk that it belongs to
        self.taken = self.arrived = 0
        self.left = sum(1 for _ in part.missing())

    def span(self) -> Span | None:
        """Return what to ask for next: all that is missing in a row; None at the end.

        It begins after what was begun of its first chunk.
        """
        missing = self._part.missing()
        first = next(missing, None)
        if first is None:
            return None
        last = first
        for index in missing:
            if index != last + 1:
                break
            last = index
        start = first * CHUNK_BYTES
        begun = self._at - start == len(self._begun) < CHUNK_BYTES
        return Span(
            at=self._at if begun else start,
            until=min((last + 1) * CHUNK_BYTES, self.want.size),
        )

    def begin(self, at: int) -> None:
        """Expect the byte at an offset next."""
        if at != self._at:
            self._begun.clear()
        self._at = at

    def forget(self) -> None:
        """Let go of a chunk that was begun: another host goes on."""
        self._at -= len(self._begun)
        self._begun.clear()

    def reached(self, until: int) -> bool:
        """Tell whether every byte before an offset came, or was passed over."""
        return self._at >= until

    async def start_over(self) -> bool:
        """Let nothing that came of a file before it changed meet what comes now.

        Returns:
            Whether nothing had to go: chunks that were checked stay.
        """
        was_clean = not self._begun and bool(self.want.chunks)
        self.forget()
        if not self.want.chunks:
            await self.is_right()
        return was_clean

    async def is_right(self) -> bool:
        """Tell whether what is kept can be believed.

        A file with an index can: each chunk was checked. One without is read as a
        whole, and forgotten where it is another one.

        Raises:
            StoreFailed: the disk refuses.
        """
        if self.want.chunks:
            return True
        if await self.on_disk(self._part.verify):
            return True
        self.left = sum(1 for _ in self._part.missing())
        return False

    async def take(self, data: bytes) -> None:
        """Take bytes in.

        Raises:
            WrongChunk: they end a chunk that is another one; it is forgotten.
            StoreFailed: the disk refuses.
        """
        self.arrived += len(data)
        rest = memoryview(data)
        while rest:
            index = self._at // CHUNK_BYTES
            end = index * CHUNK_BYTES + self._part.size_of(index)
            piece, rest = rest[: end - self._at], rest[end - self._at :]
            self._at += len(piece)
            if self._part.has(index):
                continue
            self._begun += piece
            if self._at == end:
                await self._keep(index)

    async def flush(self) -> None:
        """Keep what was checked.

        Raises:
            StoreFailed: the disk refuses.
        """
        self._waiting = 0
        kept = await self.on_disk(self._part.flush)
        self._flushed_at = self._clock.monotonic()
        if kept:
            self._progress(kept)

    async def on_disk(self, work: Callable[[], T]) -> T:
        """Do what blocks; what has begun is done to its end, whoever goes away."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    async def _keep(self, index: int) -> None:
        data = bytes(self._begun)
        self._begun.clear()
        if not await self.on_disk(lambda: self._part.write(index, data)):
            raise WrongChunk(index * CHUNK_BYTES)
        self.taken += 1
        self.left -= 1
        self._waiting += 1
        is_late = self._clock.monotonic() - self._flushed_at >= FLUSH_S
        if self._waiting >= FLUSH_CHUNKS or is_late:
            await self.flush()
