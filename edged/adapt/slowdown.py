"""How much slower than its profile this box runs now: the sensor that is never missing.

Law: pure; the clock is a parameter. A scalar Kalman filter, after ALERT (USENIX ATC
2020), on the logarithm of measured over profiled time: twice as slow and half as slow
are equally far from usual, and no time is negative. Between runs it forgets, so that a
box which refused everything, and measured nothing, tries again.

Heat, contention, a stuck governor and a bad supply all look alike from here; which of
them it is, `headroom` tells where a sensor does.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

#: What was measured so long ago has lost two thirds of its worth. Contention comes and
#: goes in tens of seconds.
FORGET_S = 60.0

#: Added to every time before two are compared. A run of a tiny variant costs more
#: between others than in a row (cold caches, a clock that has gone down: 0.35 instead
#: of 0.15 ms as measured), and says nothing of a large one by that.
AROUND_S = 0.001

#: Usual spread of the slow-down where nothing was measured of late: e**0.25 is 1.28.
USUAL_SD = 0.25

#: How far a profile may be off for one variant, before it has run here.
BIAS_SD = 0.12
#: A bias stays this uncertain, so that it follows what lasts: some 500 runs.
BIAS_FLOOR = 0.004**2

#: Spread of one run by itself: to begin with, and the least that is believed.
RUN_SD = 0.05
RUN_FLOOR = 0.01**2
#: Runs over which that spread is learnt.
RUN_MEMORY = 64

#: Variants whose bias is kept: those that ran last.
BIASES = 64

#: So many standard deviations off is a surprise. One is a hiccup, and counts no more
#: than that; a second one on the same side is news, and is believed at once.
SURPRISE = 3.0


class Bias(msgspec.Struct, frozen=True):
    """How one variant differs from the box, as a logarithm; and how sure that is."""

    mean: float = 0.0
    variance: float = BIAS_SD**2


#: Of a variant that never ran here.
UNSEEN = Bias()


class Estimate(msgspec.Struct, frozen=True):
    """The slow-down of the next run, as a logarithm.

    Attributes:
        mean: 0 as profiled, `ln(2)` twice as slow; of times with `AROUND_S`.
        variance: of the box's slow-down and of one run together.
        biases: by variant, to be added; those that never ran are missing.
    """

    mean: float
    variance: float
    biases: Mapping[str, Bias] = MappingProxyType({})


#: Of a box that has measured nothing.
UNKNOWN = Estimate(0.0, USUAL_SD**2 + RUN_SD**2)


class Slowdown:
    """The filter of one box, over the runs of all its models."""

    def __init__(self) -> None:
        self._at_s: float | None = None
        self._mean = 0.0
        self._variance = USUAL_SD**2
        self._run = RUN_SD**2
        self._biases: dict[str, Bias] = {}
        self._surprise = 0

    def observe(
        self, variant: str, *, taken_s: float, profiled_s: float, now_s: float
    ) -> None:
        """Learn from one run.

        Args:
            variant: whose; a name that is unique among all models.
            taken_s: service time, without its wait.
            profiled_s: the same on a quiet box with as many threads.
            now_s: on the monotonic clock.
        """
        self._mean, self._variance = self._forgotten(now_s)
        self._at_s = now_s
        bias = self._biases.get(variant, UNSEEN)
        slower = (taken_s + AROUND_S) / (profiled_s + AROUND_S)
        off = math.log(slower) - self._mean - bias.mean
        off = self._tempered(off, bias)
        whole = self._variance + bias.variance + self._run
        gain, slow_gain = self._variance / whole, bias.variance / whole
        self._mean += gain * off
        self._variance *= 1 - gain
        biases = {**self._biases}  # whoever has an estimate keeps the old ones
        biases.pop(variant, None)
        biases[variant] = Bias(
            bias.mean + slow_gain * off,
            max(BIAS_FLOOR, bias.variance * (1 - slow_gain)),
        )
        if len(biases) > BIASES:
            del biases[next(iter(biases))]
        self._biases = biases
        # What was expected times what is left of it has the noise as its mean.
        noise = off * off * (1 - gain - slow_gain)
        self._run = max(RUN_FLOOR, self._run + (noise - self._run) / RUN_MEMORY)

    def estimate(self, now_s: float) -> Estimate:
        """Return what to expect of the next run."""
        mean, variance = self._forgotten(now_s)
        return Estimate(mean, variance + self._run, self._biases)

    def _forgotten(self, now_s: float) -> tuple[float, float]:
        """Let the time since the last run pass: back to usual, less and less sure."""
        if self._at_s is None:
            return self._mean, self._variance
        kept = math.exp((self._at_s - now_s) / FORGET_S)
        usual = USUAL_SD**2
        return self._mean * kept, usual + (self._variance - usual) * kept * kept

    def _tempered(self, off: float, bias: Bias) -> float:
        """Clip a first surprise; open up to a second one."""
        most = SURPRISE * math.sqrt(self._variance + bias.variance + self._run)
        if abs(off) <= most:
            self._surprise = 0
            return off
        side = 1 if off > 0 else -1
        if side == self._surprise:
            self._variance += off * off
            return off
        self._surprise = side
        return side * most

    def __repr__(self) -> str:
        return f"x{math.exp(self._mean):.2f}, {len(self._biases)} variants"
