"""Our control group and those above it."""

from pathlib import Path

import pytest

from edged.host.cgroup import (
    Bound,
    Groups,
    bounds,
    cores,
    groups,
    oom_kills,
    parse_count,
    parse_limit,
    parse_membership,
    parse_quota,
)
from edged.host.sysfs import Sysfs, Unreadable
from tests.fakes.board import Board

TOP = "/sys/fs/cgroup"
UNIT = f"{TOP}/system.slice/edged.service"
MIB = 1 << 20


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """Return a box whose unit has 300 MiB and takes 100."""
    made = Board("pi5-idle", tmp_path)
    made.set(f"{UNIT}/memory.max", f"{300 * MIB}")
    made.set(f"{UNIT}/memory.high", "max")
    made.set(f"{UNIT}/memory.current", f"{100 * MIB}")
    made.set(f"{UNIT}/memory.stat", f"anon 1\ninactive_file {40 * MIB}")
    return made


def test_we_are_in_our_group_and_in_all_above(board: Board) -> None:
    """Up to the root."""
    found = groups(Sysfs(board.root))

    assert Groups(folders=(UNIT, f"{TOP}/system.slice", TOP)) == found


def test_a_hybrid_has_version_2_beside(tmp_path: Path) -> None:
    """Where version 1 has the memory its limits are not known."""
    Board("pi3bplus", tmp_path)

    found = groups(Sysfs(tmp_path))

    assert found.is_memory_v1
    assert f"{TOP}/unified/system.slice/edged.service" == found.folders[0]
    assert f"{TOP}/unified" == found.folders[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/", (TOP,)),
        ("0::/../../other", (TOP,)),
        ("0::" + "/deep" * 40, (TOP,)),
        ("0::relative", ()),
        ("4:memory:/x", ()),
        ("garbage", ()),
        ("", ()),
    ],
)
def test_of_a_group_that_is_not_ours_to_see_the_root_counts(
    board: Board, text: str, expected: tuple[str, ...]
) -> None:
    """A container's own root; nothing where there is no version 2."""
    board.set("/proc/self/cgroup", text)

    assert expected == groups(Sysfs(board.root)).folders


def test_a_kernel_without_groups_has_none(board: Board) -> None:
    """Nothing bounds."""
    board.remove("/proc/self/cgroup")
    sysfs = Sysfs(board.root)

    found = groups(sysfs)

    assert Groups() == found
    assert () == bounds(sysfs, found)
    assert cores(sysfs, found) is None
    assert oom_kills(sysfs, found) is None


def test_page_cache_that_can_go_is_not_used(board: Board) -> None:
    """It holds nobody up."""
    sysfs = Sysfs(board.root)

    found = bounds(sysfs, groups(sysfs))

    assert (Bound(path=UNIT, limit=300 * MIB, used=60 * MIB),) == found


def test_where_we_are_slowed_counts_before_where_we_are_killed(board: Board) -> None:
    """`memory.high` is lower."""
    board.set(f"{UNIT}/memory.high", f"{200 * MIB}")
    sysfs = Sysfs(board.root)

    (found,) = bounds(sysfs, groups(sysfs))

    assert 200 * MIB == found.limit


def test_every_limit_above_holds_too(board: Board) -> None:
    """A slice may have less than its unit was promised."""
    board.set(f"{TOP}/system.slice/memory.max", f"{250 * MIB}")
    board.set(f"{TOP}/system.slice/memory.current", f"{240 * MIB}")
    sysfs = Sysfs(board.root)

    found = bounds(sysfs, groups(sysfs))

    assert [300 * MIB, 250 * MIB] == [bound.limit for bound in found]
    assert 240 * MIB == found[1].used


@pytest.mark.parametrize("name", ["memory.current", "memory.max"])
def test_a_limit_without_its_figures_bounds_nothing(board: Board, name: str) -> None:
    """It cannot be said how near it is."""
    board.refuse(f"{UNIT}/{name}")
    board.remove(f"{UNIT}/memory.stat")
    sysfs = Sysfs(board.root)

    assert () == bounds(sysfs, groups(sysfs))


def test_a_group_that_uses_nothing_yet_is_bound(board: Board) -> None:
    """And one whose figures are nonsense is not."""
    sysfs = Sysfs(board.root)
    board.set(f"{UNIT}/memory.current", "0")
    (fresh,) = bounds(sysfs, groups(sysfs))
    board.set(f"{UNIT}/memory.current", "-1")

    assert 0 == fresh.used
    assert () == bounds(sysfs, groups(sysfs))


def test_the_smallest_quota_of_cores_counts(board: Board) -> None:
    """Of ours and of those above."""
    board.set(f"{UNIT}/cpu.max", "max 100000")
    board.set(f"{TOP}/system.slice/cpu.max", "150000 100000")
    sysfs = Sysfs(board.root)

    assert 1.5 == cores(sysfs, groups(sysfs))


def test_what_was_killed_for_memory_is_counted(tmp_path: Path) -> None:
    """In our own group; a count that refuses says so."""
    board = Board("container", tmp_path)
    sysfs = Sysfs(tmp_path)
    found = groups(sysfs)
    counted = oom_kills(sysfs, found)
    board.refuse(f"{TOP}/memory.events")

    refused = oom_kills(sysfs, found)

    assert 1 == counted
    assert isinstance(refused, Unreadable)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"50000 100000\n", 0.5),
        (b"max 100000\n", None),
        (b"0 100000\n", None),
        (b"50000 0\n", None),
        (b"50000\n", None),
        (b"", None),
        (b"a b\n", None),
    ],
)
def test_a_quota_is_a_share_of_a_period(raw: bytes, expected: float | None) -> None:
    """Or nothing bounds."""
    assert expected == parse_quota(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"max\n", None), (b"4096\n", 4096), (b"-1\n", None), (b"0\n", 0)],
)
def test_a_limit_is_bytes_or_none(raw: bytes, expected: int | None) -> None:
    """As the kernel prints it."""
    assert expected == parse_limit(raw)


def test_a_row_is_found_by_its_whole_name() -> None:
    """`oom` is not `oom_kill`."""
    raw = b"oom 7\noom_kill 3\nbroken\n"

    assert 3 == parse_count(raw, b"oom_kill")
    assert parse_count(raw, b"oom_group_kill") is None
    assert parse_count(raw, b"broken") is None


def test_membership_keeps_both_versions_apart() -> None:
    """The nameless hierarchy 0 is version 2; a path may have colons."""
    raw = b"4:memory,cpu:/a\n1:name=systemd:/b\n0::/c:d\n"

    assert ("/c:d", ("memory", "cpu", "name=systemd")) == parse_membership(raw)
