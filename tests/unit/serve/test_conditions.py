"""How the box is, as all models see it."""

import math

from edged.adapt.choice import Costed
from edged.adapt.slowdown import FORGET_S
from edged.serve.conditions import Conditions
from edged.wire.adapt import Strategy

COST = Costed(id="m/v", wall_s=0.010, cpu_s=0.010)


def slowed(times: float = 2.0, runs: int = 20) -> Conditions:
    """Return a box on which runs took so many times what was profiled."""
    conditions = Conditions(cores=4)
    for run in range(runs):
        conditions.learn(COST, taken_s=0.010 * times, size=1.0, now_s=0.1 * run)
    return conditions


def test_a_box_is_as_slow_as_its_runs() -> None:
    """Up to what every run costs beside its work; before any, nothing is known."""
    conditions = slowed(2.0)

    assert math.isclose(1.9, math.exp(conditions.slowdown(2.0).mean), rel_tol=0.15)
    assert Strategy.NORMAL is conditions.regime.strategy
    assert "normal, x" in repr(conditions)


def test_large_inputs_do_not_make_a_box_slow() -> None:
    """Eight rows take eight times as long."""
    conditions = Conditions(cores=4)

    for run in range(20):
        conditions.learn(COST, taken_s=0.080, size=8.0, now_s=0.1 * run)

    assert math.isclose(1.0, math.exp(conditions.slowdown(2.0).mean), rel_tol=0.05)


def test_an_idle_box_is_looked_at_anew() -> None:
    """An estimate is kept for a moment, never for long."""
    conditions = slowed(2.0)
    first = conditions.slowdown(2.0)

    assert first is conditions.slowdown(2.05)
    assert conditions.slowdown(2.0 + FORGET_S).mean < first.mean / 2


def test_what_the_others_take_is_told() -> None:
    """Of those that said so of late."""
    conditions = Conditions(cores=4)

    assert 0.0 == conditions.used("a", 1.5, 0.0)
    assert 1.5 == conditions.used("b", 1.0, 1.0)
    assert 1.0 == conditions.used("a", 2.0, 5.0)
    assert 0.0 == conditions.used("a", 2.0, 60.0)
    assert Conditions().cores >= 1
