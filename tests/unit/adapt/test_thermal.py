"""The fit of a box's heat, against boxes that are made up; and the ceiling from it."""

import math
import random

import pytest

from edged.adapt.thermal import BACK_S, Ceiling, Fit, Thermal


class Box:
    """One node of heat, with a sensor that has steps."""

    def __init__(
        self, *, tau_s: float = 140.0, idle_c: float = 50.0, rise_c: float = 30.0
    ) -> None:
        self.tau_s, self.idle_c, self.rise_c = tau_s, idle_c, rise_c
        self.temp_c = idle_c
        self.now_s = 0.0
        self.thermal = Thermal()

    def run(self, seconds: float, duty: float) -> None:
        """Let time pass at one duty, with a reading every two seconds."""
        for _ in range(int(seconds / 2)):
            self.now_s += 2.0
            steady_c = self.idle_c + self.rise_c * duty
            self.temp_c = steady_c + (self.temp_c - steady_c) * math.exp(
                -2.0 / self.tau_s
            )
            read_c = round(self.temp_c / 0.49) * 0.49
            self.thermal.observe(self.now_s, temp_c=read_c, duty=duty)

    @property
    def fit(self) -> Fit:
        """What was learnt."""
        fit = self.thermal.fit
        assert fit is not None
        return fit


def test_nothing_is_known_before_the_first_reading() -> None:
    """And it says so."""
    thermal = Thermal()

    assert thermal.fit is None
    assert "no reading yet" == repr(thermal)


def test_a_box_that_settled_is_expected_to_stay() -> None:
    """From the first reading on."""
    thermal = Thermal()
    thermal.observe(0.0, temp_c=61.0, duty=0.4)

    fit = thermal.fit

    assert fit is not None
    assert pytest.approx(61.0) == fit.steady_c(0.4)
    assert pytest.approx(61.0) == fit.ahead_c(61.0, duty=0.4, seconds=30.0)
    assert fit.steady_c(1.0) > 70.0


@pytest.mark.parametrize(
    ("tau_s", "rise_c"), [(140.0, 30.0), (80.0, 45.0), (300.0, 20.0)]
)
def test_a_box_is_learnt_from_its_work(tau_s: float, rise_c: float) -> None:
    """Half an hour of changing duty is enough."""
    box = Box(tau_s=tau_s, rise_c=rise_c)
    chance = random.Random(3)  # noqa: S311  # no secret
    for _ in range(15):
        box.run(120.0, chance.choice((0.1, 0.5, 0.9)))

    fit = box.fit

    assert pytest.approx(50.0, abs=4.0) == fit.idle_c
    assert pytest.approx(rise_c, rel=0.2) == fit.rise_c
    assert pytest.approx(tau_s, rel=0.4) == fit.tau_s


def test_half_a_minute_ahead_is_told_within_a_degree() -> None:
    """While it heats up, after a few minutes of another duty."""
    box = Box()
    box.run(300.0, 0.2)
    box.run(60.0, 0.9)

    ahead_c = box.fit.ahead_c(box.temp_c, duty=0.9, seconds=30.0)
    box.run(30.0, 0.9)

    assert pytest.approx(box.temp_c, abs=1.0) == ahead_c


def test_a_room_that_gets_hotter_is_followed() -> None:
    """The idle temperature drifts, the duty does not change for hours."""
    box = Box()
    for _ in range(60):
        box.idle_c += 0.2
        box.run(60.0, 0.6)

    actual = box.fit.steady_c(0.6)

    assert pytest.approx(box.idle_c + 0.6 * box.rise_c, abs=1.5) == actual


def test_a_gap_teaches_nothing() -> None:
    """Nobody knows what the box did meanwhile."""
    box = Box()
    box.run(600.0, 0.5)
    before = box.fit

    box.thermal.observe(box.now_s + 3600.0, temp_c=20.0, duty=0.5)

    assert before == box.fit


def test_a_long_rest_leaves_it_as_sure_as_it_was() -> None:
    """Work of which nothing was seen for weeks is learnt as on the second day."""
    found = []
    for windows in (2_000, 40_000):
        thermal = Thermal()
        for turn in range(windows):
            thermal.observe(turn * 50.0, temp_c=40.0, duty=0.0)
        thermal.observe(windows * 50.0 - 40.0, temp_c=42.0, duty=1.0)
        found.append(thermal.fit)

    assert found[0] is not None
    assert found[0] == found[1]
    assert found[0].rise_c < 30.0


def test_a_fit_stays_within_what_a_box_can_be() -> None:
    """Readings that no box gives lead to no absurd forecast."""
    thermal = Thermal()
    chance = random.Random(4)  # noqa: S311  # no secret
    for turn in range(2000):
        thermal.observe(
            turn * 5.0, temp_c=chance.uniform(-40, 120), duty=chance.random()
        )

        fit = thermal.fit

        assert fit is not None
        assert 20.0 <= fit.tau_s <= 1800.0
        assert 1.0 <= fit.rise_c <= 150.0


def test_a_rate_that_fell_below_zero_is_a_very_slow_box() -> None:
    """A temperature that runs away has no time constant."""
    thermal = Thermal()
    temp_c = 30.0
    for turn in range(400):
        temp_c *= 1.01
        thermal.observe(turn * 10.0, temp_c=temp_c, duty=0.5)

    fit = thermal.fit

    assert fit is not None
    assert 1800.0 == fit.tau_s
    assert repr(thermal).startswith("tau 1800 s")


STEADY_C = (90.0, 77.0, 70.0)


def test_a_box_uses_its_heat_capacity_first() -> None:
    """What would be too hot in an hour is not too hot now."""
    ceiling = Ceiling()

    actual = ceiling.update(0.0, ahead_c=70.0, steady_c=STEADY_C, limit_c=80.0)

    assert 0 == actual


def test_near_the_limit_it_goes_where_the_box_stays_clear_of_it() -> None:
    """Past what would only be a little cooler, and no further."""
    found = [
        Ceiling().update(0.0, ahead_c=79.0, steady_c=steady_c, limit_c=80.0)
        for steady_c in (STEADY_C, (90.0, 79.0, 70.0), (90.0, 89.0, 88.0), (90.0,))
    ]

    assert [1, 2, 2, 0] == found


def test_it_comes_back_when_that_would_stay_cool() -> None:
    """After a minute, one step at a time."""
    ceiling = Ceiling()
    ceiling.update(0.0, ahead_c=79.0, steady_c=(90.0, 85.0, 70.0), limit_c=80.0)
    cool = (75.0, 74.0, 60.0)

    found = [
        ceiling.update(now_s, ahead_c=60.0, steady_c=steady_c, limit_c=80.0)
        for now_s, steady_c in (
            (BACK_S - 1, cool),
            (BACK_S + 1, (90.0, 77.0, 60.0)),  # not clear enough
            (BACK_S + 2, cool),
            (BACK_S + 3, cool),
            (2 * BACK_S + 3, cool),
        )
    ]

    assert [2, 2, 1, 1, 0] == found


def test_a_step_up_that_was_wrong_is_tried_later_and_later() -> None:
    """A fit that errs must not make the box swing."""
    ceiling = Ceiling()
    moves, now_s, rank = 0, 0.0, 0
    while now_s < 3600.0:
        now_s += 5.0
        ahead_c = 79.5 if rank == 0 else 60.0
        now = ceiling.update(
            now_s, ahead_c=ahead_c, steady_c=(70.0, 60.0), limit_c=80.0
        )
        moves += now != rank
        rank = now

    assert 10 <= moves <= 12
