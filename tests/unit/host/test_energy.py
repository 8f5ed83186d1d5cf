"""Meters that are there, and what they do not say."""

from pathlib import Path

import msgspec
import pytest

from edged.host.energy import Meter, meters, spent_uj, watts
from edged.host.hwmon import chips
from edged.host.sysfs import Sysfs, Unreadable
from tests.fakes.board import Board

RAPL = "/sys/class/powercap/intel-rapl:0/energy_uj"
HWMON = "/sys/class/hwmon/hwmon2"


def test_a_package_counts_once(tmp_path: Path) -> None:
    """Neither its parts nor the same counter by another way."""
    board = Board("laptop", tmp_path)
    board.set(RAPL, "123456789")

    found = meters(Sysfs(tmp_path))

    expected = Meter(
        path=RAPL, name="package-0", microjoule=123456789, most=262143328850
    )
    assert (expected,) == found


def test_a_counter_that_root_alone_may_read_is_unknown(tmp_path: Path) -> None:
    """With its reason; without the class there is none."""
    Board("laptop", tmp_path / "a")
    Board("vm", tmp_path / "b")

    (refused,) = meters(Sysfs(tmp_path / "a"))

    assert isinstance(refused.microjoule, Unreadable)
    assert () == meters(Sysfs(tmp_path / "b"))


@pytest.mark.parametrize(
    ("before", "after", "most", "expected"),
    [
        (100, 350, 1000, 250),
        (100, 100, 1000, 0),
        (900, 50, 1000, 150),
        (900, 50, None, None),
        (None, 50, 1000, None),
        (50, Unreadable(RAPL, 13), 1000, None),
    ],
)
def test_what_was_spent_is_between_two_readings(
    before: int | None,
    after: int | Unreadable | None,
    most: int | None,
    expected: int | None,
) -> None:
    """A counter begins anew behind its end, where it says that."""
    first = Meter(path=RAPL, name="package-0", microjoule=before, most=most)
    last = msgspec.structs.replace(first, microjoule=after)

    assert expected == spent_uj(first, last)
    assert spent_uj(first, msgspec.structs.replace(last, path="other")) is None


def test_a_current_sensor_says_the_power_of_its_rail(tmp_path: Path) -> None:
    """In microwatt, whichever way the current runs (networkupstools/nut #2960)."""
    Board("pi-ups-hat", tmp_path)
    sysfs = Sysfs(tmp_path)

    (found,) = watts(sysfs, chips(sysfs))

    assert (4228, -40, 176000) == (found.millivolt, found.milliampere, found.microwatt)


def test_power_follows_from_current_and_voltage(tmp_path: Path) -> None:
    """A chip with three rails has no power of its own; its first may be unused."""
    board = Board("pi-ups-hat", tmp_path)
    board.set(f"{HWMON}/name", "ina3221")
    board.remove(f"{HWMON}/power1_input")
    board.remove(f"{HWMON}/curr1_input")
    board.set(f"{HWMON}/in2_input", "5000")
    board.set(f"{HWMON}/curr2_input", "-300")
    sysfs = Sysfs(tmp_path)

    (found,) = watts(sysfs, chips(sysfs))

    assert (5000, -300, 1_500_000) == (
        found.millivolt,
        found.milliampere,
        found.microwatt,
    )


@pytest.mark.parametrize("name", ["in1_input", "curr1_input"])
def test_a_sensor_that_refuses_says_so(tmp_path: Path, name: str) -> None:
    """Its power cannot be told."""
    board = Board("pi-ups-hat", tmp_path)
    board.remove(f"{HWMON}/power1_input")
    board.refuse(f"{HWMON}/{name}")
    sysfs = Sysfs(tmp_path)

    (found,) = watts(sysfs, chips(sysfs))

    assert isinstance(found.microwatt, Unreadable)


def test_a_sensor_without_channels_is_unknown(tmp_path: Path) -> None:
    """It was just taken off its bus."""
    board = Board("pi-ups-hat", tmp_path)
    for name in ("in1", "curr1", "power1"):
        board.remove(f"{HWMON}/{name}_input")
    sysfs = Sysfs(tmp_path)

    (found,) = watts(sysfs, chips(sysfs))

    assert found.microwatt is None
