"""What a look found, in lines."""

import errno

import pytest

from edged.adapt.sensed import Sensed, Stalls, line, readings
from edged.host.cpufreq import Policy
from edged.host.energy import Watts
from edged.host.firmware import Answer, Throttled
from edged.host.hwmon import Chip, Processor
from edged.host.power_supply import Kind, Power, Source, Supply
from edged.host.pressure import Memory, Stall
from edged.host.sysfs import Maybe, Unreadable
from edged.host.thermal_zones import Cooling, Trip, TripKind, Zone
from edged.wire.adapt import Reading

REFUSED = Unreadable("/sys/x", errno.EIO)
QUIET = Throttled(under_voltage=False, capped=False, throttled=False, soft_limit=False)
WEAK = Throttled(under_voltage=True, capped=False, throttled=True, soft_limit=False)


def said(sensed: Sensed) -> dict[str, Reading]:
    """Return the lines by their names."""
    return {each.name: each for each in readings(sensed)}


def test_a_box_that_senses_nothing_says_so() -> None:
    """Each with its reason; nothing is fine."""
    found = said(Sensed())

    assert all(each.value is None and each.problem for each in found.values())
    assert {
        "thermal",
        "power.source",
        "power.under_voltage",
        "memory.available",
        "memory.stalled",
        "cpu.stalled",
        "io.stalled",
        "cpu.load",
        "network.metered",
    } == set(found)


def test_a_zone_has_a_line_and_its_limit_another() -> None:
    """In degrees, with the file they come from."""
    trips = (Trip(kind=TripKind.PASSIVE, millic=85000),)
    zone = Zone(path="/sys/z0", kind="cpu-thermal", millic=47400, trips=trips)
    fan = Cooling(path="/sys/c0", kind="pwm-fan", state=3, most=4)

    found = said(Sensed(zones=(zone,), cooling=(fan,)))

    assert (47.4, "C") == (found["thermal.cpu-thermal"].value, "C")
    assert "/sys/z0/temp" == found["thermal.cpu-thermal"].source
    assert 85.0 == found["thermal.cpu-thermal.limit"].value
    assert 0.75 == found["cooling.pwm-fan"].value


def test_a_processor_has_a_line_and_its_limit_another() -> None:
    """Where it names one."""
    chip = Chip(path="/sys/h2", name="coretemp")
    known = Processor(chip=chip, label="", millic=71000, limit_millic=100000)
    other = Processor(chip=Chip(path="/sys/h3", name="k10temp"), label="", millic=5)

    found = said(Sensed(processors=(known, other)))

    assert (71.0, "/sys/h2/temp1_input") == (
        found["thermal.coretemp"].value,
        found["thermal.coretemp"].source,
    )
    assert 100.0 == found["thermal.coretemp.limit"].value
    assert "thermal.k10temp.limit" not in found


def test_what_is_called_alike_is_told_apart() -> None:
    """Four processors have one kind of cooling."""
    twins = tuple(
        Cooling(path=f"/sys/c{n}", kind="Processor", state=0, most=n) for n in range(3)
    )

    found = said(Sensed(cooling=twins))

    assert {
        "cooling.Processor": "/sys/c0/cur_state",
        "cooling.Processor#2": "/sys/c1/cur_state",
        "cooling.Processor#3": "/sys/c2/cur_state",
    } == {name: each.source for name, each in found.items() if "cooling" in name}


def test_a_refusal_names_its_file_and_its_reason() -> None:
    """In words."""
    found = line("thermal.x", REFUSED, "C", "/elsewhere")

    expected = Reading(
        name="thermal.x",
        value=None,
        unit="C",
        source="/sys/x",
        problem="input/output error",
    )
    assert expected == found


def test_supplies_have_a_line_each() -> None:
    """A mouse's too, and it says why it does not count."""
    at = "/sys/p"
    found = said(
        Sensed(
            supplies=(
                Supply(name="AC", kind=Kind.MAINS, online=False, path=at),
                Supply(
                    name="BAT0",
                    kind=Kind.BATTERY,
                    capacity_pct=40.0,
                    is_derived=True,
                    microwatt=4_830_000,
                    path=at,
                ),
                Supply(name="BAT1", kind=Kind.BATTERY, is_present=False, path=at),
                Supply(name="mouse", kind=Kind.BATTERY, is_ours=False, path=at),
            ),
            power=Power(source=Source.BATTERY, empty_s=600),
        )
    )

    assert 0.0 == found["power.AC"].value
    assert (40.0, False) == (found["power.BAT0"].value, found["power.BAT0"].sure)
    assert 4.83 == found["power.BAT0.flow"].value
    assert "not in its place" == found["power.BAT1"].problem
    assert "feeds a device, not the box" == found["power.mouse"].problem
    assert (600.0, False) == (found["power.empty"].value, found["power.empty"].sure)
    assert "power.source" not in found


