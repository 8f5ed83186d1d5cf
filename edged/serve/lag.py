"""How late threads are woken.

Law: pure; the clock is a parameter. On a busy core a worker begins late, and the loop
hears late of its end. That is no part of a run and does not grow with it, so it is
kept apart from what runs take; and it is soon forgotten, as neighbours come and go.
"""

import math

#: What was seen so long ago has lost two thirds of its worth.
_FORGET_S = 10.0
#: What one run says of the next ones.
_NEW = 0.25


class Lag:
    """One model's."""

    def __init__(self) -> None:
        self._usual_s = 0.0
        self._at_s = 0.0

    def woken(self, now_s: float, *, late_s: float) -> None:
        """Learn from one run.

        Args:
            now_s: on the monotonic clock.
            late_s: from when it was given to a worker until the loop heard of its end,
                less what it took.
        """
        usual_s = self.usual_s(now_s)
        self._usual_s = usual_s + (late_s - usual_s) * _NEW
        self._at_s = now_s

    def usual_s(self, now_s: float) -> float:
        """Return how late they are now, as far as is known."""
        if not self._usual_s:
            return 0.0
        return self._usual_s * math.exp((self._at_s - now_s) / _FORGET_S)
