"""What is left of memory, and what waits."""

from pathlib import Path

import pytest

from edged.host.cgroup import Bound, bounds, groups
from edged.host.pressure import (
    Memory,
    Stall,
    load,
    machine_bytes,
    memory,
    own_stall,
    parse_load,
    parse_meminfo,
    parse_pressure,
    stall,
)
from edged.host.sysfs import Sysfs, Unreadable
from tests.fakes.board import Board

KIB, MIB = 1 << 10, 1 << 20
UNIT = "/sys/fs/cgroup/system.slice/edged.service"


def test_without_a_limit_it_is_the_machines(tmp_path: Path) -> None:
    """MemAvailable, which counts the page cache as free."""
    Board("pi4-rtc-hat", tmp_path)

    found = memory(Sysfs(tmp_path), ())

    expected = Memory(available=1024 * MIB, total=1891356 * KIB, path="/proc/meminfo")
    assert expected == found
    assert 1891356 * KIB == machine_bytes(Sysfs(tmp_path))


def test_a_limit_of_all_that_there_is_holds(tmp_path: Path) -> None:
    """One byte more would be none."""
    Board("pi4-rtc-hat", tmp_path)
    whole = Bound(path="/whole", limit=1891356 * KIB, used=1891000 * KIB)

    found = memory(Sysfs(tmp_path), (whole,))

    assert Memory(available=356 * KIB, total=1891356 * KIB, path="/whole") == found


def test_a_container_has_what_its_group_has(tmp_path: Path) -> None:
    """Not the 16 GB that it sees (psutil #1011)."""
    Board("container", tmp_path)
    sysfs = Sysfs(tmp_path)

    found = memory(sysfs, bounds(sysfs, groups(sysfs)))

    expected = Memory(available=66 * MIB, total=256 * MIB, path="/sys/fs/cgroup")
    assert expected == found


def test_the_limit_that_is_nearest_counts(tmp_path: Path) -> None:
    """By its share, and never one that the machine cannot keep."""
    Board("pi4-rtc-hat", tmp_path)
    loose = Bound(path="/loose", limit=800 * MIB, used=10 * MIB)
    near = Bound(path="/near", limit=400 * MIB, used=390 * MIB)
    beyond = Bound(path="/beyond", limit=9999 * MIB, used=9998 * MIB)

    found = [memory(Sysfs(tmp_path), b) for b in ((loose, near), (loose, beyond))]

    assert Memory(available=10 * MIB, total=400 * MIB, path="/near") == found[0]
    assert isinstance(found[1], Memory)
    assert "/proc/meminfo" == found[1].path


def test_a_limit_that_was_lowered_under_what_is_used_leaves_nothing(
    tmp_path: Path,
) -> None:
    """And a limit of nothing does, too."""
    Board("pi4-rtc-hat", tmp_path)
    under = Bound(path="/under", limit=10 * MIB, used=50 * MIB)
    nothing = Bound(path="/nothing", limit=0, used=0)

    for bound in (under, nothing):
        found = memory(Sysfs(tmp_path), (bound,))

        assert Memory(available=0, total=bound.limit, path=bound.path) == found


@pytest.mark.parametrize("content", ["", "MemTotal: 1 kB", "MemTotal: 0 kB\nMemAvai"])
def test_a_machine_that_does_not_say_is_unknown(tmp_path: Path, content: str) -> None:
    """A limit of ours is known all the same."""
    board = Board("pi4-rtc-hat", tmp_path)
    board.set("/proc/meminfo", content)
    bound = Bound(path="/ours", limit=100, used=40)
    sysfs = Sysfs(tmp_path)

    assert isinstance(memory(sysfs, ()), Unreadable)
    assert Memory(available=60, total=100, path="/ours") == memory(sysfs, (bound,))
    assert machine_bytes(sysfs) is None


