"""What is left of memory, by trees as kernels show them."""

from pathlib import Path

import pytest

from edged.host.headroom import available_bytes, total_bytes

MIB = 1 << 20
#: A Raspberry Pi 4 with 2 GB; MemFree is not what counts.
MEMINFO = "MemTotal:  1891356 kB\nMemFree:  63244 kB\nMemAvailable:  1048576 kB\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a machine with 1 GiB to take, and a daemon in a systemd unit."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/edged.service\n")
    group(tmp_path, "system.slice/edged.service")
    return tmp_path


def group(root: Path, name: str, **files: object) -> None:
    """Write a cgroup's files; `max` is memory.max and so on."""
    folder = root / "sys/fs/cgroup" / name
    folder.mkdir(parents=True, exist_ok=True)
    plain = {"max": "max", "current": 100 * MIB, "stat": "anon 1\ninactive_file 0\n"}
    for key, value in {**plain, **files}.items():
        (folder / f"memory.{key}").write_text(f"{value}\n")


def test_without_a_limit_it_is_the_machines(root: Path) -> None:
    """MemAvailable, which counts the page cache as free."""
    assert 1024 * MIB == available_bytes(root)


def test_our_cgroups_limit_bounds_it(root: Path) -> None:
    """MemoryMax of the unit, less what is taken."""
    group(root, "system.slice/edged.service", max=300 * MIB)

    assert 200 * MIB == available_bytes(root)


def test_page_cache_that_can_go_counts_as_free(root: Path) -> None:
    """Files that were read fill a cgroup and hold nobody up."""
    stat = f"anon {30 * MIB}\nactive_file 5\ninactive_file {60 * MIB}"
    group(root, "system.slice/edged.service", max=300 * MIB, stat=stat)

    assert 260 * MIB == available_bytes(root)


def test_a_limit_above_ours_bounds_it_too(root: Path) -> None:
    """A slice may have less than a unit was promised."""
    group(root, "system.slice/edged.service", max=900 * MIB)
    group(root, "system.slice", max=250 * MIB, current=240 * MIB)

    assert 10 * MIB == available_bytes(root)


def test_a_machine_with_less_than_our_limit_bounds_it(root: Path) -> None:
    """A generous unit makes no memory."""
    group(root, "system.slice/edged.service", max=8192 * MIB)

    assert 1024 * MIB == available_bytes(root)


def test_it_is_never_less_than_nothing(root: Path) -> None:
    """A limit that was lowered under what is taken."""
    group(root, "system.slice/edged.service", max=50 * MIB)

    assert 0 == available_bytes(root)


def test_a_container_is_bounded_by_its_own_root(root: Path) -> None:
    """In a cgroup namespace we are at `/`."""
    (root / "proc/self/cgroup").write_text("0::/\n")
    group(root, "", max=300 * MIB)

    assert 200 * MIB == available_bytes(root)


@pytest.mark.parametrize(
    "cgroup", ["", "4:memory:/system.slice\n", "0::/gone\n", "0::/../../outside\n"]
)
def test_a_cgroup_that_tells_nothing_does_not_bound(root: Path, cgroup: str) -> None:
    """No version 2, another namespace, or a group that has just gone."""
    (root / "proc/self/cgroup").write_text(cgroup)

    assert 1024 * MIB == available_bytes(root)


def test_a_kernel_without_cgroups_does_not_bound(root: Path) -> None:
    """There is no such file."""
    (root / "proc/self/cgroup").unlink()

    assert 1024 * MIB == available_bytes(root)


def test_a_limit_counts_even_where_the_rest_cannot_be_read(root: Path) -> None:
    """Without memory.stat nothing is known to be reclaimable."""
    group(root, "system.slice/edged.service", max=300 * MIB)
    (root / "sys/fs/cgroup/system.slice/edged.service/memory.stat").unlink()

    assert 200 * MIB == available_bytes(root)


def test_a_kernel_before_memavailable_gives_what_is_free(root: Path) -> None:
    """As sysconf(3) tells it."""
    (root / "proc/meminfo").write_text("MemTotal: 1 kB\n")

    assert 0 < available_bytes(root)


def test_this_machine_has_some() -> None:
    """The real files are read."""
    assert 0 < available_bytes()


def test_what_there_is_at_all_is_the_least_limit(root: Path) -> None:
    """Of the machine, of our cgroup and of those above it."""
    whole = total_bytes(root)
    group(root, "system.slice", max=400 * MIB)
    group(root, "system.slice/edged.service", max=8192 * MIB)

    assert (1891356 * 1024, 400 * MIB) == (whole, total_bytes(root))
