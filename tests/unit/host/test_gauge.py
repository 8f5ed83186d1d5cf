"""What a stretch of time took, by the meters of captured boards."""

from pathlib import Path

import pytest

from edged.host.gauge import Gauge, readable
from tests.fakes.board import Board

RAPL = "/sys/class/powercap/intel-rapl:0"
SECOND = "/sys/class/powercap/intel-rapl:1"
INA = "/sys/class/hwmon/hwmon2"


def test_a_counter_is_read_at_both_ends(tmp_path: Path) -> None:
    """Microjoule in, joules out; no part of the package is counted twice."""
    board = Board("laptop", tmp_path)
    board.set(f"{RAPL}/energy_uj", "1000000")
    found = Gauge(tmp_path)

    found.begin()
    board.set(f"{RAPL}/energy_uj", "3500000")
    found.sample()

    assert ("package-0", 2.5) == (found.name, found.joules())


def test_two_packages_are_one_sum(tmp_path: Path) -> None:
    """One of them counts past its end."""
    board = Board("laptop", tmp_path)
    board.set(f"{RAPL}/energy_uj", "1000000")
    for name, value in {
        "name": "package-1",
        "energy_uj": "9500000",
        "max_energy_range_uj": "10000000",
    }.items():
        board.set(f"{SECOND}/{name}", value)
    found = Gauge(tmp_path)

    found.begin()
    board.set(f"{RAPL}/energy_uj", "2000000")
    board.set(f"{SECOND}/energy_uj", "500000")

    assert ("package-0 and package-1", 2.0) == (found.name, found.joules())


@pytest.mark.parametrize("change", ["refuse", "remove"])
def test_a_counter_that_fails_meanwhile_tells_nothing(
    tmp_path: Path, change: str
) -> None:
    """No half sum, and no zero."""
    board = Board("laptop", tmp_path)
    board.set(f"{RAPL}/energy_uj", "1000000")
    found = Gauge(tmp_path)

    found.begin()
    getattr(board, change)(f"{RAPL}/energy_uj")

    assert found.joules() is None


def test_a_package_that_vanishes_tells_nothing(tmp_path: Path) -> None:
    """There is nothing to compare with."""
    board = Board("laptop", tmp_path)
    board.set(f"{RAPL}/energy_uj", "1000000")
    found = Gauge(tmp_path)

    found.begin()
    board.remove(RAPL)

    assert found.joules() is None


def test_power_is_sampled_and_its_mean_lasts_as_long(tmp_path: Path) -> None:
    """0.176 W, then 0.524 W: over two seconds 0.7 J. Young samples are not repeated."""
    now_s = [100.0]
    board = Board("pi-ups-hat", tmp_path)
    found = Gauge(tmp_path, now_s=lambda: now_s[0])

    found.begin()
    board.set(f"{INA}/power1_input", "999000000")
    now_s[0] += 0.01
    found.sample()
    board.set(f"{INA}/power1_input", "524000")
    now_s[0] += 1.0
    found.sample()
    now_s[0] += 0.99

    assert found.name == "ina219"
    assert found.joules() == pytest.approx(0.7)


def test_a_chip_that_fails_for_good_tells_nothing(tmp_path: Path) -> None:
    """It worked when it was looked for."""
    board = Board("pi-ups-hat", tmp_path)
    found = Gauge(tmp_path)
    board.refuse(f"{INA}/power1_input")

    found.begin()

    assert found.joules() is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("laptop", f"{RAPL}/energy_uj cannot be read: "), ("vm", "no meter")],
)
def test_without_a_meter_it_says_why(tmp_path: Path, name: str, expected: str) -> None:
    """A counter that root alone may read is there, and tells nothing."""
    Board(name, tmp_path)
    found = Gauge(tmp_path)

    found.begin()
    found.sample()

    assert found.name.startswith(expected)
    assert found.joules() is None


def test_what_must_be_readable_is_named(tmp_path: Path) -> None:
    """The classes, and where their links lead."""
    Board("pi-ups-hat", tmp_path)

    found = readable(tmp_path)

    assert tmp_path / "sys/class/hwmon/hwmon2" in found
    assert tmp_path / "sys/class/powercap" in found
