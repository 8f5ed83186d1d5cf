"""Sensors by the real paths of the kernel, in a mount namespace of our own.

Files of a board are bound over /sys/class, so a look goes through /sys as it does on a
box. Nothing outside the namespace changes.
"""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes.board import Board
from tests.fakes.kernel import as_kernel, laptop_with_a_weak_supply

ROOT = Path(__file__).parents[3]

#: Looks once for each line, and says what it found.
LOOKS = """
import sys
import msgspec
from edged.adapt.heat import hottest
from edged.adapt.sensors import Sensors
from edged.host.cpufreq import cap

sensors = Sensors()
for _ in sys.stdin:
    look = sensors.read()
    sensed = look.sensed
    heat = hottest(sensed.heats, otherwise_c=80.0)
    said = {
        "heat": None if heat is None else [heat.name, heat.temp_c],
        "capacity": sensed.power.capacity_pct,
        "discharging": sensed.power.discharging,
        "under_voltage": sensed.under_voltage,
        "cap": cap(sensed.policies),
        "problems": {each.name: each.problem for each in look.failed},
        "values": {each.name: each.value for each in look.readings},
    }
    sys.stdout.write(msgspec.json.encode(said).decode() + "\\n")
    sys.stdout.flush()
"""

BATTERY = "/sys/class/power_supply/BAT0"
PACKAGE = "/sys/class/hwmon/hwmon2"
ZONE = "/sys/class/thermal/thermal_zone1"


class Lab:
    """A board whose files are the kernel's for one process that looks at them.

    Attributes:
        board: change it, then look.
    """

    def __init__(self, board: Board, process: "subprocess.Popen[str]") -> None:
        self.board = board
        self._process = process

    def look(self) -> dict[str, Any]:
        """Let it look; a look that hangs fails after ten seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], 10.0)
        assert ready, "the look hangs"
        found: dict[str, Any] = msgspec.json.decode(self._process.stdout.readline())
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Return a laptop with the supply of a Raspberry Pi, or skip where none can be."""
    board = laptop_with_a_weak_supply(tmp_path)
    process = subprocess.Popen(
        [*as_kernel(board), sys.executable, "-c", LOOKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    made = Lab(board, process)
    with process:
        try:
            first = made.look() if process.poll() is None else None
        except (BrokenPipeError, msgspec.DecodeError):
            first = None
        if first is None:
            assert process.stderr is not None
            pytest.skip(f"cannot mount here: {process.stderr.read().strip()}")
        yield made
        process.kill()


def test_a_battery_drains_and_is_plugged_in(lab: Lab) -> None:
    """To five percent and back, as the files say."""
    told = []
    for capacity in (100, 30, 5):
        lab.board.set(f"{BATTERY}/capacity", str(capacity))
        found = lab.look()
        told.append((found["capacity"], found["discharging"]))
    lab.board.set(f"{BATTERY}/status", "Charging")
    lab.board.set("/sys/class/power_supply/AC/online", "1")

    plugged = lab.look()

    assert [(100.0, True), (30.0, True), (5.0, True)] == told
    assert (5.0, False) == (plugged["capacity"], plugged["discharging"])
    assert 1.0 == plugged["values"]["power.AC"]


def test_heat_rises_to_its_limit_and_falls(lab: Lab) -> None:
    """With the clock that is held down for it."""
    told = []
    for celsius, khz in ((60, 3400000), (99, 1700000), (45, 3400000)):
        lab.board.set(f"{PACKAGE}/temp1_input", str(celsius * 1000))
        for policy in ("policy0", "policy1"):
            folder = f"/sys/devices/system/cpu/cpufreq/{policy}"
            lab.board.set(f"{folder}/scaling_max_freq", str(khz))
        found = lab.look()
        told.append((found["heat"], found["cap"]))

    name = "Package id 0"
    assert [([name, 60.0], 1.0), ([name, 99.0], 0.5), ([name, 45.0], 1.0)] == told


def test_an_alarm_of_the_supply_flaps(lab: Lab) -> None:
    """Each look tells it as it is."""
    told = []
    for alarm in ("1", "0", "1"):
        lab.board.set("/sys/class/hwmon/hwmon3/in0_lcrit_alarm", alarm)
        told.append(lab.look()["under_voltage"])

    assert [True, False, True] == told


def test_a_sensor_vanishes_and_returns(lab: Lab) -> None:
    """A zone stands in for the chip while it is away; no battery is no battery."""
    lab.board.remove(PACKAGE)
    lab.board.remove(BATTERY)

    away = lab.look()

    assert ["x86_pkg_temp", 71.0] == away["heat"]
    assert "gone" == away["problems"]["thermal.coretemp"]
    assert (None, None) == (away["capacity"], away["discharging"])
    lab.board.set(f"{PACKAGE}/name", "coretemp")
    lab.board.set(f"{PACKAGE}/temp1_input", "50000")
    assert ["coretemp", 50.0] == lab.look()["heat"]


def test_what_refuses_is_unknown_and_holds_nobody_up(lab: Lab) -> None:
    """By the kernel itself: an input/output error, a pipe that has nothing yet."""
    temp = lab.board.root / f"{PACKAGE}/temp1_input"[1:]
    lab.board.remove(f"{PACKAGE}/temp1_input")
    temp.symlink_to("/proc/self/mem")
    capacity = lab.board.root / f"{BATTERY}/capacity"[1:]
    lab.board.remove(f"{BATTERY}/capacity")
    os.mkfifo(capacity)
    writer = os.open(capacity, os.O_RDWR)
    lab.board.refuse(f"{ZONE}/temp")

    found = lab.look()

    os.close(writer)
    problems = found["problems"]
    assert "input/output error" == problems["thermal.coretemp"]
    assert "resource temporarily unavailable" == problems["power.BAT0"]
    assert "is a directory" == problems["thermal.x86_pkg_temp"]
    assert (None, True) == (found["capacity"], found["discharging"])
    assert found["heat"] is None


def test_garbage_is_unknown(lab: Lab) -> None:
    """And is shown."""
    lab.board.set(f"{PACKAGE}/temp1_input", b"\xff\x00\x1b[2J")
    lab.board.set(f"{BATTERY}/capacity", "a lot")
    lab.board.set("/sys/class/hwmon/hwmon3/in0_lcrit_alarm", b"")

    found = lab.look()

    problems = found["problems"]
    assert 'no value: "?"' == problems["thermal.coretemp"]
    assert 'no value: "a lot"' == problems["power.BAT0"]
    assert 'no value: ""' == problems["power.under_voltage"]
    assert found["under_voltage"] is None


def test_memory_is_what_the_kernels_file_says(lab: Lab) -> None:
    """It was bound over the real one."""
    assert 16266844 * 1024 == lab.look()["values"]["memory.total"]
