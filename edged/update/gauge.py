"""How fast something arrives.

Law: of the last seconds, or of fewer since its beginning; nothing once nothing comes.
"""

from collections import deque

from edged.host.clock import Clock

#: What a rate is measured over, in seconds.
OVER_S = 10.0

#: Less is no time to tell a rate by.
LEAST_S = 0.5


class Gauge:
    """Counts bytes as they come.

    Args:
        clock: tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()
        self._began_s = 0.0

    def begin(self) -> None:
        """Count from now on."""
        self._samples.clear()
        self._began_s = self._clock.monotonic()

    def add(self, count: int) -> None:
        """Count some more."""
        now_s = self._clock.monotonic()
        self._samples.append((now_s, count))
        while now_s - self._samples[0][0] > OVER_S:
            self._samples.popleft()

    @property
    def rate(self) -> float:
        """Bytes per second."""
        now_s = self._clock.monotonic()
        since_s = max(now_s - OVER_S, self._began_s)
        count = sum(count for at_s, count in self._samples if at_s >= since_s)
        return count / max(LEAST_S, now_s - since_s)
