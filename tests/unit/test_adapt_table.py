"""The table of policies: its ladders, its settings, what it adds up and holds."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.adapt import page
from benchmarks.adapt.ladders import LARGEST_S, Ladder, ladders, load
from benchmarks.adapt.table import (
    BARS,
    HELD_OUT,
    TUNED_ON,
    Case,
    Found,
    Played,
    grouped,
    judged,
    left,
    played,
    worse,
)
from benchmarks.adapt.weather import Place
from benchmarks.adapt.world import Told
from benchmarks.bars import flat, hold
from edged.adapt.choice import Costed

BELOW = "below the oracle's accuracy, %"
OVER = "settings over 10 % that a static variant meets"
SWITCHES = [f"switches per hour, {where}, worst setting" for where in ("idle", "hot")]
HOT = "settings at 80 C where the smallest stays below"


@pytest.fixture(scope="module")
def short() -> Found:
    """Return a short run: one deadline, five minutes."""
    return played(HELD_OUT[0], deadlines=(1.5,), length_s=300.0)


def told(
    accuracy: float,
    *,
    missed: float = 0.0,
    switches_per_h: float = 0.0,
    peak_c: float = 60.0,
) -> Told:
    """Return what a story came to."""
    return Told(
        requests=100,
        missed=missed,
        accuracy=accuracy,
        joules=1.0,
        switches_per_h=switches_per_h,
        peak_c=peak_c,
        hot=0.0,
        busy=0.5,
    )


def found(ours: Told, static: Told, *, place: Place = Place.IDLE) -> Found:
    """Return two cases: one setting where all are alike, three that are as given."""
    alike = dict.fromkeys(
        ("oracle", "ours", "oracle static", "static, smallest"), told(0.8)
    )
    given = {
        "oracle": told(0.8),
        "ours": ours,
        "oracle static": static,
        "static, smallest": static,
    }
    return {
        Case(1, "l", place, 1.0, (0,)): Played(1, alike),
        Case(1, "l", place, 1.0, (0, 2)): Played(3, given),
    }


def test_a_ladder_is_what_was_measured_on_a_slower_board() -> None:
    """Its largest takes so long; nobody on it is slower than one that is as good."""
    profiles = load().ladders
    times = {p.id: p.runs[0].wall.low_ms for rows in profiles.values() for p in rows}

    made = ladders()

    assert [*profiles, "mlperf-tiny-ic, float"] == [ladder.name for ladder in made]
    for ladder in made:
        walls = [v.wall_s for v in ladder.variants]
        assert pytest.approx(LARGEST_S) == walls[0]
        assert sorted(walls, reverse=True) == walls
        accuracies = [v.accuracy or 0.0 for v in ladder.variants]
        assert sorted(set(accuracies), reverse=True) == accuracies
        ratios = [
            wall_s / times[v.id]
            for v, wall_s in zip(ladder.variants, walls, strict=True)
        ]
        assert pytest.approx([ratios[0]] * len(ratios)) == ratios
        assert 1.0 == max(ladder.sizes)
    assert not any("int8" in v.id for v in made[-1].variants)


def test_floors_and_budgets_leave_some_of_the_variants() -> None:
    """Nine pairs; a pair that leaves none is nobody's."""
    rungs = ((0.2, 0.8), (0.15, 0.77), (0.02, 0.5))
    ladder = Ladder(
        name="l",
        variants=tuple(
            Costed(id=str(wall_s), wall_s=wall_s, cpu_s=wall_s, accuracy=accuracy)
            for wall_s, accuracy in rungs
        ),
        sizes=(1.0, 0.5, 0.1),
    )

    actual = left(ladder)

    expected = {(0, 1, 2): 1, (1, 2): 1, (2,): 1, (0,): 1, (0, 1): 1, (1,): 1}
    assert Counter(expected) == actual


def test_seeds_of_the_figures_are_not_those_that_were_tuned_on() -> None:
    """What was chosen on a story is not proved by it."""
    assert not set(TUNED_ON) & set(HELD_OUT)


