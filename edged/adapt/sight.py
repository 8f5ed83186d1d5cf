"""One look after the other -> headrooms.

Law: pure; the clock is in the looks. What a look alone cannot tell is kept here from
those before: heat that is on its way, a supply that was too weak a moment ago, a hot
part that does not answer any more.
"""

import math

import msgspec

from edged.adapt import headroom
from edged.adapt.heat import Heat, hottest
from edged.adapt.sensed import Sensed
from edged.adapt.thermal import Fit, Thermal
from edged.host.cpu_time import Times
from edged.host.power_supply import Source
from edged.host.pressure import Memory
from edged.host.sysfs import known
from edged.wire.adapt import Axis, Headroom

#: How far ahead heat is looked at.
AHEAD_S = 30.0
#: A burst of less than this is no work that goes on.
DUTY_S = 10.0
#: A part that was the hottest and does not answer counts as hot for so long, or a
#: cooler one would speak for it. Drivers refuse for seconds.
MISSED_S = 60.0
#: A battery that does not answer for longer is not there any more.
GONE_S = 600.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the box is like, as far as strategies go.

    Attributes:
        headrooms: one of each axis that is looked at.
        temp_c: of what is nearest to its limit; None where nothing says it.
        limit_c: that it must not reach.
        fit: what was learnt of the box's heat, in the degrees of `temp_c`.
        battery_pct: of the box's batteries together.
        on_mains: whether something feeds it.
        metered: whether the network costs by the byte.
    """

    headrooms: tuple[Headroom, ...]
    temp_c: float | None = None
    limit_c: float = headroom.LIMIT_C
    fit: Fit | None = None
    battery_pct: float | None = None
    on_mains: bool | None = None
    metered: bool | None = None

    def of(self, axis: Axis) -> Headroom:
        """Return one headroom."""
        return next(room for room in self.headrooms if room.axis is axis)


#: The axes that sensors tell of.
AXES = (Axis.THERMAL, Axis.POWER, Axis.MEMORY, Axis.CPU)


def blind(why: str) -> Seen:
    """Return what is known without a look: nothing."""
    return Seen(
        headrooms=tuple(Headroom(axis=a, value=None, because=why) for a in AXES)
    )


class Sight:
    """What looks amount to. One after the other."""

    def __init__(self) -> None:
        # In degrees below the limit, so that another part may take the lead.
        self._thermal = Thermal()
        self._hottest: tuple[float, Heat] | None = None
        self._weak_s: float | None = None
        self._battery_s = -math.inf
        self._cpu: Times | None = None
        self._at_s = 0.0
        self._duty = 0.0

    def take(self, sensed: Sensed) -> Seen:
        """Take a look into account."""
        duty = self._worked(sensed)
        heat, age_s = self._heat(sensed)
        limit_c = headroom.LIMIT_C
        thermal = headroom.thermal(None)
        if heat is not None:
            limit_c = heat.limit_c or headroom.LIMIT_C
            if not age_s and duty is not None:
                below_c = heat.temp_c - limit_c
                self._thermal.observe(sensed.at_s, temp_c=below_c, duty=duty)
            thermal = self._thermal_room(heat, limit_c, age_s)
        fit = self._thermal.fit
        power = sensed.power
        is_known = power.source is not Source.UNKNOWN
        return Seen(
            headrooms=(thermal, self._power(sensed), _memory(sensed), _cpu(sensed)),
            temp_c=None if heat is None else heat.temp_c,
            limit_c=limit_c,
            fit=fit and msgspec.structs.replace(fit, idle_c=fit.idle_c + limit_c),
            battery_pct=power.capacity_pct,
            on_mains=power.source is Source.MAINS if is_known else None,
            metered=sensed.metered,
        )

    def _worked(self, sensed: Sensed) -> float | None:
        """Return how busy the cores were since the last look; None: not known."""
        before, now = self._cpu, known(sensed.cpu)
        span_s = sensed.at_s - self._at_s
        self._cpu, self._at_s = now, sensed.at_s
        duty = now.share_since(before) if now and before else None
        if duty is not None and span_s > 0:
            self._duty += (duty - self._duty) * (1 - math.exp(-span_s / DUTY_S))
        return duty

    def _heat(self, sensed: Sensed) -> tuple[Heat | None, float]:
        """Return what is nearest to its limit, and how old that is."""
        found, now_s = list(sensed.heats), sensed.at_s
        lead = hottest(found, otherwise_c=headroom.LIMIT_C)
        if lead is None:
            return None, 0.0
        if self._hottest is not None:
            at_s, missed = self._hottest
            is_missing = all(heat.path != missed.path for heat in found)
            if is_missing and now_s - at_s <= MISSED_S:
                first = hottest([lead, missed], otherwise_c=headroom.LIMIT_C)
                if first is missed:
                    return missed, now_s - at_s
        self._hottest = now_s, lead
        return lead, 0.0

    def _thermal_room(self, heat: Heat, limit_c: float, age_s: float) -> Headroom:
        fit = self._thermal.fit
        ahead_c = None
        if fit is not None and not age_s:
            below_c = heat.temp_c - limit_c
            ahead_c = limit_c + fit.ahead_c(below_c, duty=self._duty, seconds=AHEAD_S)
        room = headroom.thermal(heat.temp_c, limit_c=limit_c, ahead_c=ahead_c)
        if not age_s:
            return room
        because = f"{room.because} {age_s:.0f} s ago, {heat.name} is silent since"
        return msgspec.structs.replace(room, because=because)

    def _power(self, sensed: Sensed) -> Headroom:
        if sensed.under_voltage:
            self._weak_s = sensed.at_s
        since_s = None if self._weak_s is None else sensed.at_s - self._weak_s
        power, discharging = sensed.power, sensed.power.discharging
        if discharging is not None:
            self._battery_s = sensed.at_s
        elif sensed.under_voltage is False and self._is_without_battery(sensed.at_s):
            discharging = False  # a supply that watches itself says that it is well
        return headroom.power(
            capacity_pct=power.capacity_pct,
            discharging=discharging,
            under_voltage_s=since_s,
        )

    def _is_without_battery(self, now_s: float) -> bool:
        return now_s - self._battery_s > GONE_S

    def __repr__(self) -> str:
        return f"{self._thermal!r}, {self._duty:.0%} busy"


def _memory(sensed: Sensed) -> Headroom:
    memory = sensed.memory if isinstance(sensed.memory, Memory) else None
    return headroom.memory(
        available=None if memory is None else memory.available,
        total=None if memory is None else memory.total,
        stalled=sensed.memory_stalled,
    )


def _cpu(sensed: Sensed) -> Headroom:
    return headroom.cpu(stalled=sensed.cpu_stalled, load=sensed.load_of_core)
