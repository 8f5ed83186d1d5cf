"""Requests that wait for an answer go before bytes that could come.

Law: while requests wait, a download takes a piece each `MOST_S` and no more. So it
costs them next to nothing, and still comes to its end on a box that always has work.
Nothing is asked while nothing is fetched.
"""

import asyncio
from collections.abc import Awaitable, Callable

from edged.host.clock import Clock

#: The longest that a piece waits: with the client's pieces of at most 128 KiB, a box
#: that is never idle fetches as many bytes a second, and hashes them in some
#: milliseconds.
MOST_S = 1.0

#: Between two looks at who waits.
LOOK_S = 0.05

#: It is told for as long after the last request that waited: a queue comes and goes.
TOLD_S = 5.0


class Yielding:
    """Gives way. On the loop.

    Args:
        waiting: tells whether requests wait.
        clock: tells the time.
        changed: called when it begins to give way, or ends to.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        waiting: Callable[[], Awaitable[bool]],
        clock: Clock,
        changed: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._waiting, self._clock = waiting, clock
        self._changed, self._sleep = changed, sleep
        self._seen_s: float | None = None

    @property
    def gives_way(self) -> bool:
        """Tell whether requests waited a moment ago."""
        if self._seen_s is None:
            return False
        return self._clock.monotonic() - self._seen_s < TOLD_S + MOST_S

    async def clear(self) -> None:
        """Return when no request waits, or after `MOST_S`."""
        now_s = self._clock.monotonic
        until_s = now_s() + MOST_S
        while await self._waiting():
            self._see(now_s())
            if now_s() >= until_s:
                return
            await self._sleep(LOOK_S)
        if self._seen_s is not None and now_s() - self._seen_s >= TOLD_S:
            self._see(None)

    def _see(self, at_s: float | None) -> None:
        before, self._seen_s = self._seen_s, at_s
        if (before is None) != (at_s is None):
            self._changed()