def test_a_machine_that_shows_nothing_is_unknown(tmp_path: Path) -> None:
    """No such file, or one that refuses."""
    board = Board("pi4-rtc-hat", tmp_path)
    sysfs = Sysfs(tmp_path)
    bound = Bound(path="/ours", limit=100, used=40)
    board.refuse("/proc/meminfo")
    refused = memory(sysfs, ())
    board.remove("/proc/meminfo")

    assert isinstance(refused, Unreadable)
    assert memory(sysfs, ()) is None
    assert Memory(available=60, total=100, path="/ours") == memory(sysfs, (bound,))


def test_pressure_is_of_the_machine_and_of_our_group(tmp_path: Path) -> None:
    """Shares, not percent."""
    Board("container", tmp_path)
    sysfs = Sysfs(tmp_path)

    machine = stall(sysfs, "cpu")
    own = own_stall(sysfs, groups(sysfs), "memory")

    assert Stall(path="/proc/pressure/cpu", some=0.01, full=0.0) == machine
    path = "/sys/fs/cgroup/memory.pressure"
    assert Stall(path=path, some=0.125, full=0.0925) == own


def test_a_kernel_without_pressure_is_unknown(tmp_path: Path) -> None:
    """Absent, or there and switched off (`psi=0`), or no such text."""
    board = Board("pi4-throttled", tmp_path)
    sysfs = Sysfs(tmp_path)
    board.set("/proc/pressure/io", "full avg10=1.00 avg60=0 avg300=0 total=0")

    assert stall(sysfs, "cpu") is None
    assert isinstance(stall(sysfs, "memory"), Unreadable)
    assert isinstance(stall(sysfs, "io"), Unreadable)
    board.remove("/proc/self/cgroup")
    assert own_stall(sysfs, groups(sysfs), "cpu") is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"some avg10=12.50 avg60=1.00 avg300=0.00 total=9\n", {"some": 0.125}),
        (b"some avg10=250.00 avg60=", {"some": 1.0}),
        (b"some avg10=nan", {}),
        (b"some avg10=1e300", {}),
        (b"some avg10=", {}),
        (b"awesome avg10=1.00", {}),
        (b"", {}),
    ],
)
def test_pressure_is_a_share(raw: bytes, expected: dict[str, float]) -> None:
    """Never more than all of the time."""
    assert expected == parse_pressure(raw)


@pytest.mark.parametrize("value", ["-1", "x", "1125899906842624", ""])
def test_a_row_of_nonsense_is_no_row(value: str) -> None:
    """Less than nothing, no number, or an exbibyte; but nothing left is a figure."""
    total = "MemTotal: 4 kB"

    assert parse_meminfo(f"{total}\nMemAvailable: {value} kB".encode()) is None
    assert (0, 4096) == parse_meminfo(f"{total}\nMemAvailable: 0 kB".encode())


def test_more_cannot_be_available_than_there_is() -> None:
    """A balloon driver may say so for a moment."""
    assert (1024, 1024) == parse_meminfo(b"MemTotal: 1 kB\nMemAvailable: 9 kB\n")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"0.42 0.30 0.25 1/180 900\n", 0.42),
        (b"12", 12.0),
        (b"nan 1 1", None),
        (b"-1.0 0", None),
        (b"1e9 0", None),
        (b"", None),
    ],
)
def test_load_is_the_first_number(raw: bytes, expected: float | None) -> None:
    """Finite, and not negative."""
    assert expected == parse_load(raw)


def test_load_is_read(tmp_path: Path) -> None:
    """Or says why not."""
    board = Board("pi4-rtc-hat", tmp_path)
    sysfs = Sysfs(tmp_path)
    known = load(sysfs)
    board.set("/proc/loadavg", "many")
    odd = load(sysfs)
    board.remove("/proc/loadavg")

    assert 0.42 == known
    assert Unreadable("/proc/loadavg", 0, "many") == odd
    assert load(sysfs) is None
