"""Chips that measure, and only those that were asked for."""

import os
from pathlib import Path

from edged.host.hwmon import chips, processors, under_voltage
from edged.host.sysfs import Sysfs, Unreadable
from tests.fakes.board import Board

HWMON = "/sys/class/hwmon"


def test_chips_are_listed_by_name(tmp_path: Path) -> None:
    """Their folders say nothing: the numbers change with each boot."""
    Board("pi5-idle", tmp_path)

    found = chips(Sysfs(tmp_path))

    assert ["cpu_thermal", "rp1_adc", "rpi_volt"] == [chip.name for chip in found]
    assert f"{HWMON}/hwmon2" == found[2].path


def test_a_chip_without_a_name_is_none(tmp_path: Path) -> None:
    """It is on its way in or out."""
    board = Board("pi5-idle", tmp_path)
    board.remove(f"{HWMON}/hwmon0/name")

    assert ["rp1_adc", "rpi_volt"] == [chip.name for chip in chips(Sysfs(tmp_path))]


def test_a_processor_measures_itself(tmp_path: Path) -> None:
    """With a limit of its own; neither a disk nor the firmware's zone is one."""
    Board("laptop", tmp_path)
    sysfs = Sysfs(tmp_path)

    (found,) = processors(sysfs, chips(sysfs))

    assert ("coretemp", "Package id 0") == (found.chip.name, found.label)
    assert (71000, 100000) == (found.millic, found.limit_millic)


def test_a_processors_critical_limit_does_where_it_has_no_other(tmp_path: Path) -> None:
    """Zero is a limit that was never set."""
    board = Board("laptop", tmp_path)
    sysfs = Sysfs(tmp_path)
    board.set(f"{HWMON}/hwmon2/temp1_max", "0")
    board.set(f"{HWMON}/hwmon2/temp1_crit", "95000")
    (critical,) = processors(sysfs, chips(sysfs))
    board.remove(f"{HWMON}/hwmon2/temp1_crit")

    (none,) = processors(sysfs, chips(sysfs))

    assert (95000, None) == (critical.limit_millic, none.limit_millic)


def test_a_raspberry_says_when_its_supply_is_too_weak(tmp_path: Path) -> None:
    """And which file said so."""
    Board("pi3bplus", tmp_path)
    sysfs = Sysfs(tmp_path)

    alarm = under_voltage(sysfs, chips(sysfs))

    assert (True, f"{HWMON}/hwmon1/in0_lcrit_alarm") == alarm


def test_an_alarm_that_cannot_be_read_is_neither(tmp_path: Path) -> None:
    """Garbage is no alarm, and no peace either; without the chip there is nothing."""
    board = Board("pi3bplus", tmp_path)
    sysfs = Sysfs(tmp_path)
    board.set(f"{HWMON}/hwmon1/in0_lcrit_alarm", "maybe")

    alarm, path = under_voltage(sysfs, chips(sysfs))

    assert Unreadable(path, 0, "maybe") == alarm
    assert (None, "") == under_voltage(sysfs, ())


def test_a_slow_chip_is_not_read(tmp_path: Path) -> None:
    """A 1-Wire thermometer takes 750 ms; here it would leave a trace by its pipe."""
    board = Board("laptop", tmp_path)
    board.set(f"{HWMON}/hwmon3/name", "w1_slave_temp")
    os.mkfifo(tmp_path / f"{HWMON}/hwmon3/temp1_input"[1:])
    writer = os.open(tmp_path / f"{HWMON}/hwmon3/temp1_input"[1:], os.O_RDWR)
    os.write(writer, b"20000\n")
    sysfs = Sysfs(tmp_path)

    found = chips(sysfs)
    processors(sysfs, found)
    under_voltage(sysfs, found)

    assert b"20000\n" == os.read(writer, 100)
    os.close(writer)
