"""How much memory a new thing may take: of the machine, and of our own cgroup.

Law: read anew each time; what a kernel does not tell does not bound.
Source: proc(5) meminfo; Documentation/admin-guide/cgroup-v2.rst, memory.{max,current,
stat}. Reclaimable page cache counts as free there, as MemAvailable counts it.
"""

import os
from pathlib import Path

_KIB = 1024


def available_bytes(root: Path = Path("/")) -> int:
    """Return the bytes that can be taken before something must go.

    Args:
        root: where /proc and /sys are.
    """
    return max(0, min([_of_machine(root), *_of_cgroups(root)]))


def _of_machine(root: Path) -> int:
    for line in (root / "proc/meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == "MemAvailable":
            return int(value.split()[0]) * _KIB
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_cgroups(root: Path) -> list[int]:
    """Return what is left in our cgroup and in each above it that has a limit."""
    left: list[int] = []
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return left
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    if own is None:
        return left
    top = root / "sys/fs/cgroup"
    group = top / own.lstrip("/")
    while group.is_relative_to(top):
        try:
            limit = (group / "memory.max").read_text().strip()
            if limit != "max":
                used = int((group / "memory.current").read_text())
                left.append(int(limit) - used + _reclaimable(group))
        except (OSError, ValueError):
            pass  # no memory controller here
        if group == top:
            break
        group = group.parent
    return left


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
