"""Every axis: comfortable, at the limit, between, and unknown."""

import pytest

from edged.adapt import headroom
from edged.wire.adapt import Axis, Headroom


def test_a_box_without_trips_has_the_limit_of_a_pi() -> None:
    """The lowest trip counts where there are some."""
    assert 80.0 == headroom.limit_c([])
    assert 70.0 == headroom.limit_c([85.0, 70.0])


@pytest.mark.parametrize(
    ("temp_c", "value"),
    [(40.0, 1.0), (65.0, 1.0), (72.5, 0.5), (80.0, 0.0), (95.0, 0.0)],
)
def test_heat_is_measured_below_the_limit(temp_c: float, value: float) -> None:
    """15 C below is comfortable."""
    actual = headroom.thermal(temp_c)

    because = f"{temp_c:.1f} C of 80 C"
    expected = Headroom(axis=Axis.THERMAL, value=value, because=because)
    assert expected == actual


def test_a_box_without_a_sensor_is_neither_cool_nor_hot() -> None:
    """A forecast without a reading is none."""
    actual = headroom.thermal(None, ahead_c=70.0)

    because = "no temperature is read"
    assert Headroom(axis=Axis.THERMAL, value=None, because=because) == actual


def test_heat_is_told_ahead() -> None:
    """Where there is a forecast."""
    actual = headroom.thermal(60.0, limit_c=70.0, ahead_c=70.0)

    assert 0.0 == actual.ahead
    assert "60.0 C of 70 C, 70.0 C in 30 s" == actual.because


@pytest.mark.parametrize(
    ("capacity_pct", "discharging", "under_voltage_s", "value", "because"),
    [
        (50.0, True, None, 1.0, "battery at 50 %, limit 10 %"),
        (20.0, True, None, 0.5, "battery at 20 %, limit 10 %"),
        (8.0, True, None, 0.0, "battery at 8 %, limit 10 %"),
        (8.0, False, None, 1.0, "no battery is emptied"),
        (
            None,
            True,
            None,
            None,
            "a battery is emptied; it does not say how full it is",
        ),
        (None, None, None, None, "no supply is read"),
        (90.0, False, 59.0, 0.0, "the supply was too weak 59 s ago"),
        (90.0, False, 60.0, 1.0, "no battery is emptied"),
    ],
)
def test_power_is_the_battery_that_is_emptied_and_the_supply(
    capacity_pct: float | None,
    discharging: bool | None,  # noqa: FBT001
    under_voltage_s: float | None,
    value: float | None,
    because: str,
) -> None:
    """A supply that was too weak counts for a minute."""
    actual = headroom.power(
        capacity_pct=capacity_pct,
        discharging=discharging,
        under_voltage_s=under_voltage_s,
    )

    assert Headroom(axis=Axis.POWER, value=value, because=because) == actual


@pytest.mark.parametrize(
    ("available", "total", "stalled", "value", "because"),
    [
        (25.0, 100.0, None, 1.0, "25 % available, limit 5 %"),
        (15.0, 100.0, 0.0, 0.5, "15 % available, limit 5 %"),
        (90.0, 100.0, 0.1, 0.5, "all waits for memory 10 % of the time"),
        (None, None, 0.3, 0.0, "all waits for memory 30 % of the time"),
        (None, 100.0, None, None, "no memory is read"),
    ],
)
def test_memory_is_the_worse_of_room_and_stalls(
    available: float | None,
    total: float | None,
    stalled: float | None,
    value: float | None,
    because: str,
) -> None:
    """Either may be missing."""
    actual = headroom.memory(available=available, total=total, stalled=stalled)

    assert because == actual.because
    assert (None if value is None else pytest.approx(value)) == actual.value


@pytest.mark.parametrize(
    ("stalled", "load", "value", "because"),
    [
        (0.25, 9.0, 0.75, "something waits for a core 25 % of the time"),
        (None, 2.5, 0.5, "2.5 tasks for each core, limit 4"),
        (None, None, None, "no load is read"),
    ],
)
def test_cores_are_told_by_stalls_before_load(
    stalled: float | None, load: float | None, value: float | None, because: str
) -> None:
    """The load average is what there is without PSI."""
    actual = headroom.cpu(stalled=stalled, load=load)

    assert Headroom(axis=Axis.CPU, value=value, because=because) == actual


def test_the_queue_is_measured_against_deadlines() -> None:
    """Without deadlines nothing is late."""
    waits = headroom.load(wait_s=0.05, deadline_s=0.2)
    free = headroom.load(wait_s=0.05, deadline_s=None)

    assert pytest.approx(0.75) == waits.value
    assert "50 ms to wait of 200 ms" == waits.because
    assert (None, "no request has a deadline") == (free.value, free.because)
