"""Who decides in the simulator: rules of thumb, oracles, and edged's own modules.

Law: who is no oracle sees sensors and its own runs alone.
"""

import math
from collections.abc import Sequence

import msgspec

from benchmarks.adapt.weather import Sight
from benchmarks.adapt.world import HOT_C
from edged.adapt import headroom
from edged.adapt.choice import Costed, Options, Streams, allowed
from edged.adapt.strategy import TABLE, Standing, decide
from edged.adapt.thermal import Thermal
from edged.serve.bearing import AHEAD_S, Bearing
from edged.serve.choosing import MARGIN
from edged.serve.conditions import QUIET, Conditions
from edged.serve.stats import Recent
from edged.wire.adapt import Headroom, Strategy

#: A Pi's sensor has such steps.
STEP_C = 0.487
#: The duty of late, for a forecast, is averaged over so many seconds.
DUTY_S = 10.0


class Static:
    """Always the same variant."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.duty = 1.0

    def look(self, sight: Sight) -> None:
        """See nothing."""

    def pick(self, *, now_s: float, wait_s: float, truth: Sequence[float]) -> int:
        """Choose as ever."""
        del now_s, wait_s, truth
        return self.index

    def needs_s(self, index: int) -> float:
        """Rest never."""
        del index
        return 0.0

    def ran(self, index: int, *, taken_s: float, now_s: float) -> None:
        """Learn nothing."""


class Oracle(Static):
    """Knows how long every run will take; cares for no heat."""

    def __init__(self, deadline_s: float) -> None:
        super().__init__(0)
        self._deadline_s = deadline_s

    def pick(self, *, now_s: float, wait_s: float, truth: Sequence[float]) -> int:
        """Choose the best that is in time, else none: what is late helps nobody."""
        del now_s
        left_s = self._deadline_s - wait_s
        return next((i for i, taken in enumerate(truth) if taken <= left_s), -1)


class Seed(Static):
    """Throttling now? A lighter model."""

    def __init__(self, last: int) -> None:
        super().__init__(0)
        self._lighter = min(1, last)

    def look(self, sight: Sight) -> None:
        """See whether it is hot."""
        self.index = self._lighter if sight.temp_c >= HOT_C else 0


class Hysteresis(Static):
    """Lighter from 78 C, heavier from 72 C, at most every ten seconds."""

    def __init__(self, last: int) -> None:
        super().__init__(0)
        self._last, self._since_s = last, -10.0

    def look(self, sight: Sight) -> None:
        """See how hot it is."""
        step = (sight.temp_c >= 78.0) - (sight.temp_c <= 72.0)
        index = min(self._last, max(0, self.index + step))
        if index != self.index and sight.now_s - self._since_s >= 10.0:
            self.index, self._since_s = index, sight.now_s


class Ours(Static):
    """What edged does, with its own modules; the stream is of high priority."""

    def __init__(self, variants: Sequence[Costed], deadline_s: float) -> None:
        super().__init__(0)
        self._variants, self._deadline_s = variants, deadline_s
        self._cpu_s = [variant.cpu_s for variant in variants]
        self._recent = [Recent() for _ in variants]
        self._places = {variant.id: i for i, variant in enumerate(variants)}
        self._conditions = Conditions(cores=1)
        self._thermal, self._bearing, self._streams = Thermal(), Bearing(), Streams()
        self._standing, self._duty, self._looked_s = Standing(), 0.0, -math.inf
        self._options: Options = allowed(variants, cost=1.0)
        self._made = (Strategy.NORMAL, math.inf)

    def look(self, sight: Sight) -> None:
        """Decide on a strategy, and on what the box bears."""
        read_c = round(sight.temp_c / STEP_C) * STEP_C
        self._duty += (sight.duty - self._duty) / DUTY_S
        self._thermal.observe(sight.now_s, temp_c=read_c, duty=sight.duty)
        if sight.now_s - self._looked_s >= TABLE[self._standing.strategy].period_s:
            self._looked_s = sight.now_s
            rooms = self._headrooms(sight, read_c)
            self._standing = decide(self._standing, rooms, now_s=sight.now_s)
        self._bear(sight.now_s, read_c)
        caps = TABLE[self._standing.strategy]
        self.duty = caps.duty
        made = (self._standing.strategy, self._bearing.bearable_s)
        if made != self._made:
            self._made = made
            self._options = allowed(
                self._variants, cost=caps.cost, bearable_s=self._bearing.bearable_s
            )

    def _headrooms(self, sight: Sight, read_c: float) -> tuple[Headroom, ...]:
        fit, ahead_c = self._thermal.fit, None
        if fit is not None:
            ahead_c = fit.ahead_c(read_c, duty=self._duty, seconds=AHEAD_S)
        return (
            headroom.thermal(read_c, ahead_c=ahead_c),
            headroom.power(
                capacity_pct=sight.capacity_pct,
                discharging=sight.capacity_pct is not None,
                under_voltage_s=sight.under_voltage_s,
            ),
            headroom.memory(available=sight.available, total=1.0, stalled=None),
        )

    def _bear(self, now_s: float, read_c: float) -> None:
        """See what the heat lets run."""
        slow = math.exp(self._conditions.slowdown(now_s).mean)
        runs = [recent.count for recent in self._recent]
        self._bearing.count(now_s, runs=runs, cpu_s=self._cpu_s, slowdown=slow)
        self._bearing.look(
            now_s,
            regime=msgspec.structs.replace(QUIET, fit=self._thermal.fit, temp_c=read_c),
            cpu_s=self._cpu_s,
            slowdown=slow,
            cores=1,
            others=0.0,
        )

    def pick(self, *, now_s: float, wait_s: float, truth: Sequence[float]) -> int:
        """Choose by deadline and slow-down; a wait is guessed, as `serve` does."""
        del truth
        options = self._options
        best = self._places[options[0].id]
        guess_s = MARGIN * self._usual_s(best) if wait_s else 0.0
        if len(options) == 1:
            is_late = guess_s > 0 and 2 * guess_s > self._deadline_s
            return -1 if is_late else best
        pick = self._streams.choose(
            options,
            deadline_s=self._deadline_s,
            wait_s=guess_s,
            slowdown=self._conditions.slowdown(now_s),
            now_s=now_s,
        )
        return -1 if pick.index is None else self._places[pick.id]

    def needs_s(self, index: int) -> float:
        """Leave two usual runs and half of the time, as the scheduler does."""
        return max(2 * self._usual_s(index), self._deadline_s / 2)

    def ran(self, index: int, *, taken_s: float, now_s: float) -> None:
        """Learn how long it took."""
        self._recent[index].add(int(taken_s * 1e9))
        variant = self._variants[index]
        self._conditions.learn(variant, taken_s=taken_s, size=1.0, now_s=now_s)

    def _usual_s(self, index: int) -> float:
        return self._recent[index].usual_ns / 1e9
