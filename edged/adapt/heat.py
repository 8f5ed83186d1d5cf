"""Which temperatures say how hot the box is, and what they must not reach.

Law: pure. A box is as hot as its processor. A card that does not compute for us, a
clock on a HAT or a zone that a firmware fills in by hand says nothing of it.
"""

from collections.abc import Iterable

import msgspec

from edged.host.hwmon import Processor
from edged.host.sysfs import known
from edged.host.thermal_zones import Zone

#: Zones of a processor or of what it is one chip with, by parts of their names:
#: `cpu-thermal`, `cpu_thermal`, `bcm2835_thermal`, `soc-thermal`, `bigcore0-thermal`,
#: `package-thermal`, `x86_pkg_temp`, `TCPU`, `imx_thermal_zone`, `GPU-therm`.
_PROCESSORS = ("cpu", "soc", "core", "pkg", "package", "bcm2", "imx", "gpu", "npu")

#: What never counts, whatever its trips: radios, disks, batteries and their chargers,
#: power chips (a Jetson's PMIC-Die says 100 C for ever).
_OTHERS = (
    "wifi",
    "wlan",
    "ath",
    "mt7",
    "phy",
    "modem",
    "nvme",
    "batt",
    "charg",
    "pmic",
    "skin",
)

_PACKAGE = "x86_pkg_temp"
_MILLI = 1000.0


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """How hot a part of the box is that counts.

    Attributes:
        name: of the zone or chip.
        temp_c: now, degree Celsius.
        limit_c: where it is slowed down or called hot; None where it names none.
        path: of the file.
    """

    name: str
    temp_c: float
    limit_c: float | None
    path: str


def heats(zones: Iterable[Zone], processors: Iterable[Processor]) -> tuple[Heat, ...]:
    """Return what counts, and is known.

    A processor that measures itself takes the place of the zone that repeats it, as it
    knows its limit.
    """
    own = [heat for each in processors if (heat := _of_processor(each))]
    found = [
        heat
        for zone in zones
        if counts(zone) and not (own and zone.kind == _PACKAGE)
        if (heat := _of_zone(zone))
    ]
    return (*found, *own)


def hottest(found: Iterable[Heat], *, otherwise_c: float) -> Heat | None:
    """Return what is nearest to its limit.

    Args:
        found: see `heats`.
        otherwise_c: the limit of what names none.
    """
    return max(
        found,
        key=lambda heat: heat.temp_c - (heat.limit_c or otherwise_c),
        default=None,
    )


def counts(zone: Zone) -> bool:
    """Tell whether a zone says how hot the box is."""
    name = zone.kind.lower()
    if any(other in name for other in _OTHERS):
        return False
    is_processor = any(part in name for part in _PROCESSORS)
    return is_processor or zone.limit_millic is not None


def _of_zone(zone: Zone) -> Heat | None:
    millic = known(zone.millic)
    if millic is None:
        return None
    limit = zone.limit_millic
    return Heat(
        name=zone.kind,
        temp_c=millic / _MILLI,
        limit_c=None if limit is None else limit / _MILLI,
        path=f"{zone.path}/temp",
    )


def _of_processor(each: Processor) -> Heat | None:
    millic = known(each.millic)
    if millic is None:
        return None
    limit = each.limit_millic
    return Heat(
        name=each.label or each.chip.name,
        temp_c=millic / _MILLI,
        limit_c=None if limit is None else limit / _MILLI,
        path=f"{each.chip.path}/temp1_input",
    )
