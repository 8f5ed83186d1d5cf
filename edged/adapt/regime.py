"""What holds now, as everybody who adapts reads it.

Law: a value. The governor publishes it when something that matters has changed, and
nobody else does; who reads it finds the caps of every strategy in it, and the heat that
a run must bear, so that all decide by the same look at the box.
"""

from collections.abc import Mapping

import msgspec

from edged.adapt.thermal import Fit
from edged.wire.adapt import Caps, Headroom, Strategy

#: Changes that are worth a thought: a Pi's sensor has steps of 0.49 C.
TEMP_STEP_C = 0.5
MEMORY_STEP = 0.05
#: Of where the box settles, at rest and with full duty; and the factor of its time.
FIT_STEP_C = 1.0
TAU_STEP = 1.1


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy in force, its caps, and the heat that a run must bear.

    Attributes:
        because: in words, with the figures.
        by: who forced it; None where the headrooms decided.
        since_s: when the strategy in force changed, on the monotonic clock.
        caps: of that strategy, as the settings say.
        table: the caps of every strategy; see `strategy.cost_cap`.
        fit: what was learnt of the box's heat; None before the first reading.
        temp_c: of what is nearest to its limit; None where nothing says it.
        limit_c: that it must not reach.
        memory: how much is left, for who keeps models resident.
    """

    strategy: Strategy
    because: str
    by: str | None = None
    since_s: float
    caps: Caps
    table: Mapping[Strategy, Caps]
    fit: Fit | None = None
    temp_c: float | None = None
    limit_c: float
    memory: Headroom

    def matters(self, before: "Regime") -> bool:
        """Tell whether somebody would decide otherwise by this than by the one before.

        Not for the last digit of a temperature, and not for other words.
        """
        same = (self.strategy, self.by, self.since_s, self.table, self.limit_c)
        was = (
            before.strategy,
            before.by,
            before.since_s,
            before.table,
            before.limit_c,
        )
        return (
            same != was
            or _moved(before.temp_c, self.temp_c, TEMP_STEP_C)
            or _moved(before.memory.value, self.memory.value, MEMORY_STEP)
            or _refitted(before.fit, self.fit)
        )


def _moved(before: float | None, now: float | None, step: float) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(now - before) >= step


def _refitted(before: Fit | None, now: Fit | None) -> bool:
    if before is None or now is None:
        return before is not now
    return (
        abs(now.steady_c(1.0) - before.steady_c(1.0)) >= FIT_STEP_C
        or abs(now.idle_c - before.idle_c) >= FIT_STEP_C
        or not 1 / TAU_STEP < now.tau_s / before.tau_s < TAU_STEP
    )
