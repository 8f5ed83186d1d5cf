"""How dear a variant of one model the box bears without getting too hot.

Law: pure; the clock is a parameter. What its runs took of late says how far each
variant would heat the box, if it answered all of that. Without a temperature, or
before the box is understood, every variant is borne.
"""

import math
from collections.abc import Sequence

from edged.adapt.regime import Regime
from edged.adapt.thermal import Ceiling

#: So far ahead the box is looked at.
AHEAD_S = 30.0

#: Between two looks, at least; a small board needs minutes to get hot.
LOOK_S = 1.0

#: What runs took is averaged over so long.
_MEMORY_S = 10.0


class Bearing:
    """One model's ceiling.

    Attributes:
        bearable_s: CPU time of an answer that is borne, on a quiet box.
        used: cores that its runs took of late, as a number of them.
    """

    def __init__(self) -> None:
        self.bearable_s = math.inf
        self.used = 0.0
        self._rate = 0.0  # answers per second
        self._ceiling = Ceiling()
        self._last: tuple[float, tuple[int, ...]] | None = None

    def count(
        self,
        now_s: float,
        *,
        runs: Sequence[int],
        cpu_s: Sequence[float],
        slowdown: float,
    ) -> None:
        """Take what ran since the last time into account.

        Args:
            now_s: on the monotonic clock.
            runs: that each variant ever did.
            cpu_s: CPU time of one of its answers on a quiet box.
            slowdown: of the box, as a factor.
        """
        before, self._last = self._last, (now_s, tuple(runs))
        if before is None or len(before[1]) != len(runs):
            return
        span_s = max(1e-3, now_s - before[0])
        ran = [new - old for new, old in zip(runs, before[1], strict=True)]
        used = slowdown * sum(n * s for n, s in zip(ran, cpu_s, strict=True)) / span_s
        kept = math.exp(-span_s / _MEMORY_S)
        self.used = used + (self.used - used) * kept
        self._rate += (sum(ran) / span_s - self._rate) * (1 - kept)

    def look(
        self,
        now_s: float,
        *,
        regime: Regime,
        cpu_s: Sequence[float],
        slowdown: float,
        cores: int,
        others: float,
    ) -> None:
        """Move the ceiling to where the heat lets it be.

        Args:
            now_s: on the monotonic clock.
            regime: the heat that a run must bear.
            cpu_s: as `count` has it.
            slowdown: of the box, as a factor.
            cores: that it has.
            others: cores that the other models' runs take.
        """
        fit, temp_c = regime.fit, regime.temp_c
        if fit is None or temp_c is None or not cpu_s:
            self.bearable_s = math.inf
            return
        dear = sorted(set(cpu_s), reverse=True)
        used = [self._rate * each * slowdown for each in dear]
        now = _duty(self.used + others, cores)
        rank = self._ceiling.update(
            now_s,
            ahead_c=fit.ahead_c(temp_c, duty=now, seconds=AHEAD_S),
            steady_c=[fit.steady_c(_duty(each + others, cores)) for each in used],
            limit_c=regime.limit_c,
        )
        self.bearable_s = dear[min(rank, len(dear) - 1)] if rank else math.inf

    def __repr__(self) -> str:
        return f"{self.used:.2f} cores, ceiling {self._ceiling.rank}"


def _duty(used: float, cores: int) -> float:
    return min(1.0, used / cores)