@pytest.mark.parametrize(
    ("alarm", "firmware", "expected"),
    [
        (None, None, None),
        (True, None, True),
        (False, WEAK, False),
        (None, WEAK, True),
        (None, QUIET, False),
        (REFUSED, WEAK, True),
        (REFUSED, REFUSED, None),
        (None, REFUSED, None),
    ],
)
def test_a_weak_supply_is_the_kernels_word_or_else_the_firmwares(
    alarm: Maybe[bool],
    firmware: Maybe[Throttled],
    expected: bool | None,  # noqa: FBT001  # the table's column
) -> None:
    """The kernel's is two seconds old at most, the other one ten."""
    sensed = Sensed(alarm=alarm, firmware=Answer(value=firmware))

    assert expected is sensed.under_voltage


@pytest.mark.parametrize(
    ("firmware", "expected"), [(None, None), (QUIET, False), (WEAK, True)]
)
def test_the_firmware_says_whether_it_slows_the_box(
    firmware: Throttled | None,
    expected: bool | None,  # noqa: FBT001  # the table's column
) -> None:
    """For heat or for want of power."""
    assert expected is Sensed(firmware=Answer(value=firmware)).slowed


def test_the_firmwares_lines_have_its_age() -> None:
    """It is not asked at each look."""
    answer = Answer(value=WEAK, age_s=7.0, path="/usr/bin/vcgencmd")
    refused = Answer(value=REFUSED, age_s=3.0, path="/usr/bin/vcgencmd")

    found = said(Sensed(alarm=True, alarm_path="/sys/alarm", firmware=answer))
    failed = said(Sensed(firmware=refused))

    assert (1.0, 0.0) == (
        found["power.under_voltage"].value,
        found["power.under_voltage"].age_s,
    )
    throttled = found["firmware.throttled"]
    assert (1.0, 7.0) == (throttled.value, throttled.age_s)
    assert 0.0 == found["firmware.soft_limit"].value
    assert (None, 3.0) == (
        failed["firmware.throttled"].value,
        failed["firmware.throttled"].age_s,
    )
    assert "power.under_voltage" not in failed


def test_memory_says_whose_limit_it_is() -> None:
    """And when limits are hidden by version 1."""
    memory = Memory(available=66, total=256, path="/sys/fs/cgroup")

    found = said(Sensed(memory=memory, oom_kills=1, is_memory_v1=True))

    assert (66.0, "/sys/fs/cgroup") == (
        found["memory.available"].value,
        found["memory.available"].source,
    )
    assert 256.0 == found["memory.total"].value
    assert 1.0 == found["memory.oom_kills"].value
    assert "version 1" in found["memory.limit"].problem


def test_our_own_waits_come_before_the_machines() -> None:
    """Of memory the worst counts: the machine's end may be ours."""
    machine = Stall(path="/proc/p", some=0.9, full=0.5)
    own = Stall(path="/sys/p", some=0.1, full=0.05)
    both = Stalls(machine=machine, own=own)

    sensed = Sensed(memory_stalls=both, cpu_stalls=both, io_stalls=Stalls(own=REFUSED))
    alone = Sensed(memory_stalls=Stalls(own=own), cpu_stalls=Stalls(machine=machine))

    assert (0.5, 0.1) == (sensed.memory_stalled, sensed.cpu_stalled)
    assert (0.05, 0.9) == (alone.memory_stalled, alone.cpu_stalled)
    assert (None, None) == (Sensed().memory_stalled, Sensed().cpu_stalled)
    assert "/sys/p" == said(sensed)["cpu.stalled"].source
    assert "input/output error" == said(sensed)["io.stalled"].problem


def test_load_is_of_each_core() -> None:
    """Without the count of cores it is not known."""
    assert 0.5 == Sensed(load=2.0, cores=4).load_of_core
    assert Sensed(load=2.0).load_of_core is None
    assert Sensed(load=REFUSED, cores=4).load_of_core is None
    assert 0.5 == said(Sensed(load=2.0, cores=4))["cpu.load"].value
    assert "input/output error" == said(Sensed(load=REFUSED))["cpu.load"].problem


def test_a_clock_that_was_asked_for_is_not_sure() -> None:
    """The firmware may give another; what it may reach is."""
    policy = Policy(
        path="/sys/policy0", khz=1500, cap_khz=REFUSED, most_khz=None, governor=""
    )

    found = said(Sensed(policies=(policy,)))

    assert (1_500_000.0, False) == (
        found["cpu.policy0.clock"].value,
        found["cpu.policy0.clock"].sure,
    )
    assert "input/output error" == found["cpu.policy0.cap"].problem
    assert "/sys/policy0/scaling_cur_freq" == found["cpu.policy0.clock"].source


def test_a_current_sensor_is_not_sure() -> None:
    """What runs through it is the board's choice."""
    chip = Chip(path="/sys/hwmon2", name="ina219")
    watts = Watts(chip=chip, millivolt=4228, milliampere=-40, microwatt=176000)

    found = said(Sensed(watts=(watts,)))["energy.ina219"]

    assert (0.176, "W", False) == (found.value, found.unit, found.sure)
