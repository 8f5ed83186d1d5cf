"""One look at everything that the box senses.

Law: a look blocks, and never fails: what cannot be read is unknown and says why. It is
taken anew each time; what was there in an earlier look and is not any more is told as
gone for a while. Nothing here decides.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from edged.adapt.heat import heats
from edged.adapt.sensed import Sensed, Stalls, readings
from edged.host import (
    cgroup,
    cpu_time,
    cpufreq,
    energy,
    hwmon,
    power_supply,
    pressure,
    thermal_zones,
)
from edged.host.clock import Clock, SystemClock
from edged.host.firmware import Firmware
from edged.host.sysfs import Sysfs
from edged.wire.adapt import Reading

#: How long a sensor that is gone is told.
GONE_S = 600.0
#: So many are told: mice come and go under new names.
GONE_MOST = 32


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """One look.

    Attributes:
        readings: for people, each name once.
        sensed: for who decides.
        cost_s: CPU time that it took.
    """

    readings: tuple[Reading, ...]
    sensed: Sensed
    cost_s: float

    @property
    def failed(self) -> tuple[Reading, ...]:
        """Those without a value."""
        return tuple(each for each in self.readings if each.value is None)


class Sensors:
    """The box's sensors. One thread at a time.

    Args:
        root: what stands for `/`.
        clock: tells when a look was taken.
    """

    def __init__(self, root: Path = Path("/"), *, clock: Clock | None = None) -> None:
        self._sysfs = Sysfs(root)
        self._clock: Clock = clock or SystemClock()
        self._firmware = Firmware(self._sysfs)
        self._seen: dict[str, tuple[float, Reading]] = {}
        self._last: Readings | None = None

    def read(self) -> Readings:
        """Look at everything. Blocks, for a slow chip up to a tenth of a second."""
        began = time.thread_time()
        sensed = self._look(self._clock.monotonic())
        told = readings(sensed)
        self._last = Readings(
            readings=(*told, *self._gone(told, sensed.at_s)),
            sensed=sensed,
            cost_s=time.thread_time() - began,
        )
        return self._last

    def _look(self, now_s: float) -> Sensed:
        sysfs = self._sysfs
        chips = hwmon.chips(sysfs)
        groups = cgroup.groups(sysfs)
        zones = thermal_zones.zones(sysfs)
        processors = hwmon.processors(sysfs, chips)
        supplies = power_supply.supplies(sysfs)
        alarm, alarm_path = hwmon.under_voltage(sysfs, chips)
        return Sensed(
            at_s=now_s,
            heats=heats(zones, processors),
            zones=zones,
            processors=processors,
            cooling=thermal_zones.cooling(sysfs),
            supplies=supplies,
            power=power_supply.power(supplies),
            alarm=alarm,
            alarm_path=alarm_path,
            firmware=self._firmware.throttled(now_s),
            memory=pressure.memory(sysfs, cgroup.bounds(sysfs, groups)),
            is_memory_v1=groups.is_memory_v1,
            oom_kills=cgroup.oom_kills(sysfs, groups),
            memory_stalls=self._stalls(groups, "memory"),
            cpu_stalls=self._stalls(groups, "cpu"),
            io_stalls=self._stalls(groups, "io"),
            load=pressure.load(sysfs),
            cores=cpufreq.cores(sysfs),
            cpu=cpu_time.times(sysfs),
            policies=cpufreq.policies(sysfs),
            watts=energy.watts(sysfs, chips),
            meters=energy.meters(sysfs),
        )

    def _stalls(self, groups: cgroup.Groups, what: str) -> Stalls:
        return Stalls(
            machine=pressure.stall(self._sysfs, what),
            own=pressure.own_stall(self._sysfs, groups, what),
        )

    def _gone(self, told: Iterable[Reading], now_s: float) -> list[Reading]:
        """Return what was there and is not; remember what is."""
        here = {each.name for each in told}
        for each in told:
            if each.source:
                self._seen[each.name] = (now_s, each)
        gone = [
            (at_s, each)
            for name, (at_s, each) in self._seen.items()
            if name not in here and now_s - at_s <= GONE_S
        ]
        gone = sorted(gone, key=lambda pair: -pair[0])[:GONE_MOST]
        kept = {each.name for _, each in gone} | here
        self._seen = {k: v for k, v in self._seen.items() if k in kept}
        return [
            msgspec.structs.replace(
                each, value=None, age_s=now_s - at_s, problem="gone"
            )
            for at_s, each in gone
        ]

    def __repr__(self) -> str:
        if self._last is None:
            return "sensors: not read"
        failed = len(self._last.failed)
        return f"sensors: {len(self._last.readings)} readings, {failed} without a value"
