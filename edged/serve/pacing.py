"""How long a model rests between its runs, so that they take their share and no more.

Law: pure; the clock is a parameter. Rest follows work: after a run that took one
second, a model that may run half of the time rests one. What it did not use it does
not save up: no burst makes up for a quiet hour. The scheduler ends a rest for which
somebody would be late: a box answers with less before it answers late. What such
requests made it skip is not made up for without an end.
"""

#: The longest rest that is owed for several runs; one long run may ask for more.
OWED_MOST_S = 10.0


class Pacing:
    """One model's duty.

    Attributes:
        duty: largest share of time that its runs may take; 1 for all of it.
    """

    def __init__(self) -> None:
        self.duty = 1.0
        self._until_s = 0.0

    def ran(self, now_s: float, *, taken_s: float, workers: int) -> None:
        """Take a run into account that ended now.

        Args:
            now_s: on the monotonic clock.
            taken_s: that it took.
            workers: that share the rest, as they share the work.
        """
        if self.duty < 1.0:
            rest_s = taken_s * (1 / self.duty - 1) / workers
            owed_s = max(now_s, self._until_s) + rest_s
            self._until_s = min(owed_s, now_s + max(rest_s, OWED_MOST_S))

    def left_s(self, now_s: float) -> float:
        """Return for how long it is still to rest; 0 for not at all."""
        return max(0.0, self._until_s - now_s) if self.duty < 1.0 else 0.0
