"""Releases in probation: who watches them, and who is told.

Law: on the loop; nothing is polled. A release is looked at when it answers, and when
its time is over. It is told once: tripped, or good.
"""

import asyncio
import time
from collections.abc import Callable

from edged.activate.probation import PATIENCE, Probation, Trip
from edged.activate.swapper import Observation
from edged.host.process import Self

#: Between two looks at the memory, which cost 0.1 ms each.
_MEMORY_EVERY_S = 5.0


class Watched:
    """One model's release in probation."""

    def __init__(
        self,
        probation: Probation,
        *,
        duration_s: float,
        tripped: Callable[[Trip], None],
        good: Callable[[], None],
    ) -> None:
        self._probation = probation
        self._tripped = tripped
        self._good = good
        self._process = Self()
        self._memory_at_s = time.monotonic() + _MEMORY_EVERY_S
        self._is_over = False
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(duration_s * times, self._look) for times in (1, PATIENCE)
        ]

    def observe(self, seen: Observation) -> None:
        """Look at one run."""
        if self._is_over:
            return
        now_s = time.monotonic()
        trip = self._probation.observe(seen, now_s)
        if trip is None and now_s >= self._memory_at_s:
            self._memory_at_s = now_s + _MEMORY_EVERY_S
            trip = self._probation.memory(self._process.usage().rss_bytes)
        if trip is not None:
            self.end()
            self._tripped(trip)
        else:
            self._look()

    def left(self) -> str:
        """Say what it still has to do."""
        return f"{self._probation.left(time.monotonic())}"

    def end(self) -> None:
        """Watch no longer."""
        self._is_over = True
        for timer in self._timers:
            timer.cancel()

    def _look(self) -> None:
        if not self._is_over and self._probation.due(time.monotonic()):
            self.end()
            self._good()
