"""The bars that the benchmark holds its figures to."""

import re

import pytest

from benchmarks.bars import BARS, Bar, flat, hold, table

BUSY = Bar(figure="start, s", most=1.2, quiet="wall-clock")
ROWS = (BUSY, Bar(figure="idle  rss MB", most=90.0))


@pytest.mark.parametrize(
    ("start_s", "rss", "quick", "over"),
    [
        (1.2, 90.0, False, []),
        (1.3, 90.0, False, ["start, s"]),
        (1.3, 90.1, False, ["start, s", "idle  rss MB"]),
        (1.3, 90.0, True, []),
        (1.3, 90.1, True, ["idle  rss MB"]),
    ],
)
def test_a_figure_over_its_bar_fails_the_run(
    start_s: float,
    rss: float,
    quick: bool,  # noqa: FBT001  # a case of the table
    over: list[str],
) -> None:
    """A short run passes over what needs a quiet machine, and nothing else."""
    figures = flat({"start, s": start_s, "idle": {"rss MB": rss}})

    held = hold(figures, quick=quick, bars=ROWS)

    assert over == [name for name, row in held.items() if not row.ok]


@pytest.mark.parametrize("value", [None, {"rss": 3.0}, {"rss MB": "much"}])
def test_a_bar_without_its_figure_is_a_bug(value: object) -> None:
    """A renamed figure must not be held to nothing."""
    with pytest.raises((KeyError, TypeError)):
        hold(flat({"start, s": 1.0, "idle": value}), quick=False, bars=ROWS)


def test_every_bar_stands_beside_its_figure() -> None:
    """And says why a short run does not hold it."""
    figures = flat({"machine": "x", "start, s": 1.31234, "idle": {"rss MB": 91.0}})

    lines = table(figures, hold(figures, quick=True, bars=ROWS)).splitlines()

    assert [
        ["machine", "x"],
        ["start, s", "1.312", "OVER ITS bar 1.2 (not held now: wall-clock)"],
        ["idle  rss MB", "91", "OVER ITS bar 90"],
    ] == [re.split(" {3,}", line) for line in lines]


def test_only_a_time_without_a_ratio_needs_a_quiet_machine() -> None:
    """CI holds all the others."""
    assert ["start to first answer, s"] == [bar.figure for bar in BARS if bar.quiet]
