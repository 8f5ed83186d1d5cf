"""How much memory there is for us, and how much waits for memory, cores and disks.

Law: as `sysfs`. The limit that is nearest counts: a container's, before the machine's.
Source: /proc/pressure/{cpu,memory,io} and NAME.pressure of our cgroup,
Documentation/accounting/psi.rst; /proc/meminfo, proc(5); `host.cgroup`.
Units: bytes; shares of the last 10 s, 0 to 1.
"""

import re

import msgspec

from edged.host.cgroup import Bound, Groups
from edged.host.sysfs import Maybe, Sysfs, nonsense, parse_integer

_KIB = 1024

_AVG10 = re.compile(
    rb"^(some|full) avg10=([0-9]{1,3}(?:\.[0-9]{1,4})?)\b", re.MULTILINE
)


class Stall(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the last ten seconds.

    Attributes:
        some: in which something waited.
        full: in which nothing else ran; None where the kernel does not say it.
    """

    path: str
    some: float
    full: float | None = None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory within the limit that is nearest.

    Attributes:
        available: bytes that can be taken before something must go.
        total: bytes of the same limit.
        path: who sets it.
    """

    available: int
    total: int
    path: str


def memory(sysfs: Sysfs, found: tuple[Bound, ...]) -> Maybe[Memory]:
    """Read what is left, within the limit that is nearest.

    Args:
        sysfs: the reader.
        found: see `cgroup.bounds`.
    """
    path = "/proc/meminfo"
    raw = sysfs.table(path)
    own = [
        Memory(available=max(0, b.limit - b.used), total=b.limit, path=b.path)
        for b in found
    ]
    if not isinstance(raw, bytes):
        return min(own, key=_share) if own else raw
    machine = parse_meminfo(raw)
    if machine is None:
        return min(own, key=_share) if own else nonsense(path, raw)
    available, total = machine
    # A limit above what the machine has is none.
    near = [m for m in own if m.total <= total]
    return min((Memory(available=available, total=total, path=path), *near), key=_share)


def machine_bytes(sysfs: Sysfs) -> int | None:
    """Return how much memory the machine has."""
    raw = sysfs.table("/proc/meminfo")
    found = parse_meminfo(raw) if isinstance(raw, bytes) else None
    return found[1] if found else None


def stall(sysfs: Sysfs, what: str) -> Maybe[Stall]:
    """Read the pressure of the machine.

    Args:
        sysfs: the reader.
        what: `cpu`, `memory` or `io`.
    """
    return _stall(sysfs, f"/proc/pressure/{what}")


def own_stall(sysfs: Sysfs, found: Groups, what: str) -> Maybe[Stall]:
    """Read the pressure of our own cgroup; None where there is no version 2."""
    if not found.folders:
        return None
    return _stall(sysfs, f"{found.folders[0]}/{what}.pressure")


def load(sysfs: Sysfs) -> Maybe[float]:
    """Return how many tasks ran or waited, on average over a minute.

    Source: /proc/loadavg, proc(5).
    """
    path = "/proc/loadavg"
    raw = sysfs.read(path)
    if not isinstance(raw, bytes):
        return raw
    value = parse_load(raw)
    return nonsense(path, raw) if value is None else value


def parse_pressure(raw: bytes) -> dict[str, float]:
    """Return `some` and `full` of the last ten seconds, as shares."""
    return {
        kind.decode(): min(1.0, float(value) / 100.0)
        for kind, value in _AVG10.findall(raw)
    }


def parse_meminfo(raw: bytes) -> tuple[int, int] | None:
    """Return `(available, total)` in bytes.

    Kernels before 3.14 have no MemAvailable; there it is not known.
    """
    found: dict[bytes, int] = {}
    for line in raw.splitlines():
        key, _, rest = line.partition(b":")
        if key in (b"MemTotal", b"MemAvailable"):
            value = parse_integer(rest.replace(b"kB", b""))
            if value is not None and 0 <= value < 1 << 50:
                found[key] = value * _KIB
    total, available = found.get(b"MemTotal"), found.get(b"MemAvailable")
    if not total or available is None:
        return None
    return min(available, total), total


def parse_load(raw: bytes) -> float | None:
    """Return the first of `0.42 0.30 0.25 1/234 5678`."""
    match = re.match(rb"([0-9]{1,6}(?:\.[0-9]{1,4})?)(?: |\Z)", raw)
    return float(match.group(1)) if match else None


def _stall(sysfs: Sysfs, path: str) -> Maybe[Stall]:
    raw = sysfs.read(path, 256)  # two lines of 60 to 90
    if not isinstance(raw, bytes):
        return raw
    found = parse_pressure(raw)
    if "some" not in found:
        return nonsense(path, raw)
    return Stall(path=path, some=found["some"], full=found.get("full"))


def _share(memory: Memory) -> float:
    return memory.available / memory.total if memory.total else 0.0
