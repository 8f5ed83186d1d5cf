"""How the box is, as all models see it: what holds now, and how slow it is.

Law: nothing is decided here. The strategy is somebody else's to say; the slow-down is
learnt from the runs of every model. Call on the event loop only.
"""

import os

from edged.adapt import headroom
from edged.adapt.choice import Costed
from edged.adapt.regime import Regime
from edged.adapt.slowdown import UNKNOWN, Estimate, Slowdown
from edged.adapt.strategy import TABLE
from edged.wire.adapt import Axis, Headroom, Strategy

#: A box of which nothing is known, and on which nothing is short.
QUIET = Regime(
    strategy=Strategy.NORMAL,
    because="nothing is short",
    by=None,
    since_s=0.0,
    caps=TABLE[Strategy.NORMAL],
    table=TABLE,
    fit=None,
    temp_c=None,
    limit_c=headroom.LIMIT_C,
    memory=Headroom(axis=Axis.MEMORY, value=None),
)

#: An estimate forgets with the time: after so long it is asked for anew.
_FRESH_S = 0.1

#: A model that said nothing for so long runs nothing.
_IDLE_S = 10.0


class Conditions:
    """What every choice rests on.

    Args:
        cores: that runs may use; None asks the kernel.

    Attributes:
        regime: what holds now; set by `Registry.obey` alone.
        cores: of the box.
    """

    def __init__(self, *, cores: int | None = None) -> None:
        self.regime = QUIET
        self.cores = cores or len(os.sched_getaffinity(0))
        self._used: dict[str, tuple[float, float]] = {}
        self._slowdown = Slowdown()
        self._estimate = UNKNOWN
        self._stale_s = 0.0

    def slowdown(self, now_s: float) -> Estimate:
        """Return what to expect of the next run, on the monotonic clock."""
        if now_s >= self._stale_s:
            self._estimate = self._slowdown.estimate(now_s)
            self._stale_s = now_s + _FRESH_S
        return self._estimate

    def learn(self, cost: Costed, *, taken_s: float, size: float, now_s: float) -> None:
        """Learn from a run that took so long, on inputs of such a size."""
        self._slowdown.observe(
            cost.id, taken_s=taken_s / size, profiled_s=cost.wall_s, now_s=now_s
        )
        self._stale_s = 0.0

    def used(self, model: str, cores: float, now_s: float) -> float:
        """Say how many cores a model's runs take; return what the others' take."""
        self._used[model] = cores, now_s
        self._used = {
            name: (used, at_s)
            for name, (used, at_s) in self._used.items()
            if now_s - at_s < _IDLE_S
        }
        return sum(used for used, _ in self._used.values()) - cores

    def __repr__(self) -> str:
        return f"{self.regime.strategy.value}, {self._slowdown!r}"
