"""How much memory a new thing may take: of the machine, and of our own cgroup.

Law: read anew each time; what a kernel does not tell does not bound.
Source: proc(5) meminfo; Documentation/admin-guide/cgroup-v2.rst, memory.{max,current,
stat}. Reclaimable page cache counts as free there, as MemAvailable counts it.
"""

import os
from contextlib import suppress
from pathlib import Path

_KIB = 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")


def available_bytes(root: Path = Path("/")) -> int:
    """Return the bytes that can be taken before something must go.

    Args:
        root: where /proc and /sys are.
    """
    return max(0, min([_of_machine(root), *_of_cgroups(root)]))


def total_bytes(root: Path = Path("/")) -> int:
    """Return the bytes that there are: of the machine, or the least limit of a cgroup.

    Args:
        root: where /proc and /sys are.
    """
    machine = _meminfo(root, "MemTotal") or os.sysconf("SC_PHYS_PAGES") * _PAGE
    return min([machine, *(limit for _, limit in _limited(root))])


def _of_machine(root: Path) -> int:
    known = _meminfo(root, "MemAvailable")
    return os.sysconf("SC_AVPHYS_PAGES") * _PAGE if known is None else known


def _meminfo(root: Path, key: str) -> int | None:
    """Return a figure of /proc/meminfo in bytes; None where the kernel has none."""
    for line in (root / "proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * _KIB
    return None


def _of_cgroups(root: Path) -> list[int]:
    """Return what is left in our cgroup and in each above it that has a limit."""
    left: list[int] = []
    for group, limit in _limited(root):
        with suppress(OSError, ValueError):  # it is gone
            used = int((group / "memory.current").read_text())
            left.append(limit - used + _reclaimable(group))
    return left


def _limited(root: Path) -> list[tuple[Path, int]]:
    """Return our cgroup and each above it that has a limit, with it."""
    found: list[tuple[Path, int]] = []
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return found
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    if own is None:
        return found
    top = root / "sys/fs/cgroup"
    group = top / own.lstrip("/")
    while group.is_relative_to(top):
        try:
            limit = (group / "memory.max").read_text().strip()
            if limit != "max":
                found.append((group, int(limit)))
        except (OSError, ValueError):
            pass  # no memory controller here
        if group == top:
            break
        group = group.parent
    return found


def _reclaimable(group: Path) -> int:
    try:
        lines = (group / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        key, _, value = line.partition(" ")
        if key == "inactive_file":
            return int(value)
    return 0