def test_a_case_counts_as_often_as_it_has_settings() -> None:
    """Over all, by environment and by ladder."""
    groups = grouped(found(told(0.4, missed=0.2, peak_c=70.0), told(0.6)))

    assert ["all", "idle", "l"] == list(groups)
    rows = {row.policy: row for row in groups["all"]}
    ours = rows["ours"]
    assert pytest.approx((0.5, 0.15, 70.0)) == (ours.accuracy, ours.missed, ours.peak_c)
    assert (4, 3) == (ours.settings, ours.over)
    assert 0 == rows["oracle"].over


@pytest.mark.parametrize(
    ("ours", "static", "place", "figure", "value"),
    [
        (told(0.7), told(0.7), Place.IDLE, BELOW, 7.5),
        (told(0.7, missed=0.11), told(0.7, missed=0.1), Place.IDLE, OVER, 3),
        (told(0.7, missed=0.3), told(0.7, missed=0.2), Place.IDLE, OVER, 0),
        (told(0.8, switches_per_h=13), told(0.8), Place.IDLE, SWITCHES[0], 13),
        (told(0.8, switches_per_h=13), told(0.8), Place.HOT, SWITCHES[1], 13),
        (told(0.8, peak_c=80.0), told(0.8, peak_c=79.9), Place.HOT, HOT, 3),
        (told(0.8, peak_c=80.0), told(0.8, peak_c=80.0), Place.HOT, HOT, 0),
    ],
)
def test_what_has_a_bar_is_counted(
    ours: Told, static: Told, place: Place, figure: str, value: float
) -> None:
    """In settings, not in cases."""
    other = Place.HOT if place is Place.IDLE else Place.IDLE
    cases = found(ours, static, place=place)
    quiet = next(iter(cases.values()))
    cases[Case(2, "l", other, 1.0, (0,))] = quiet

    actual = judged(cases)

    assert pytest.approx(value) == actual[figure]
    assert {f"ours  {name}" for name in actual} == {bar.figure for bar in BARS}


def test_where_ours_is_worse_is_told_worst_first() -> None:
    """By what is lost to the best static variant; half a point is nothing."""
    little, much = found(told(0.7), told(0.75)), found(told(0.5), told(0.75))
    little = {Case(2, "l", Place.HOT, 1.0, (1,)): list(little.values())[1]}
    nothing = {
        Case(3, "l", Place.HOT, 1.0, (1,)): Played(
            1, {"ours": told(0.7), "oracle static": told(0.705)}
        )
    }

    actual = worse(little | much | nothing)

    assert [
        ("idle, l, deadline 1, rungs 1, 3, seed 1", 3),
        ("hot, l, deadline 1, rungs 2, seed 2", 3),
    ] == [(name, n) for name, n, _ in actual]


def test_a_short_run_holds_what_needs_no_hour(short: Found) -> None:
    """One seed and one deadline are enough to see a rule that is broken."""
    held = hold(flat({"ours": judged(short)}), quick=True, bars=BARS)

    assert [] == [name for name, row in held.items() if not row.ok]


def test_the_page_says_all_of_it(short: Found, tmp_path: Path) -> None:
    """What is held, every group, and where ours is worse."""
    groups = grouped(short)
    paper = page.Paper((11,), groups, [("ours  a figure", 1.0, 2.0)], worse(short))

    page.write(paper, tmp_path)

    text = (tmp_path / "adaptation-table.md").read_text()
    assert "| ours: a figure | 1 | 2 |" in text
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    places = [place.value[0].upper() + place.value[1:] for place in Place]
    assert [
        "## What is held",
        "## Over all",
        *(f"## {place}" for place in places),
    ] == heads[:8]
    assert "## Where ours is worse" in heads
    assert "## How it was reckoned" in heads
    assert "seeds 11." in text
    assert page.NAMED >= text.count(", seed 11 |")
    assert (
        b"Policies on a small board" in (tmp_path / "adaptation-table.svg").read_bytes()
    )
