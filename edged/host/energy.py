"""Meters: joules that a processor counts, and watts that a chip on a board measures.

Law: as `sysfs`. What a meter measures beyond its own figure, a chip does not say: a
board may feed more than the box through it, and has a current run either way.
Source: /sys/class/powercap/intel-rapl:N/{name,energy_uj,max_energy_range_uj},
Documentation/power/powercap/powercap.rst, readable by root alone since CVE-2020-8694;
hwmon chips ina2xx and ina3221, Documentation/hwmon/{ina2xx,ina3221}.rst.
Units: microjoule, millivolt, milliampere, microwatt.
"""

import re

import msgspec

from edged.host.hwmon import Chip
from edged.host.sysfs import Maybe, Sysfs, known

_CLASS = "/sys/class/powercap"

#: A processor's whole package; `intel-rapl:0:0` is a part of one, `intel-rapl-mmio:0`
#: the same once more. AMD's counters have Intel's name.
_PACKAGE = re.compile(r"intel-rapl:[0-9]+\Z")

_INA = re.compile(r"ina(?:2[0-9]{2}|3221)\Z")
_INA3221_RAILS = ("1", "2", "3")


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """A counter of joules.

    Attributes:
        microjoule: since some start; begins at 0 again after `most`.
        most: its highest value.
    """

    path: str
    name: str
    microjoule: Maybe[int]
    most: int | None


class Watts(msgspec.Struct, frozen=True, kw_only=True):
    """A chip that measures one rail.

    Attributes:
        millivolt: of the rail.
        milliampere: through its shunt; which sign is in and which is out is the
            board's choice (networkupstools/nut #2378 and #2960 have one of each).
        microwatt: their product; never negative.
    """

    chip: Chip
    millivolt: Maybe[int]
    milliampere: Maybe[int]
    microwatt: Maybe[int]


def meters(sysfs: Sysfs) -> tuple[Meter, ...]:
    """Read the counter of every processor package."""
    return tuple(
        Meter(
            path=f"{path}/energy_uj",
            name=sysfs.word(f"{path}/name") or name,
            microjoule=sysfs.integer(f"{path}/energy_uj"),
            most=known(sysfs.integer(f"{path}/max_energy_range_uj")),
        )
        for name in sysfs.names(_CLASS)
        if _PACKAGE.match(name)
        for path in (f"{_CLASS}/{name}",)
    )


def watts(sysfs: Sysfs, found: tuple[Chip, ...]) -> tuple[Watts, ...]:
    """Read every chip of the INA family; of three rails the first that works."""
    return tuple(_watts(sysfs, chip) for chip in found if _INA.match(chip.name))


def spent_uj(before: Meter, after: Meter) -> int | None:
    """Return the microjoule between two readings of one meter.

    None where one of them is not known, or the counter began anew and does not say
    where it ends.
    """
    first, last = known(before.microjoule), known(after.microjoule)
    if first is None or last is None or before.path != after.path:
        return None
    if last >= first:
        return last - first
    return None if after.most is None else after.most - first + last


def _watts(sysfs: Sysfs, chip: Chip) -> Watts:
    rails = _INA3221_RAILS if chip.name == "ina3221" else ("1",)
    found = [_rail(sysfs, chip, rail) for rail in rails]
    return next((w for w in found if isinstance(w.microwatt, int)), found[0])


def _rail(sysfs: Sysfs, chip: Chip, rail: str) -> Watts:
    volts = sysfs.integer(f"{chip.path}/in{rail}_input")
    amperes = sysfs.integer(f"{chip.path}/curr{rail}_input")
    power = sysfs.integer(f"{chip.path}/power{rail}_input")
    if power is None and isinstance(volts, int) and isinstance(amperes, int):
        power = volts * amperes
    if power is None:
        power = volts if not isinstance(volts, int) else amperes
    return Watts(
        chip=chip,
        millivolt=volts,
        milliampere=amperes,
        microwatt=abs(power) if isinstance(power, int) else power,
    )
