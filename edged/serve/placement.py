"""Where a variant's runs happen: on the loop, or on a worker.

Law: pure; decided by measurement and measured again all the time. A run comes to the
loop only if runs on inputs of its size were short of late: two switches between
threads would cost more than it takes. A run that stalls the loop all the same sends
its variant away, for twice as long each time that it happens again soon.
"""

import enum
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

#: Shorter than a garbage collection; two switches to a thread and back take a tenth
#: of it on a fast machine and a third on a slow one.
INLINE_MS = 1.0

#: Leaving the loop again takes a clearer sign than coming to it.
OUTLINE_MS = 1.5

#: Health must answer in 5 ms.
STALL_MS = 4.0

#: Runs between two looks; one in twenty of them may be long, as noise is.
MEASURED = 32
NOISE = 20

#: A variant that stalls again and again is left alone for so many looks.
LONGEST_PENALTY = 1 << 10


class Placement(enum.Enum):
    """Where a variant runs."""

    LOOP = "loop"
    THREAD = "thread"


class Placer:
    """One variant's place."""

    def __init__(self) -> None:
        self.bound_bytes = -1  # inputs up to this size may run on the loop
        self._window: list[tuple[int, int]] = []
        self._penalty = 1
        self._looks_left = 1

    @property
    def placement(self) -> Placement:
        """Where the next run of a usual size happens."""
        return Placement.LOOP if self.bound_bytes >= 0 else Placement.THREAD

    def allows(self, input_bytes: int) -> bool:
        """Tell whether a run on this much input may happen on the loop."""
        return input_bytes <= self.bound_bytes

    def observe(self, input_bytes: int, ns: int) -> None:
        """Learn from one run."""
        if ns > STALL_MS * 1e6 and self.allows(input_bytes):
            self.bound_bytes = -1
            self._penalty = min(2 * self._penalty, LONGEST_PENALTY)
            self._looks_left = self._penalty
            self._window.clear()
            return
        self._window.append((input_bytes, ns))
        if len(self._window) < MEASURED:
            return
        self._looks_left = max(0, self._looks_left - 1)
        here = self.placement is Placement.LOOP
        if here:  # what the machine did to it once is forgotten
            self._penalty = max(1, self._penalty // 2)
        if not self._looks_left:
            limit_ms = OUTLINE_MS if here else INLINE_MS
            self.bound_bytes = short_up_to(self._window, limit_ns=int(limit_ms * 1e6))
        self._window.clear()


def short_up_to(runs: Iterable[tuple[int, int]], *, limit_ns: int) -> int:
    """Return the largest input up to which runs were short; -1 if not even half were.

    Args:
        runs: bytes of input and nanoseconds of each.
        limit_ns: what is short; one run in `NOISE` may take longer.
    """
    ordered = sorted(runs)
    bound, seen, long = -1, 0, 0
    for size, group in groupby(ordered, key=itemgetter(0)):
        slow = [ns > limit_ns for _, ns in group]
        seen += len(slow)
        long += sum(slow)
        is_noise = long * NOISE <= seen + NOISE
        if is_noise and 2 * sum(slow) < len(slow) and 2 * seen >= len(ordered):
            bound = size
    return bound
