"""The stories that the fleet's benchmark tells, with a few boxes."""

import pytest

from benchmarks.bars import flat, hold
from benchmarks.fleet import BARS, halted, measured, rolled_out
from benchmarks.fleet_page import picture
from benchmarks.fleet_world import DAY, World

BOXES = 300


def test_a_seed_tells_one_story() -> None:
    """Or a figure on the page could not be found again."""
    one, same, other = (rolled_out(BOXES, seed) for seed in (1, 1, 2))

    assert one == same
    assert one != other


def test_a_short_run_holds_what_needs_no_large_fleet() -> None:
    """As in CI."""
    figures = flat(measured(BOXES, 1).told)

    held = hold(figures, quick=True, bars=BARS)

    assert [] == [name for name, row in held.items() if not row.ok]


def test_a_halt_reaches_everybody_in_minutes() -> None:
    """Who waits for a window looks before the first byte."""
    told = halted(BOXES, 1)

    assert told["latest first byte, min after the halt"] <= 5
    assert told["latest last byte, min after the halt"] <= 8
    assert told["had it before, % of all"] < 10


@pytest.mark.parametrize("outage_s", [600.0, DAY])
def test_a_power_cut_loses_nothing_that_was_planned(outage_s: float) -> None:
    """Nobody asks in the dark; every box comes back, and looks four times a day."""
    world = World(BOXES, 1)
    world.run(DAY)

    world.cut(outage_s, within_s=10.0)
    world.run(DAY + outage_s + 2 * DAY)

    dark = range(int(DAY // 60), int((DAY + outage_s) // 60))
    after = range(dark.stop, dark.stop + 2880)
    assert 0 == sum(world.requests[minute] for minute in dark)
    asked = sum(world.requests[minute] for minute in after)
    assert pytest.approx(BOXES * 2 * 4 * 2, rel=0.15) == asked


def test_the_picture_has_the_curve_and_the_rates() -> None:
    """The line goes on to what the schedule allows."""
    chart = picture(measured(BOXES, 1))

    curve, rates = chart.panels
    assert ("27 h", 100.0) == (curve.bars[9].label, curve.bars[9].up_to)
    assert [
        "a quiet day, mean",
        "roll-out",
        "quiet day",
        "10 min without power",
        "1 h without power",
        "12 h without power",
    ] == [bar.label for bar in rates.bars]
