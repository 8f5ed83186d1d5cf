"""Cores and clocks."""

from pathlib import Path

import pytest

from edged.host.cpufreq import cap, cores, parse_cores, policies
from edged.host.sysfs import Sysfs
from tests.fakes.board import Board

POLICY = "/sys/devices/system/cpu/cpufreq/policy0"


def test_a_policy_is_read(tmp_path: Path) -> None:
    """In kilohertz."""
    Board("pi5-idle", tmp_path)

    (found,) = policies(Sysfs(tmp_path))

    assert (POLICY, "ondemand") == (found.path, found.governor)
    assert (1500000, 2400000, 2400000) == (found.khz, found.cap_khz, found.most_khz)
    assert 1.0 == found.cap


def test_the_lowest_cap_counts(tmp_path: Path) -> None:
    """One of two clocks was halved."""
    Board("laptop", tmp_path)

    assert 0.5 == cap(policies(Sysfs(tmp_path)))


def test_a_cap_above_the_clock_holds_nothing_down(tmp_path: Path) -> None:
    """A governor may be told more than there is."""
    board = Board("pi5-idle", tmp_path)
    board.set(f"{POLICY}/scaling_max_freq", "9999999")

    assert 1.0 == cap(policies(Sysfs(tmp_path)))


def test_a_clock_without_a_cap_is_unknown(tmp_path: Path) -> None:
    """As one of nothing is."""
    board = Board("pi5-idle", tmp_path)
    board.set(f"{POLICY}/scaling_max_freq", "0")

    assert cap(policies(Sysfs(tmp_path))) is None


@pytest.mark.parametrize("value", ["0", "-5", "fast", None])
def test_without_a_figure_the_cap_is_unknown(tmp_path: Path, value: str | None) -> None:
    """Not full, and not nothing."""
    board = Board("pi5-idle", tmp_path)
    board.remove(f"{POLICY}/cpuinfo_max_freq")
    if value is not None:
        board.set(f"{POLICY}/cpuinfo_max_freq", value)

    assert cap(policies(Sysfs(tmp_path))) is None


def test_a_machine_that_is_not_asked_has_none(tmp_path: Path) -> None:
    """Most virtual ones."""
    Board("vm", tmp_path)

    assert cap(policies(Sysfs(tmp_path))) is None
    assert 2 == cores(Sysfs(tmp_path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 1),
        ("0-3", 4),
        ("0-1,4,6-7", 5),
        ("", None),
        ("3-", None),
        ("0-3,", None),
        ("7-3", None),
        ("all", None),
        ("0-99999", None),
    ],
)
def test_a_list_of_cores_is_counted(text: str, expected: int | None) -> None:
    """Or it is none."""
    assert expected == parse_cores(text)
