"""What edged concludes of real boards, and of sensors that misbehave."""

import math
import os
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.adapt.heat import hottest
from edged.adapt.sensed import Sensed
from edged.adapt.sensors import GONE_MOST, GONE_S, Readings, Sensors
from edged.host.power_supply import Source
from edged.host.pressure import Memory
from edged.wire.adapt import Reading
from tests.fakes.board import Board, names
from tests.fakes.clock import Hours

ZONE = "/sys/class/thermal/thermal_zone0"
BATTERY = "/sys/class/power_supply/BAT0"
ALARM = "/sys/class/hwmon/hwmon1/in0_lcrit_alarm"


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """What must follow from a board."""

    heat: tuple[str, float, float | None] | None = None
    power: tuple[Source, float | None, bool | None] = (Source.UNKNOWN, None, None)
    under_voltage: bool | None = None
    slowed: bool | None = None
    memory: str = "/proc/meminfo"
    is_memory_v1: bool = False
    memory_stalled: float | None = None
    cpu_stalled: float | None = None
    load: float
    watts: float | None = None
    refuse: frozenset[str] = frozenset()


CONCLUSIONS = {
    "pi4-throttled": Conclusion(
        heat=("cpu-thermal", 80.812, None),
        under_voltage=False,
        slowed=True,
        load=1.03,
        refuse=frozenset({"memory.stalled"}),
    ),
    "pi4-rtc-hat": Conclusion(
        heat=("cpu-thermal", 62.322, None), under_voltage=False, load=0.105
    ),
    "pi5-idle": Conclusion(
        heat=("cpu-thermal", 47.4, None),
        under_voltage=False,
        memory_stalled=0.0,
        cpu_stalled=0.0,
        load=0.0125,
    ),
    "pi5-fan": Conclusion(
        heat=("cpu-thermal", 71.05, None),
        under_voltage=False,
        slowed=False,
        memory_stalled=0.0,
        cpu_stalled=0.0,
        load=0.0125,
    ),
    "pi-ups-hat": Conclusion(
        heat=("cpu-thermal", 51.121, None),
        under_voltage=False,
        load=0.105,
        watts=0.176,
    ),
    "pi3bplus": Conclusion(
        heat=("cpu-thermal", 61.224, None),
        under_voltage=True,
        slowed=True,
        is_memory_v1=True,
        load=0.975,
    ),
    "laptop": Conclusion(
        heat=("Package id 0", 71.0, 100.0),
        power=(Source.BATTERY, 98.0, True),
        load=0.15,
        refuse=frozenset({"thermal.iwlwifi_1", "energy.package-0"}),
    ),
    "vm": Conclusion(
        is_memory_v1=True, memory_stalled=0.0, cpu_stalled=0.0226, load=1.13
    ),
    "container": Conclusion(
        memory="/sys/fs/cgroup", memory_stalled=0.0925, cpu_stalled=0.47, load=0.75
    ),
}


def concluded(look: Readings) -> Conclusion:
    """Return what follows from a look."""
    sensed = look.sensed
    near = hottest(sensed.heats, otherwise_c=80.0)
    assert isinstance(sensed.memory, Memory)
    assert sensed.load_of_core is not None
    return Conclusion(
        heat=None if near is None else (near.name, near.temp_c, near.limit_c),
        power=(
            sensed.power.source,
            sensed.power.capacity_pct,
            sensed.power.discharging,
        ),
        under_voltage=sensed.under_voltage,
        slowed=sensed.slowed,
        memory=sensed.memory.path,
        is_memory_v1=sensed.is_memory_v1,
        memory_stalled=sensed.memory_stalled,
        cpu_stalled=sensed.cpu_stalled,
        load=sensed.load_of_core,
        watts=next(
            (w.microwatt / 1e6 for w in sensed.watts if isinstance(w.microwatt, int)),
            None,
        ),
        refuse=frozenset(
            each.name for each in look.failed if each.problem == "is a directory"
        ),
    )


def reading(look: Readings, name: str) -> Reading:
    """Return one line."""
    return next(each for each in look.readings if each.name == name)


@pytest.mark.parametrize("name", names())
def test_of_every_board_follows_what_must(name: str, tmp_path: Path) -> None:
    """Each is there for something that is easily concluded wrong."""
    Board(name, tmp_path)

    look = Sensors(tmp_path).read()

    assert CONCLUSIONS[name] == concluded(look)


@pytest.mark.parametrize("name", names())
def test_every_line_is_named_once_and_can_be_sent(name: str, tmp_path: Path) -> None:
    """Without a value it says why, and with one it does not."""
    Board(name, tmp_path)

    look = Sensors(tmp_path).read()

    lines = [each.name for each in look.readings]
    assert len(set(lines)) == len(lines)
    assert all((each.value is None) == bool(each.problem) for each in look.readings)
    sent = msgspec.json.decode(
        msgspec.json.encode(look.readings), type=tuple[Reading, ...]
    )
    assert look.readings == sent


def test_the_state_can_speak(tmp_path: Path) -> None:
    """Before and after a look."""
    Board("pi5-idle", tmp_path)
    sensors = Sensors(tmp_path)
    before = repr(sensors)

    sensors.read()

    assert "sensors: not read" == before
    assert "sensors: 12 readings, 2 without a value" == repr(sensors)


