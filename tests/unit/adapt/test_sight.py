"""What looks amount to, one after the other."""

import math
from typing import Any

import pytest

from edged.adapt.heat import Heat
from edged.adapt.sensed import Sensed, Stalls
from edged.adapt.sight import GONE_S, MISSED_S, Seen, Sight, blind
from edged.host.cpu_time import Times
from edged.host.power_supply import Power, Source
from edged.host.pressure import Memory, Stall
from edged.host.sysfs import Unreadable
from edged.wire.adapt import Axis

CPU = Heat(name="cpu-thermal", temp_c=60.0, limit_c=None, path="/sys/a/temp")
GPU = Heat(name="gpu-thermal", temp_c=50.0, limit_c=90.0, path="/sys/b/temp")
BATTERY = Power(source=Source.BATTERY, capacity_pct=20.0, discharging=True)
REFUSED = Unreadable("/sys/a", 11)


def at(heat: Heat, temp_c: float) -> Heat:
    """Return it at another temperature."""
    return Heat(name=heat.name, temp_c=temp_c, limit_c=heat.limit_c, path=heat.path)


def look(at_s: float, *heats: Heat, **fields: Any) -> Sensed:
    """Return a look."""
    return Sensed(at_s=at_s, heats=heats, **fields)


def values(seen: Seen) -> dict[str, float | None]:
    """Return the headrooms by axis, to two digits."""
    return {
        room.axis.value: None if room.value is None else round(room.value, 2)
        for room in seen.headrooms
    }


def test_nothing_is_known_of_a_box_that_says_nothing() -> None:
    """Neither before a look, nor by one that found nothing."""
    unknown = {"thermal": None, "power": None, "memory": None, "cpu": None}

    assert unknown == values(Sight().take(look(1.0)))
    assert unknown == values(blind("why"))
    assert {"why"} == {room.because for room in blind("why").headrooms}


def test_what_refuses_or_is_garbage_is_unknown() -> None:
    """Never fine, never bad."""
    seen = Sight().take(
        look(
            1.0,
            memory=REFUSED,
            alarm=REFUSED,
            cpu=REFUSED,
            load=REFUSED,
            memory_stalls=Stalls(machine=REFUSED),
        )
    )

    assert {None} == set(values(seen).values())


def test_each_axis_has_its_headroom() -> None:
    """Of heat, power, memory and cores."""
    seen = Sight().take(
        look(
            1.0,
            at(CPU, 72.5),
            GPU,
            power=BATTERY,
            memory=Memory(available=15, total=100, path=""),
            cpu_stalls=Stalls(machine=Stall(path="", some=0.25)),
        )
    )

    assert {"thermal": 0.5, "power": 0.5, "memory": 0.5, "cpu": 0.75} == values(seen)
    assert (72.5, 80.0, 20.0, False) == (
        seen.temp_c,
        seen.limit_c,
        seen.battery_pct,
        seen.on_mains,
    )


def test_what_is_nearest_to_its_limit_counts() -> None:
    """A part that may be hotter may be hotter."""
    seen = Sight().take(look(1.0, at(CPU, 71.0), at(GPU, 82.0)))

    assert (82.0, 90.0) == (seen.temp_c, seen.limit_c)


def test_heat_that_is_on_its_way_is_seen_before_it_is_there() -> None:
    """A box that works hard for minutes, and gets hotter by the minute."""
    sight, seen, temp_c = Sight(), blind(""), 35.0
    for step in range(60):
        temp_c += (35.0 + 60.0 - temp_c) * 2.0 / 140.0
        cpu = Times(busy=200 * step, total=200 * step)
        seen = sight.take(look(2.0 * step, at(CPU, temp_c), cpu=cpu))

    room = seen.of(Axis.THERMAL)
    assert seen.fit is not None
    real_c = 95.0 + (temp_c - 95.0) * math.exp(-30.0 / 140.0)
    foreseen_c = seen.fit.ahead_c(temp_c, duty=1.0, seconds=30.0)
    assert room.value is not None
    assert room.ahead is not None
    assert room.ahead < room.value
    assert abs(real_c - foreseen_c) < 1.0
    assert f"{temp_c:.1f} C of 80 C" in room.because


def test_a_burst_heats_nothing_yet() -> None:
    """One busy look after a calm minute is no work that goes on."""
    sight = Sight()
    for step in range(30):
        sight.take(look(2.0 * step, CPU, cpu=Times(0, 200 * step)))

    seen = sight.take(look(60.0, CPU, cpu=Times(200, 6000)))

    room = seen.of(Axis.THERMAL)
    assert room.ahead is not None
    assert room.ahead > 0.9


def test_a_part_that_falls_silent_while_it_is_hot_counts_as_hot() -> None:
    """For a while; a cooler one does not speak for it, a hotter one does."""
    sight = Sight()
    sight.take(look(0.0, at(CPU, 79.0), GPU))

    silent = sight.take(look(10.0, GPU))
    hotter = sight.take(look(11.0, at(GPU, 89.5)))
    after = Sight()
    after.take(look(0.0, at(CPU, 79.0), GPU))
    given_up = after.take(look(MISSED_S + 1, GPU))

    assert 79.0 == silent.temp_c
    assert "79.0 C of 80 C 10 s ago, cpu-thermal is silent since" in (
        silent.of(Axis.THERMAL).because
    )
    assert 89.5 == hotter.temp_c
    assert 50.0 == given_up.temp_c


def test_when_no_part_tells_its_heat_it_is_unknown_at_once() -> None:
    """And known again with the first one that does."""
    sight = Sight()
    sight.take(look(0.0, CPU))

    away = sight.take(look(2.0))
    back = sight.take(look(4.0, CPU))

    assert (None, None) == (away.temp_c, away.of(Axis.THERMAL).value)
    assert 60.0 == back.temp_c


def test_a_weak_supply_counts_for_a_minute() -> None:
    """Its alarm flaps, and reading it may clear it."""
    sight = Sight()

    told = [
        values(sight.take(look(at_s, alarm=alarm)))["power"]
        for at_s, alarm in ((0, False), (1, True), (2, False), (60, False), (61, False))
    ]

    assert [1.0, 0.0, 0.0, 0.0, 1.0] == told


def test_a_supply_that_watches_itself_and_is_well_is_enough() -> None:
    """A board without a battery; the only sign of power that it has."""
    assert 1.0 == values(Sight().take(look(1.0, alarm=False)))["power"]


def test_a_battery_that_falls_silent_is_not_well() -> None:
    """Whatever the supply's own alarm says; until it is gone for good."""
    sight = Sight()
    sight.take(look(0.0, alarm=False, power=BATTERY))

    silent = values(sight.take(look(2.0, alarm=False)))["power"]
    gone = values(sight.take(look(GONE_S + 1, alarm=False)))["power"]

    assert silent is None
    assert 1.0 == gone


@pytest.mark.parametrize(
    ("power", "on_mains"),
    [
        (Power(), None),
        (Power(source=Source.MAINS, discharging=False), True),
        (BATTERY, False),
    ],
)
def test_what_the_box_runs_on_is_told(power: Power, *, on_mains: bool | None) -> None:
    """Unknown is unknown."""
    assert on_mains is Sight().take(look(1.0, power=power)).on_mains


def test_it_says_what_it_learnt() -> None:
    """In a line."""
    sight = Sight()

    assert "no reading yet, 0% busy" == repr(sight)
