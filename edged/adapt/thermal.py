"""How hot the box will be: one node that loses heat, fitted while it works.

Law: pure; the clock is a parameter. `dT/dt = (idle + rise * duty - T) / tau`: the fit
is a Kalman filter on the three coefficients of the right side, with a prior that is a
small board's. Idle temperature may drift with the room; the board itself hardly does.

A limit far ahead is not a limit now: a box uses its heat capacity, then stays below.
"""

import math
from collections.abc import Sequence

import msgspec

#: Readings are joined over so long: a Pi's sensor has steps of 0.49 C.
WINDOW_S = 10.0
#: After such a gap the box has seen what we have not.
GAP_S = 60.0

#: A small board without a fan: the time constant (a pilot's was 140 s), and by how much
#: full duty heats it. Each with its standard deviation, or factor of it.
TAU_S, TAU_FACTOR = 140.0, 0.5
RISE_C, RISE_SD = 35.0, 20.0
IDLE_SD = 20.0

#: How far the idle temperature and the rise may drift in one window.
_IDLE_DRIFT_C = 0.4
_RISE_DRIFT_C = 0.2
#: Of a temperature's change over one window: two steps of a sensor, and what one node
#: leaves out.
_CHANGE_SD_C = 0.35

_TAU_RANGE_S = (20.0, 1800.0)
_RISE_RANGE_C = (1.0, 150.0)

#: A cooler variant is taken when the forecast comes this near to the limit; it must
#: bring the box this far below it in the long run.
NEAR_C = 1.5
CLEAR_C = 2.0
#: A hotter one is taken again when even that would stay so far below, not before this
#: time, and each time that it was wrong twice as late.
BACK_C = 4.0
BACK_S = 60.0
BACK_MOST_S = 1800.0


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt of the box.

    Attributes:
        tau_s: time constant.
        rise_c: by how much full duty heats it in the end.
        idle_c: where it settles without any.
    """

    tau_s: float
    rise_c: float
    idle_c: float

    def steady_c(self, duty: float) -> float:
        """Return where it settles with such a duty, 0 to 1."""
        return self.idle_c + self.rise_c * duty

    def ahead_c(self, temp_c: float, *, duty: float, seconds: float) -> float:
        """Return its temperature in so many seconds, with such a duty."""
        steady_c = self.steady_c(duty)
        return steady_c + (temp_c - steady_c) * math.exp(-seconds / self.tau_s)


class Thermal:
    """The fit of one box."""

    def __init__(self) -> None:
        self._origin_c = 0.0
        self._began: tuple[float, float] | None = None
        self._work_s = 0.0
        self._last_s = 0.0
        # a, b, c of dT/dt = a + b * duty - c * (T - origin), per second.
        rate = 1 / TAU_S
        self._x = [0.0, rate * RISE_C, rate]
        self._prior = [
            (rate * IDLE_SD) ** 2,
            (rate * RISE_SD) ** 2,
            (rate * TAU_FACTOR) ** 2,
        ]
        self._p = [
            [self._prior[i] if i == j else 0.0 for j in range(3)] for i in range(3)
        ]

    def observe(self, now_s: float, *, temp_c: float, duty: float) -> None:
        """Learn from one reading.

        Args:
            now_s: on the monotonic clock.
            temp_c: now.
            duty: share of all cores that was busy since the last reading, 0 to 1.
        """
        if self._began is None:
            self._origin_c = temp_c
            self._x[0] = -self._x[1] * duty  # as if it had settled
        if self._began is None or now_s - self._last_s > GAP_S:
            self._began, self._work_s, self._last_s = (now_s, temp_c), 0.0, now_s
            return
        self._work_s += duty * (now_s - self._last_s)
        self._last_s = now_s
        began_s, began_c = self._began
        span_s = now_s - began_s
        if span_s < WINDOW_S:
            return
        middle_c = (began_c + temp_c) / 2 - self._origin_c
        self._learn(
            [span_s, self._work_s, -span_s * middle_c], change_c=temp_c - began_c
        )
        self._began, self._work_s = (now_s, temp_c), 0.0

    @property
    def fit(self) -> Fit | None:
        """What is known; None before the first reading."""
        if self._began is None:
            return None
        a, b, c = self._x
        tau_s = 1 / c if c > 0 else _TAU_RANGE_S[1]
        tau_s = min(max(tau_s, _TAU_RANGE_S[0]), _TAU_RANGE_S[1])
        rise_c = min(max(b * tau_s, _RISE_RANGE_C[0]), _RISE_RANGE_C[1])
        return Fit(tau_s=tau_s, rise_c=rise_c, idle_c=self._origin_c + a * tau_s)

    def _learn(self, h: list[float], *, change_c: float) -> None:
        """Take one window into account.

        Args:
            h: [3]; what the coefficients are multiplied by.
            change_c: of the temperature over the window.
        """
        x, p, rate = self._x, self._p, max(self._x[2], 1 / _TAU_RANGE_S[1])
        p[0][0] += (rate * _IDLE_DRIFT_C) ** 2
        p[1][1] += (rate * _RISE_DRIFT_C) ** 2
        ph = [sum(p[i][j] * h[j] for j in range(3)) for i in range(3)]
        whole = sum(h[i] * ph[i] for i in range(3)) + _CHANGE_SD_C**2
        off = change_c - sum(h[i] * x[i] for i in range(3))
        for i in range(3):
            x[i] += ph[i] / whole * off
        for i in range(3):
            for j in range(3):
                p[i][j] -= ph[i] * ph[j] / whole
        self._bound()

    def _bound(self) -> None:
        """Keep what cannot be seen from growing: nothing is less sure than at first."""
        for i in range(3):
            if self._p[i][i] > self._prior[i]:
                shrink = math.sqrt(self._prior[i] / self._p[i][i])
                for j in range(3):
                    self._p[i][j] *= shrink
                    self._p[j][i] *= shrink

    def __repr__(self) -> str:
        fit = self.fit
        if fit is None:
            return "no reading yet"
        return f"tau {fit.tau_s:.0f} s, {fit.idle_c:.1f} C + {fit.rise_c:.1f} C"


class Ceiling:
    """The dearest of a model's costs that the box bears without reaching its limit.

    Attributes:
        rank: of that cost, dearest first; 0 while all may be used.
    """

    def __init__(self) -> None:
        self.rank = 0
        self._changed_s = -math.inf
        self._patience_s = BACK_S

    def update(
        self,
        now_s: float,
        *,
        ahead_c: float,
        steady_c: Sequence[float],
        limit_c: float,
    ) -> int:
        """Move it: down at once, up slowly and one step at a time.

        Args:
            now_s: on the monotonic clock.
            ahead_c: the temperature 30 seconds ahead, at the present duty.
            steady_c: where each cost would lead in the long run, dearest first.
            limit_c: not to be reached.
        """
        since_s = now_s - self._changed_s
        last = len(steady_c) - 1
        if ahead_c >= limit_c - NEAR_C and self.rank < last:
            cool = range(self.rank + 1, last)
            clear_c = limit_c - CLEAR_C
            self.rank = next((i for i in cool if steady_c[i] <= clear_c), last)
            hasty = since_s < 2 * self._patience_s
            self._patience_s = (
                min(2 * self._patience_s, BACK_MOST_S) if hasty else BACK_S
            )
            self._changed_s = now_s
        elif (
            self.rank
            and since_s >= self._patience_s
            and steady_c[self.rank - 1] <= limit_c - BACK_C
        ):
            self.rank -= 1
            self._changed_s = now_s
        return self.rank
