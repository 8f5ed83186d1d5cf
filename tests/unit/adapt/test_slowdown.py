"""The filter of the slow-down, on times that are made up."""

import math
import random

import pytest

from edged.adapt.choice import Costed, Option, allowed, expected_s
from edged.adapt.slowdown import BIASES, UNKNOWN, USUAL_SD, Slowdown


def after(
    factors: list[float], *, variant: str = "m/best", every_s: float = 0.1
) -> tuple[Slowdown, float]:
    """Return a filter that saw these slow-downs, and when the last one ended."""
    filtered = Slowdown()
    now_s = 0.0
    for factor in factors:
        now_s += every_s
        filtered.observe(variant, taken_s=factor * 0.05, profiled_s=0.05, now_s=now_s)
    return filtered, now_s


def expected(filtered: Slowdown, now_s: float, variant: str = "m/best") -> float:
    """Return the factor that is expected of a variant."""
    estimate = filtered.estimate(now_s)
    return math.exp(estimate.mean + estimate.biases[variant].mean)


def ran(name: str, wall_s: float) -> Option:
    """Return a variant that may be chosen."""
    variant = Costed(id=name, wall_s=wall_s, cpu_s=wall_s)
    return next(iter(allowed([variant], cost=1.0)))


def test_a_box_that_measured_nothing_is_as_profiled_and_unsure() -> None:
    """The profile is all there is."""
    actual = Slowdown().estimate(5.0)

    assert UNKNOWN == actual
    assert (0.0, pytest.approx(0.065, abs=0.001)) == (actual.mean, actual.variance)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.7, 3.0])
def test_what_lasts_is_found(factor: float) -> None:
    """Whatever it is."""
    filtered, now_s = after([factor] * 50)

    actual = expected(filtered, now_s)

    assert pytest.approx(factor, rel=0.02) == actual


def test_one_hiccup_changes_little() -> None:
    """A run that was interrupted says nothing of the next one."""
    filtered, now_s = after([1.0] * 50 + [8.0])

    actual = expected(filtered, now_s)

    assert 1.0 < actual < 1.06


@pytest.mark.parametrize("factor", [0.5, 1.8])
def test_a_second_surprise_on_one_side_is_believed(factor: float) -> None:
    """Contention that begins is seen with the second run."""
    filtered, now_s = after([1.0] * 50 + [factor] * 2)

    actual = expected(filtered, now_s)

    assert pytest.approx(factor, rel=0.08) == actual


def test_surprises_on_both_sides_are_hiccups() -> None:
    """They cancel out."""
    filtered, now_s = after([1.0] * 50 + [4.0, 0.25])

    actual = expected(filtered, now_s)

    assert pytest.approx(1.0, rel=0.06) == actual


def test_a_variant_that_is_slower_than_profiled_does_not_slow_the_others() -> None:
    """What one variant has of its own is its bias."""
    chance = random.Random(1)  # noqa: S311  # no secret
    filtered = Slowdown()
    for turn in range(600):
        variant, own = (("m/a", 1.0), ("m/b", 1.25))[turn // 20 % 2]
        taken_s = 0.05 * own * chance.lognormvariate(0.0, 0.02)
        filtered.observe(variant, taken_s=taken_s, profiled_s=0.05, now_s=turn * 0.1)

    ratio = expected(filtered, 60.0, "m/b") / expected(filtered, 60.0, "m/a")

    assert pytest.approx(1.25, rel=0.03) == ratio


def test_the_spread_of_runs_is_learnt() -> None:
    """A steady variant may be planned tightly, an unsteady one may not."""
    found = []
    for sd in (0.02, 0.15):
        chance = random.Random(2)  # noqa: S311  # no secret
        filtered, now_s = after([chance.lognormvariate(0.0, sd) for _ in range(600)])
        found.append(math.sqrt(filtered.estimate(now_s).variance))

    assert 0.015 < found[0] < 0.035
    assert 0.12 < found[1] < 0.20


def test_what_was_measured_long_ago_is_forgotten() -> None:
    """Or a box that refuses everything would refuse for ever."""
    filtered, now_s = after([3.0] * 50)

    soon, late = filtered.estimate(now_s + 1.0), filtered.estimate(now_s + 600.0)

    assert soon.mean > 0.7
    assert pytest.approx(0.0, abs=0.001) == late.mean
    assert late.variance > USUAL_SD**2 > soon.variance


def test_a_tiny_variant_says_little_of_a_large_one() -> None:
    """What a run costs beside its work is of one size, for small ones and large ones.

    As measured: 0.15 ms in a row, 0.45 ms between others; the large one was as before.
    """
    slowdown, tiny, large = Slowdown(), ran("tiny", 0.000_15), ran("large", 0.020)

    for n in range(500):
        slowdown.observe("tiny", taken_s=0.000_45, profiled_s=0.000_15, now_s=n / 50)

    now = slowdown.estimate(10.0)
    assert expected_s(large, now) < 1.4 * 0.020
    assert math.isclose(0.000_45, expected_s(tiny, now), rel_tol=0.1)


def test_it_says_where_it_stands() -> None:
    """For a log."""
    filtered, _ = after([2.0] * 200)

    assert "x1.71, 1 variants" == repr(filtered)


def test_only_variants_that_ran_last_are_remembered() -> None:
    """A box that got a thousand releases is not slower to choose for it."""
    slowdown = Slowdown()

    for n in range(BIASES + 10):
        slowdown.observe(f"v{n}", taken_s=1.0, profiled_s=1.0, now_s=float(n))
        slowdown.observe("kept", taken_s=1.0, profiled_s=1.0, now_s=float(n))

    biases = slowdown.estimate(0.0).biases
    assert BIASES == len(biases)
    assert {"kept", f"v{BIASES + 9}"} < set(biases)
    assert "v0" not in biases
