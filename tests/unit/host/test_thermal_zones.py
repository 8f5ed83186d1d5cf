"""Every zone with every trip."""

from pathlib import Path

import pytest

from edged.host.sysfs import Sysfs, Unreadable
from edged.host.thermal_zones import Trip, TripKind, cooling, trip_kind, zones
from tests.fakes.board import Board

ZONE = "/sys/class/thermal/thermal_zone0"


def test_a_zone_has_every_trip_in_its_own_unit(tmp_path: Path) -> None:
    """Where psutil divides the second trip by a thousand twice (its #2439)."""
    Board("pi5-fan", tmp_path)

    (zone,) = zones(Sysfs(tmp_path))

    assert ("cpu-thermal", 71050, ZONE) == (zone.kind, zone.millic, zone.path)
    kinds = [trip.kind for trip in zone.trips]
    assert [TripKind.CRITICAL, *[TripKind.ACTIVE] * 4] == kinds
    assert [110000, 50000, 60000, 67500, 75000] == [t.millic for t in zone.trips]
    assert Trip(kind=TripKind.ACTIVE, millic=67500, hyst_millic=5000) == zone.trips[3]


def test_fans_and_the_last_resort_are_no_limit(tmp_path: Path) -> None:
    """An active trip turns a fan, a critical one shuts down."""
    Board("pi5-fan", tmp_path)

    (zone,) = zones(Sysfs(tmp_path))

    assert zone.limit_millic is None


def test_the_lowest_trip_that_slows_is_the_limit(tmp_path: Path) -> None:
    """Passive or hot, in whatever order they are."""
    board = Board("pi5-idle", tmp_path)
    board.set(f"{ZONE}/trip_point_1_type", "hot")
    board.set(f"{ZONE}/trip_point_1_temp", "95000")
    board.set(f"{ZONE}/trip_point_3_type", "passive")
    board.set(f"{ZONE}/trip_point_3_temp", "85000")

    (zone,) = zones(Sysfs(tmp_path))

    assert 85000 == zone.limit_millic


@pytest.mark.parametrize("value", ["-274000", "0", "2147483647", "soon"])
def test_a_trip_that_is_switched_off_is_none(tmp_path: Path, value: str) -> None:
    """And those behind it still count."""
    board = Board("pi5-idle", tmp_path)
    board.set(f"{ZONE}/trip_point_1_type", "passive")
    board.set(f"{ZONE}/trip_point_1_temp", value)

    (zone,) = zones(Sysfs(tmp_path))

    assert zone.limit_millic is None
    assert [110000, 60000, 67500, 75000] == [trip.millic for trip in zone.trips]


def test_a_trip_that_refuses_its_kind_is_skipped(tmp_path: Path) -> None:
    """Its neighbours are not."""
    board = Board("pi5-idle", tmp_path)
    board.refuse(f"{ZONE}/trip_point_1_type")
    board.remove(f"{ZONE}/trip_point_2_hyst")

    (zone,) = zones(Sysfs(tmp_path))

    assert [110000, 60000, 67500, 75000] == [trip.millic for trip in zone.trips]
    assert zone.trips[1].hyst_millic is None


def test_a_temperature_that_refuses_says_so(tmp_path: Path) -> None:
    """A radio that sleeps."""
    Board("laptop", tmp_path)

    found = zones(Sysfs(tmp_path))

    assert ["acpitz", "x86_pkg_temp", "iwlwifi_1"] == [zone.kind for zone in found]
    assert isinstance(found[2].millic, Unreadable)
    assert found[1].limit_millic is None


@pytest.mark.parametrize("value", ["-274000", "255000", "2147483647"])
def test_what_no_silicon_has_is_no_temperature(tmp_path: Path, value: str) -> None:
    """A driver without its sensor."""
    board = Board("pi5-idle", tmp_path)
    board.set(f"{ZONE}/temp", value)

    (zone,) = zones(Sysfs(tmp_path))

    assert Unreadable(f"{ZONE}/temp", 0, value) == zone.millic


@pytest.mark.parametrize("value", [-60000, 0, 200000])
def test_what_silicon_may_have_is_a_temperature(tmp_path: Path, value: int) -> None:
    """A box in the snow, and one that is about to end."""
    board = Board("pi5-idle", tmp_path)
    board.set(f"{ZONE}/temp", str(value))

    (zone,) = zones(Sysfs(tmp_path))

    assert value == zone.millic


def test_a_zone_without_files_has_its_folders_name(tmp_path: Path) -> None:
    """It is on its way out."""
    (tmp_path / ZONE[1:]).mkdir(parents=True)

    (zone,) = zones(Sysfs(tmp_path))

    assert ("thermal_zone0", None, ()) == (zone.kind, zone.millic, zone.trips)


def test_a_fan_says_how_much_it_cools(tmp_path: Path) -> None:
    """Of its highest state."""
    Board("pi5-fan", tmp_path)

    (fan,) = cooling(Sysfs(tmp_path))

    assert ("pwm-fan", 3, 4) == (fan.kind, fan.state, fan.most)


def test_a_box_without_the_class_has_none(tmp_path: Path) -> None:
    """As a container without /sys."""
    assert () == zones(Sysfs(tmp_path))
    assert () == cooling(Sysfs(tmp_path))


def test_a_kind_that_is_new_is_another() -> None:
    """A kernel may learn a word."""
    assert TripKind.PASSIVE is trip_kind("passive")
    assert TripKind.OTHER is trip_kind("lukewarm")