def test_a_sensor_that_vanishes_is_told_as_gone_and_may_return(tmp_path: Path) -> None:
    """With the age of what it said last."""
    board, clock = Board("pi5-idle", tmp_path), Hours()
    sensors = Sensors(tmp_path, clock=clock)
    sensors.read()
    board.remove(ZONE)
    clock.now += 30.0

    away = sensors.read()

    lost = reading(away, "thermal.cpu-thermal")
    assert (None, 30.0, "gone") == (lost.value, lost.age_s, lost.problem)
    assert () == away.sensed.heats
    board.set(f"{ZONE}/type", "cpu-thermal")
    board.set(f"{ZONE}/temp", "52000")
    back = reading(sensors.read(), "thermal.cpu-thermal")
    assert (52.0, 0.0, "") == (back.value, back.age_s, back.problem)


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    """After some minutes, and a crowd at once: mice come under new names."""
    board, clock = Board("pi5-idle", tmp_path), Hours()
    sensors = Sensors(tmp_path, clock=clock)
    for number in range(GONE_MOST + 10):
        board.set(f"/sys/class/power_supply/mouse{number}/type", "Battery")
        board.set(f"/sys/class/power_supply/mouse{number}/capacity", "50")
    sensors.read()
    board.remove("/sys/class/power_supply")

    at_once = sensors.read()
    clock.now += GONE_S
    still = sensors.read()
    clock.now += 1.0
    later = sensors.read()

    assert GONE_MOST == sum(each.problem == "gone" for each in at_once.readings)
    assert GONE_MOST == sum(each.problem == "gone" for each in still.readings)
    assert 0 == sum(each.problem == "gone" for each in later.readings)


def test_a_sensor_appears(tmp_path: Path) -> None:
    """It needs no restart."""
    board = Board("vm", tmp_path)
    sensors = Sensors(tmp_path)
    before = sensors.read().sensed
    board.set("/sys/class/hwmon/hwmon0/name", "k10temp")
    board.set("/sys/class/hwmon/hwmon0/temp1_input", "66000")
    board.set("/sys/class/hwmon/hwmon0/temp1_label", "Tctl")

    after = sensors.read().sensed

    assert () == before.heats
    assert [("Tctl", 66.0, None)] == [
        (heat.name, heat.temp_c, heat.limit_c) for heat in after.heats
    ]


def test_an_alarm_is_told_as_it_is_at_each_look(tmp_path: Path) -> None:
    """It flaps every few seconds; to hold it is for who decides."""
    board, clock = Board("pi4-rtc-hat", tmp_path), Hours()
    sensors = Sensors(tmp_path, clock=clock)
    told = []

    for alarm in ("0", "1", "0"):
        board.set(ALARM, alarm)
        sensed = sensors.read().sensed
        told.append((sensed.at_s, sensed.under_voltage))
        clock.now += 2.0

    first = told[0][0]
    assert [(first, False), (first + 2.0, True), (first + 4.0, False)] == told


@pytest.mark.parametrize("name", ["temp", "type", "trip_point_0_type"])
def test_nothing_in_place_of_a_file_holds_a_look_up(tmp_path: Path, name: str) -> None:
    """Neither a pipe without a writer, nor a folder, nor a link in circles."""
    board = Board("pi5-idle", tmp_path)
    file = tmp_path / ZONE[1:] / name
    looks = []

    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)):
        board.remove(f"{ZONE}/{name}")
        make(file)
        looks.append(Sensors(tmp_path).read())

    assert all(len(look.readings) >= 11 for look in looks)


def bounded(sensed: Sensed) -> bool:
    """Tell whether every figure is one that a decision can be made of."""
    shares = (sensed.memory_stalled, sensed.cpu_stalled)
    load, capacity = sensed.load_of_core, sensed.power.capacity_pct
    return (
        all(share is None or 0.0 <= share <= 1.0 for share in shares)
        and (load is None or 0.0 <= load < math.inf)
        and (capacity is None or 0.0 <= capacity <= 100.0)
        and all(-60.0 <= heat.temp_c <= 200.0 for heat in sensed.heats)
        and all(h.limit_c is None or 0.0 < h.limit_c <= 200.0 for h in sensed.heats)
    )


#: Bytes as they come, and those that look like values.
CONTENT = st.one_of(
    st.binary(max_size=300),
    st.integers(-(1 << 70), 1 << 70).map(lambda n: f"{n}\n".encode()),
    st.from_regex(r"some avg10=[0-9.eE+-]{0,12} avg60=1", fullmatch=True).map(
        str.encode
    ),
    st.sampled_from([b"", b"\n", b"nan\n", b"-1\n", b"max\n", b"\xff" * 200]),
)


@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes_in_any_files_are_a_value_or_a_problem(data: st.DataObject) -> None:
    """No exception, and nothing that cannot be sent or decided on."""
    name = data.draw(st.sampled_from(sorted(set(names()) - {"pi3bplus"})))
    with tempfile.TemporaryDirectory() as folder:
        board = Board(name, Path(folder))
        board.remove("/usr/bin/vcgencmd")
        files = [path for path in board.files if path.startswith(("/sys", "/proc"))]
        for path in data.draw(st.lists(st.sampled_from(files), max_size=6)):
            board.set(path, data.draw(CONTENT))

        look = Sensors(board.root).read()

    assert bounded(look.sensed)
    for each in look.readings:
        assert (each.value is None) == bool(each.problem)
        assert each.value is None or math.isfinite(each.value)
        assert (each.name + each.problem).isprintable()
    assert look.readings == msgspec.json.decode(
        msgspec.json.encode(look.readings), type=tuple[Reading, ...]
    )


def test_this_machine_can_be_looked_at() -> None:
    """Whatever it has; and a look costs little."""
    sensors = Sensors()
    sensors.read()

    look = sensors.read()

    assert isinstance(look.sensed.memory, Memory)
    assert 0.0 < look.cost_s < 0.05
