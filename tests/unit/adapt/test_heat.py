"""Which temperatures say how hot the box is."""

import pytest

from edged.adapt.heat import Heat, counts, heats, hottest
from edged.host.hwmon import Chip, Processor
from edged.host.sysfs import Maybe, Unreadable
from edged.host.thermal_zones import Trip, TripKind, Zone


def zone(kind: str, millic: Maybe[int] = 50000, *, passive: int | None = None) -> Zone:
    """Return a zone, perhaps with a trip that slows the box."""
    trips = () if passive is None else (Trip(kind=TripKind.PASSIVE, millic=passive),)
    return Zone(path=f"/sys/{kind}", kind=kind, millic=millic, trips=trips)


def processor(millic: Maybe[int], limit: int | None = None) -> Processor:
    """Return what a processor says of itself."""
    chip = Chip(path="/sys/hwmon2", name="coretemp")
    return Processor(chip=chip, label="Package id 0", millic=millic, limit_millic=limit)


@pytest.mark.parametrize(
    "kind",
    [
        "cpu-thermal",
        "cpu_thermal",
        "bcm2835_thermal",
        "soc-thermal",
        "bigcore0-thermal",
        "package-thermal",
        "x86_pkg_temp",
        "TCPU",
        "imx_thermal_zone",
        "CPU-therm",
        "GPU-therm",
    ],
)
def test_a_processors_zone_counts(kind: str) -> None:
    """By the names that boards give it."""
    assert counts(zone(kind))


@pytest.mark.parametrize(
    "kind", ["iwlwifi_1", "PMIC-Die", "battery", "nvme", "ath10k_hwmon", "charger"]
)
def test_what_does_not_compute_does_not_count(kind: str) -> None:
    """Not even with a trip: a Jetson's PMIC-Die says 100 C for ever."""
    assert not counts(zone(kind, 100000, passive=95000))


def test_a_zone_of_another_name_counts_by_its_trip() -> None:
    """The kernel slows the box for it; without one it may be a firmware's constant."""
    assert counts(zone("acpitz", passive=95000))
    assert not counts(zone("acpitz"))


def test_heat_is_in_degrees_with_its_limit() -> None:
    """Never rounded."""
    found = heats([zone("cpu-thermal", 71234, passive=85000)], [])

    expected = Heat(
        name="cpu-thermal", temp_c=71.234, limit_c=85.0, path="/sys/cpu-thermal/temp"
    )
    assert (expected,) == found


def test_what_is_not_known_is_not_counted() -> None:
    """It is neither cool nor hot."""
    refused = Unreadable("/sys/x", 11)

    found = heats([zone("cpu-thermal", refused), zone("soc", None)], [processor(None)])

    assert () == found


def test_a_processor_replaces_the_zone_that_repeats_it() -> None:
    """It knows its limit, the zone does not; other zones stay."""
    zones = [zone("x86_pkg_temp", 71000), zone("TCPU", 70000)]

    with_chip = heats(zones, [processor(71000, 100000)])
    without = heats(zones, [processor(None)])

    assert ["TCPU", "Package id 0"] == [heat.name for heat in with_chip]
    assert (100.0, "/sys/hwmon2/temp1_input") == (
        with_chip[1].limit_c,
        with_chip[1].path,
    )
    assert ["x86_pkg_temp", "TCPU"] == [heat.name for heat in without]


def test_a_chip_without_a_label_has_its_name() -> None:
    """And perhaps no limit."""
    chip = Chip(path="/sys/hwmon0", name="k10temp")

    (found,) = heats([], [Processor(chip=chip, label="", millic=60000)])

    assert ("k10temp", None) == (found.name, found.limit_c)


def test_the_hottest_is_the_nearest_to_its_own_limit() -> None:
    """Not the warmest: one may be made for 100 C."""
    found = heats([zone("cpu-thermal", 75000)], [processor(85000, 100000)])

    nearest = hottest(found, otherwise_c=80.0)

    assert nearest is not None
    assert "cpu-thermal" == nearest.name
    assert hottest((), otherwise_c=80.0) is None
