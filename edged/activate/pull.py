"""An asynchronous stream, pulled by a thread.

Law: the thread waits, never the loop. Once closed, the next pull raises, also the one
that is waiting: a caller who went away holds no thread.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from edged.errors import InvalidRequest

T = TypeVar("T")


class Pull:
    """Iterate in a thread over what arrives on the loop. Made on the loop."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._waiting: Future[bytes | None] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces, in the thread, until the stream ends.

        Raises:
            InvalidRequest: the stream was closed first.
        """
        while True:
            self._waiting = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
            got = self._waiting.result()
            if got is None:
                return
            yield got

    async def _next(self) -> bytes | None:
        if self._closed:
            raise InvalidRequest("cannot read on: the caller went away")
        return await anext(self._chunks, None)

    def close(self) -> None:
        """End it, on the loop."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()


async def pulled(
    chunks: AsyncIterator[bytes], take: Callable[[Pull], T], thread: Executor
) -> T:
    """Let a thread take a stream to its end; a caller who goes away ends it."""
    pull = Pull(chunks)
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(thread, take, pull)
    except asyncio.CancelledError:
        pull.close()
        raise
