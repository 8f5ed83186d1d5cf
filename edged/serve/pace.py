"""How fast a queue is served.

Law: pure; the clock is a parameter. Workers share cores with each other, with the
loop and with whoever asks, so what a queue is served at is measured, not computed
from what a run takes.
"""


class Pace:
    """The time between two ends of runs while requests wait, of late.

    Attributes:
        usual_s: a moving average over about the last eight; 0 while unknown.
    """

    def __init__(self) -> None:
        self.usual_s = 0.0
        self._last_s: float | None = None

    def ended(self, now_s: float, *, runs: int, waiting: bool) -> None:
        """Learn from the end of some runs.

        Args:
            now_s: on the monotonic clock.
            runs: that ended together.
            waiting: whether others wait: if not, the next end tells nothing.
        """
        if self._last_s is not None:
            each_s = (now_s - self._last_s) / runs
            self.usual_s += (each_s - self.usual_s) / 8 if self.usual_s else each_s
        self._last_s = now_s if waiting else None
