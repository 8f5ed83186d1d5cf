"""The clock, judged: a root folder of the test's own, and a kernel that it plays."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edged.trust.clock import WRITTEN, Reference, Trust, Watchmaker, kernel_synchronised

NOW = datetime(2027, 3, 1, tzinfo=UTC)
FLOOR = NOW - timedelta(days=10)
HOUR = timedelta(hours=1)


def watch(root: Path, *, is_set: bool = False) -> Watchmaker:
    """Return a watchmaker of a box."""
    return Watchmaker(root, kernel=lambda: is_set)


def keep(root: Path, at: datetime) -> None:
    """Leave the time that systemd-timesyncd kept."""
    path = root / "var/lib/systemd/timesync/clock"
    path.parent.mkdir(parents=True)
    path.touch()
    os.utime(path, (at.timestamp(), at.timestamp()))


def synchronise(root: Path) -> None:
    """Leave the stamp of this boot."""
    path = root / "run/systemd/timesync/synchronized"
    path.parent.mkdir(parents=True)
    path.touch()


@pytest.mark.parametrize(
    ("now", "utc", "clock"),
    [
        (NOW, NOW, Trust.RIGHT),
        (FLOOR - HOUR, FLOOR, Trust.BEHIND),
    ],
)
def test_a_clock_that_was_set_is_believed_above_the_floor(
    tmp_path: Path, now: datetime, utc: datetime, clock: Trust
) -> None:
    """By the kernel's word, as chrony has it."""
    actual = watch(tmp_path, is_set=True).reference(now, FLOOR)

    assert Reference(utc=utc, clock=clock) == actual


def test_the_stamp_of_timesyncd_says_that_it_was_set(tmp_path: Path) -> None:
    """Without a word of the kernel."""
    synchronise(tmp_path)

    actual = watch(tmp_path).reference(NOW, FLOOR)

    assert Reference(utc=NOW, clock=Trust.RIGHT) == actual


@pytest.mark.parametrize(
    ("now", "clock"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), Trust.BEHIND),
        (NOW, Trust.UNKNOWN),
        (NOW + timedelta(days=365), Trust.UNKNOWN),
    ],
)
def test_a_clock_that_nobody_set_is_not_believed(
    tmp_path: Path, now: datetime, clock: Trust
) -> None:
    """The floor is the time, whatever the clock shows."""
    actual = watch(tmp_path).reference(now, FLOOR)

    assert Reference(utc=FLOOR, clock=clock) == actual


def test_the_time_that_was_kept_raises_the_floor_of_an_unset_clock(
    tmp_path: Path,
) -> None:
    """It was right once."""
    keep(tmp_path, FLOOR + HOUR)

    actual = watch(tmp_path).reference(NOW, FLOOR)

    assert Reference(utc=FLOOR + HOUR, clock=Trust.UNKNOWN) == actual


def test_the_time_that_was_kept_does_not_correct_a_set_clock(tmp_path: Path) -> None:
    """A file from a year ahead must not lock a box out that chrony has put right."""
    keep(tmp_path, NOW + timedelta(days=365))

    actual = watch(tmp_path, is_set=True).reference(NOW, FLOOR)

    assert Reference(utc=NOW, clock=Trust.RIGHT) == actual


def test_no_time_is_before_the_code(tmp_path: Path) -> None:
    """A box that has seen nothing yet."""
    actual = watch(tmp_path).reference(datetime(1970, 1, 1, tzinfo=UTC), None)

    assert Reference(utc=WRITTEN, clock=Trust.BEHIND) == actual


def test_the_kernel_can_be_asked() -> None:
    """Without rights, in a container, too; what it says is its own affair."""
    assert kernel_synchronised() in {True, False}
