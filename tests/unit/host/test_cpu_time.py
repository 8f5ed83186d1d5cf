"""How busy the cores were."""

from pathlib import Path

import pytest

from edged.host.cpu_time import Times, parse_times, times
from edged.host.sysfs import Sysfs, Unreadable

LINE = b"cpu  10 1 5 70 4 2 3 5 9 9\ncpu0 1 2 3\n"


def test_waiting_and_doing_nothing_is_not_busy() -> None:
    """Guests are counted once, where user time is."""
    assert Times(busy=26, total=100) == parse_times(LINE)


@pytest.mark.parametrize(
    "raw", [b"", b"cpu", b"cpu 1 2 3 4", b"cpu0 1 2 3 4 5", b"cpu a 1 2 3 4", b"\xff"]
)
def test_what_is_no_such_line_is_nothing(raw: bytes) -> None:
    """A kernel that counts otherwise is unknown."""
    assert parse_times(raw) is None


@pytest.mark.parametrize(
    ("before", "share"),
    [
        (Times(1, 60), 0.625),
        (Times(26, 90), 0.0),
        (Times(26, 100), None),
        (Times(50, 200), None),
        (Times(30, 90), None),
        (Times(0, 95), None),
    ],
)
def test_a_share_is_between_two_looks(before: Times, share: float | None) -> None:
    """Counters that stand, or go back, tell nothing."""
    assert share == Times(26, 100).share_since(before)


def test_it_is_read_from_the_kernel(tmp_path: Path) -> None:
    """Or not, and then it says why."""
    proc = tmp_path / "proc"
    proc.mkdir()

    absent = times(Sysfs(tmp_path))
    (proc / "stat").write_bytes(LINE)
    found = times(Sysfs(tmp_path))
    (proc / "stat").write_bytes(b"none")
    garbage = times(Sysfs(tmp_path))

    assert absent is None
    assert Times(busy=26, total=100) == found
    assert isinstance(garbage, Unreadable)
