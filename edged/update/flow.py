"""A body as it comes: never too long, never too slow, never for ever.

Law: times are those that the network let us wait; while we are the slow ones (a rate, a
disk, inference with the right of way) no clock runs. Memory: what the client buffers.
"""

import asyncio
from collections.abc import AsyncGenerator

import aiohttp
import msgspec
import yarl

from edged.errors import NotFetched
from edged.update.head import Head
from edged.update.trouble import not_fetched, told
from edged.wire.updates import Reason


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take.

    Attributes:
        connect_s: for a name, a connection and TLS together.
        gap_s: between two bytes, and before the first.
        slow_bytes_s: the least rate, held over each `slow_over_s` of waiting.
        spare_s: that a file may take beside its size at the least rate.
        redirects: that are followed.
    """

    connect_s: float = 15.0
    gap_s: float = 30.0
    slow_bytes_s: float = 1024.0
    slow_over_s: float = 60.0
    spare_s: float = 120.0
    redirects: int = 5


class Meter:
    """Whether a host keeps up, by the time that it made us wait. Pure.

    Args:
        limits: the least rate.
        expected: bytes that are to come.
    """

    def __init__(self, limits: Limits, expected: int) -> None:
        self._limits = limits
        self._least = limits.slow_bytes_s * limits.slow_over_s
        self._deadline_s = limits.spare_s + expected / limits.slow_bytes_s
        self._waited_s = self._in_all_s = 0.0
        self._count = 0

    def fault(self, count: int, waited_s: float) -> str:
        """Add bytes and what they took; say why that is too slow, or nothing."""
        self._count += count
        self._waited_s += waited_s
        self._in_all_s += waited_s
        if self._in_all_s > self._deadline_s:
            return f"not done after {self._in_all_s:.0f} s"
        if self._waited_s >= self._limits.slow_over_s:
            if self._count < self._least:
                return f"{self._count} bytes in {self._waited_s:.0f} s"
            self._waited_s, self._count = 0.0, 0
        return ""


async def flow(
    url: yarl.URL,
    head: Head,
    stream: aiohttp.StreamReader,
    limits: Limits,
    max_bytes: int,
) -> AsyncGenerator[bytes, None]:
    """Yield a body's bytes.

    Args:
        url: for messages.
        head: what the host said of it.
        stream: of the client.
        limits: of time.
        max_bytes: where the host did not say how many there are.

    Raises:
        NotFetched: cut, stalled, too slow, too long.
    """
    most = max_bytes if head.length is None else head.length
    meter = Meter(limits, most)
    loop = asyncio.get_running_loop()
    count = 0
    while True:
        began = loop.time()
        data, failed = await _next(url, stream, limits.gap_s)
        count += len(data)
        slow = meter.fault(len(data), loop.time() - began)
        if slow and failed is None:
            failed = not_fetched(url, Reason.TOO_SLOW, f"the host is too slow: {slow}")
        if count > most:
            raise _too_long(url, head, most)
        if data:
            yield data
        if failed is not None:
            raise failed
        if not data:
            break
    if head.length is not None and count < head.length:
        why = f"the connection ended after {count} of {head.length} bytes"
        raise not_fetched(url, Reason.CUT, why)


async def _next(
    url: yarl.URL, stream: aiohttp.StreamReader, gap_s: float
) -> tuple[bytes, NotFetched | None]:
    """Return what came, and why no more will.

    When a connection breaks the client forgets what it had read of it, which on a bad
    link is most of what comes; a test guards the private name that gives it back.
    """
    try:
        with told(url):
            async with asyncio.timeout(gap_s):
                return await stream.readany(), None
    except NotFetched as failed:
        return stream._read_nowait(-1), failed  # noqa: SLF001  # see above


def _too_long(url: yarl.URL, head: Head, most: int) -> NotFetched:
    if head.length is not None:
        why = f"more than the {most} bytes that the host spoke of come"
        return not_fetched(url, Reason.WRONG_LENGTH, why)
    return not_fetched(url, Reason.ENDLESS, f"more than {most} bytes come")
