"""What captured boards say of work that nobody waits for."""

import os
from pathlib import Path

import pytest

from edged.activate.calm import objection
from edged.wire.adapt import Strategy
from tests.fakes.board import Board


@pytest.mark.parametrize("name", ["pi5-idle", "vm"])
def test_a_box_that_rests_has_no_objection(tmp_path: Path, name: str) -> None:
    """Nor one that does not say what feeds it."""
    board = Board(name, tmp_path)
    board.set("/proc/loadavg", "0.00 0.00 0.00 1/180 900")

    assert objection(root=tmp_path) == ""


def test_a_battery_must_last(tmp_path: Path) -> None:
    """Only while it is emptied."""
    board = Board("laptop", tmp_path)
    board.set("/proc/loadavg", "0.00 0.00 0.00 1/180 900")
    board.set("/sys/class/power_supply/BAT0/status", "Discharging")

    assert objection(root=tmp_path) == "the box runs on its battery"
    board.set("/sys/class/power_supply/BAT0/status", "Full")
    assert objection(root=tmp_path) == ""


def test_others_may_use_the_box(tmp_path: Path) -> None:
    """As the load says; one that cannot be read says nothing."""
    board = Board("vm", tmp_path)
    cores = len(os.sched_getaffinity(0))
    board.set("/proc/loadavg", f"{cores}.50 0.00 0.00 1/180 900")

    assert objection(root=tmp_path).startswith(
        f"the box is busy: its load is {cores}.5, "
    )
    board.refuse("/proc/loadavg")
    assert objection(root=tmp_path) == ""


def test_a_box_that_saves_itself_does_nothing_more(tmp_path: Path) -> None:
    """Whatever it saves; `normal` is no objection."""
    board = Board("vm", tmp_path)
    board.set("/proc/loadavg", "0.00 0.00 0.00 1/180 900")

    assert objection(Strategy.NORMAL, root=tmp_path) == ""
    for strategy in (Strategy.LIGHTWEIGHT, Strategy.THROTTLED, Strategy.CRITICAL):
        expected = f"the strategy is {strategy.value}"
        assert objection(strategy, root=tmp_path) == expected
