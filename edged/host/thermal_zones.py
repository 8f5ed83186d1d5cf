"""Every thermal zone with every trip, and what cools.

Law: as `sysfs`. A zone is read whole or says what it refuses; a figure that no part of
a box can have is none.
Source: /sys/class/thermal/thermal_zone*/{type,temp,trip_point_N_{type,temp,hyst}},
cooling_deviceN/{type,cur_state,max_state};
Documentation/driver-api/thermal/sysfs-api.rst. Unit: millidegree Celsius.
"""

import enum

import msgspec

from edged.host.sysfs import Maybe, Sysfs, Unreadable, known

_CLASS = "/sys/class/thermal"
#: Drivers number trips without gaps; the kernel bounded them to 12 for a long time.
_TRIPS_MOST = 16

#: What silicon can have: a driver without a sensor says -274000, 0 or 2**31.
COLDEST_MILLIC, HOTTEST_MILLIC = -60_000, 200_000


class TripKind(enum.Enum):
    """What the kernel does at a trip point."""

    ACTIVE = "active"  # turns a fan
    PASSIVE = "passive"  # slows the clock
    HOT = "hot"  # tells user space
    CRITICAL = "critical"  # shuts down
    OTHER = "other"


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A temperature at which something happens, in millidegree Celsius."""

    kind: TripKind
    millic: int
    hyst_millic: int | None = None


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the box that has a temperature.

    Attributes:
        path: its folder.
        kind: as its driver names it: `cpu-thermal`, `x86_pkg_temp`, `acpitz`.
        millic: temperature in millidegree Celsius, never rounded.
        trips: those that have a temperature.
    """

    path: str
    kind: str
    millic: Maybe[int]
    trips: tuple[Trip, ...] = ()

    @property
    def limit_millic(self) -> int | None:
        """The lowest trip at which the kernel slows the box, or calls it hot."""
        slows = (TripKind.PASSIVE, TripKind.HOT)
        return min((t.millic for t in self.trips if t.kind in slows), default=None)


class Cooling(msgspec.Struct, frozen=True, kw_only=True):
    """A fan, or a clock that can be slowed.

    Attributes:
        kind: `pwm-fan`, `Processor`, `cpufreq-cpu0`.
        state: how much it cools now, 0 is not at all.
        most: its highest state.
    """

    path: str
    kind: str
    state: Maybe[int]
    most: Maybe[int]


def zones(sysfs: Sysfs) -> tuple[Zone, ...]:
    """Read every thermal zone."""
    return tuple(
        Zone(
            path=path,
            kind=sysfs.word(f"{path}/type") or name,
            millic=plausible(sysfs.integer(f"{path}/temp"), f"{path}/temp"),
            trips=_trips(sysfs, path),
        )
        for name in sysfs.names(_CLASS)
        if name.startswith("thermal_zone")
        for path in (f"{_CLASS}/{name}",)
    )


def cooling(sysfs: Sysfs) -> tuple[Cooling, ...]:
    """Read every cooling device."""
    return tuple(
        Cooling(
            path=path,
            kind=sysfs.word(f"{path}/type") or name,
            state=sysfs.integer(f"{path}/cur_state"),
            most=sysfs.integer(f"{path}/max_state"),
        )
        for name in sysfs.names(_CLASS)
        if name.startswith("cooling_device")
        for path in (f"{_CLASS}/{name}",)
    )


def plausible(millic: Maybe[int], path: str) -> Maybe[int]:
    """Return a temperature that a part of a box can have; absent stays absent."""
    if isinstance(millic, int) and not COLDEST_MILLIC <= millic <= HOTTEST_MILLIC:
        return Unreadable(path, 0, str(millic))
    return millic


def trip_kind(word: str) -> TripKind:
    """Return what a word of the kernel stands for."""
    return _KINDS.get(word, TripKind.OTHER)


_KINDS = {kind.value: kind for kind in TripKind}


def _trips(sysfs: Sysfs, zone: str) -> tuple[Trip, ...]:
    found: list[Trip] = []
    for number in range(_TRIPS_MOST):
        base = f"{zone}/trip_point_{number}"
        kind = sysfs.text(f"{base}_type")
        if kind is None:
            break
        millic = known(plausible(sysfs.integer(f"{base}_temp"), base))
        if millic is None or millic <= 0 or not isinstance(kind, str):
            continue  # a trip that is switched off
        hyst = known(sysfs.integer(f"{base}_hyst"))
        found.append(Trip(kind=trip_kind(kind), millic=millic, hyst_millic=hyst))
    return tuple(found)
