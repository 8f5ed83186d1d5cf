"""How fast a download may go, and when it must wait.

Law: a download is the least important thing on the box. It takes no more than its rate
over any longer time, and goes on only while whoever has the right of way lets it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from edged.host.clock import Clock

#: Seconds' worth of bytes that may come at once after a wait.
_BURST_S = 1.0


async def _at_once() -> None:
    """Nobody else wants anything."""


class Pace:
    """A token bucket, and a turnstile. On the loop only.

    Args:
        clock: tells the time.
        rate: bytes per second; None for as many as come.
        clear: returns when the way is clear, at once while it is; may be cancelled.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rate: int | None = None,
        clear: Callable[[], Awaitable[None]] = _at_once,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._rate, self._sleep = clock, rate, sleep
        self._clear = clear
        self._tokens = (rate or 0) * _BURST_S
        self._at = clock.monotonic()

    async def clear(self, *, within_s: float | None = None) -> bool:
        """Wait until the way is clear; True when it is.

        Args:
            within_s: the longest to wait; None for as long as it takes.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._clear()
        except TimeoutError:
            return False
        return True

    async def spend(self, count: int) -> None:
        """Pay for bytes that came; returns when the next ones may."""
        if self._rate is None:
            return
        now = self._clock.monotonic()
        earned = (now - self._at) * self._rate
        self._tokens = min(self._tokens + earned, self._rate * _BURST_S) - count
        self._at = now
        if self._tokens < 0:
            await self._sleep(-self._tokens / self._rate)
