"""Our control group and those above it, as version 2 shows them.

Law: as `sysfs`. Read anew each time: a process can be moved. Version 1 is told, and
not read: its limits are then not known.
Source: /proc/self/cgroup; Documentation/admin-guide/cgroup-v2.rst; cgroups(7).
Units: bytes, and cores.
"""

import msgspec

from edged.host.sysfs import Maybe, Sysfs, known, parse_integer

_TOP = "/sys/fs/cgroup"
#: Where version 2 is when version 1 has the controllers; systemd's `hybrid`.
_BESIDE = "/sys/fs/cgroup/unified"
#: Deeper than any service manager nests.
_DEEPEST = 32


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """Where we are.

    Attributes:
        folders: our group's folder and each above it up to the root; empty where there
            is no version 2.
        is_memory_v1: whether version 1 has the memory, so that its limits are unknown.
    """

    folders: tuple[str, ...] = ()
    is_memory_v1: bool = False


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What one group may have of memory.

    Attributes:
        path: of the group.
        limit: bytes; the lower of `memory.max` and `memory.high`, where we are slowed.
        used: bytes, without page cache that can go.
    """

    path: str
    limit: int
    used: int


def groups(sysfs: Sysfs) -> Groups:
    """Find our group."""
    raw = sysfs.table("/proc/self/cgroup")
    own, controllers = parse_membership(raw) if isinstance(raw, bytes) else (None, ())
    v1 = "memory" in controllers
    if own is None:
        return Groups(is_memory_v1=v1)
    top = _BESIDE if controllers else _TOP
    parts = own.split("/")[1:] if own != "/" else []
    if ".." in parts or len(parts) > _DEEPEST:  # of another namespace: not ours to see
        parts = []
    folders = ["/".join((top, *parts[:depth])) for depth in range(len(parts), -1, -1)]
    return Groups(folders=tuple(folders), is_memory_v1=v1)


def bounds(sysfs: Sysfs, found: Groups) -> tuple[Bound, ...]:
    """Read every limit of memory that holds for us."""
    return tuple(
        bound
        for folder in found.folders
        if (bound := _bound(sysfs, folder)) is not None
    )


def cores(sysfs: Sysfs, found: Groups) -> float | None:
    """Return how many cores we may use at most; None where nothing bounds them."""
    told = [
        quota
        for folder in found.folders
        if isinstance(raw := sysfs.read(f"{folder}/cpu.max"), bytes)
        and (quota := parse_quota(raw)) is not None
    ]
    return min(told, default=None)


def oom_kills(sysfs: Sysfs, found: Groups) -> Maybe[int]:
    """Count what was killed in our group for want of memory, since it was made.

    Source: memory.events, oom_kill.
    """
    if not found.folders:
        return None
    raw = sysfs.table(f"{found.folders[0]}/memory.events")
    return parse_count(raw, b"oom_kill") if isinstance(raw, bytes) else raw


def parse_membership(raw: bytes) -> tuple[str | None, tuple[str, ...]]:
    """Return our path in version 2, and the controllers that version 1 has.

    Args:
        raw: `0::/system.slice/edged.service` and `4:memory:/user` a line each.
    """
    own, taken = None, []
    for line in raw.decode("utf-8", "replace").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names and path.startswith("/") and "\0" not in path:
            own = path
        elif names:
            taken.extend(names.split(","))
    return own, tuple(taken)


def parse_limit(raw: bytes) -> int | None:
    """Return a limit in bytes; None for `max`, and for what is none."""
    value = parse_integer(raw)
    return value if value is not None and value >= 0 else None


def parse_quota(raw: bytes) -> float | None:
    """Return the cores of `cpu.max`: `50000 100000` is half a core."""
    words = raw.split()
    if len(words) != 2:  # noqa: PLR2004  # quota and period
        return None
    quota, period = (parse_integer(word) for word in words)
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None
    return quota / period


def parse_count(raw: bytes, key: bytes) -> int | None:
    """Return one row of a table of `key value`."""
    for line in raw.splitlines():
        name, _, value = line.partition(b" ")
        if name == key:
            return parse_integer(value)
    return None


def _bound(sysfs: Sysfs, folder: str) -> Bound | None:
    limits = [
        limit
        for name in ("memory.high", "memory.max")
        if isinstance(raw := sysfs.read(f"{folder}/{name}"), bytes)
        and (limit := parse_limit(raw)) is not None
    ]
    used = known(sysfs.integer(f"{folder}/memory.current"))
    if not limits or used is None or used < 0:
        return None
    stat = sysfs.table(f"{folder}/memory.stat")
    spare = parse_count(stat, b"inactive_file") if isinstance(stat, bytes) else None
    return Bound(path=folder, limit=min(limits), used=max(0, used - (spare or 0)))
