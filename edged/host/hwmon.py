"""Chips that measure: which are there, and one channel of one chip.

Law: as `sysfs`. Only chips that were asked for are read: a 1-Wire thermometer takes
750 ms for each reading, and a disk's may wake the disk.
Source: /sys/class/hwmon/hwmonN/name and the channels beside it;
Documentation/hwmon/sysfs-interface.rst, w1_therm.rst, drivetemp.rst. Units: millidegree
Celsius (temp), millivolt (in), milliampere (curr), microwatt (power), 0 or 1 (alarm).
"""

import msgspec

from edged.host.sysfs import Maybe, Sysfs
from edged.host.thermal_zones import plausible

_CLASS = "/sys/class/hwmon"

#: What measures a processor itself; `cpu_thermal` and its like repeat a thermal zone.
#: Documentation/hwmon/{coretemp,k10temp,via-cputemp}.rst.
_PROCESSORS = ("coretemp", "k10temp", "k8temp", "zenpower", "via_cputemp")

#: Documentation/hwmon/raspberrypi-hwmon.rst.
_PI_SUPPLY = "rpi_volt"


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    """One chip: its folder, and its name as its driver has it."""

    path: str
    name: str


class Processor(msgspec.Struct, frozen=True, kw_only=True):
    """A processor's temperature, millidegree Celsius.

    Attributes:
        label: `Package id 0`, `Tctl`; empty where there is none.
        limit_millic: where all cooling should be on, or else its critical one; None
            where the chip does not say.
    """

    chip: Chip
    label: str
    millic: Maybe[int]
    limit_millic: int | None = None


def chips(sysfs: Sysfs) -> tuple[Chip, ...]:
    """List the chips by name; none of their channels is read."""
    return tuple(
        Chip(path=f"{_CLASS}/{folder}", name=name)
        for folder in sysfs.names(_CLASS)
        if (name := sysfs.word(f"{_CLASS}/{folder}/name"))
    )


def processors(sysfs: Sysfs, found: tuple[Chip, ...]) -> tuple[Processor, ...]:
    """Read the first channel of every chip that measures a processor.

    The first one is the package, or what the fan is governed by.
    """
    return tuple(
        Processor(
            chip=chip,
            label=sysfs.word(f"{chip.path}/temp1_label"),
            millic=plausible(sysfs.integer(f"{path}_input"), f"{path}_input"),
            limit_millic=_limit(sysfs, path),
        )
        for chip in found
        if chip.name in _PROCESSORS
        for path in (f"{chip.path}/temp1",)
    )


def under_voltage(sysfs: Sysfs, found: tuple[Chip, ...]) -> tuple[Maybe[bool], str]:
    """Tell whether a Raspberry Pi's supply was too weak within the last two seconds.

    The driver asks the firmware every two seconds, and by asking clears what the
    firmware remembers: so this flaps, and is no log.
    Source: in0_lcrit_alarm of `rpi_volt`; drivers/hwmon/raspberrypi-hwmon.c.

    Returns:
        The alarm and its file; None where there is no such chip.
    """
    for chip in found:
        if chip.name == _PI_SUPPLY:
            path = f"{chip.path}/in0_lcrit_alarm"
            value = sysfs.integer(path)
            return (value != 0 if isinstance(value, int) else value), path
    return None, ""


def _limit(sysfs: Sysfs, channel: str) -> int | None:
    for name in ("max", "crit"):
        value = plausible(sysfs.integer(f"{channel}_{name}"), channel)
        if isinstance(value, int) and value > 0:
            return value
    return None
