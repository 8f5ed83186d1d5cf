"""How busy the machine's cores were.

Law: as `sysfs`. Counters grow from boot; a share is between two looks, and a counter
that went back tells nothing.
Source: /proc/stat, proc(5): the line `cpu`, user, nice, system, idle, iowait, irq,
softirq, steal. Unit: ticks, USER_HZ of them a second for each core.
"""

import msgspec

from edged.host.sysfs import Maybe, Sysfs, nonsense, parse_integer

_PATH = "/proc/stat"
#: The line of all cores comes first: ten numbers of up to twenty digits.
_LINE_BYTES = 256
#: Guests are counted in user and nice already.
_COUNTED = 8
_IDLE = (3, 4)


class Times(msgspec.Struct, frozen=True):
    """Ticks of all cores since boot."""

    busy: int
    total: int

    def share_since(self, before: "Times") -> float | None:
        """Return the share of time that cores were busy, 0 to 1."""
        total, busy = self.total - before.total, self.busy - before.busy
        return busy / total if total > 0 and 0 <= busy <= total else None


def times(sysfs: Sysfs) -> Maybe[Times]:
    """Read the counters."""
    raw = sysfs.read(_PATH, _LINE_BYTES)
    if not isinstance(raw, bytes):
        return raw
    found = parse_times(raw)
    return nonsense(_PATH, raw) if found is None else found


def parse_times(raw: bytes) -> Times | None:
    """Read the first line; kernels before 2.6.11 have fewer numbers."""
    name, *fields = raw.partition(b"\n")[0].split()[: _COUNTED + 1] or [b""]
    counts = [parse_integer(field) for field in fields]
    if name != b"cpu" or len(counts) <= max(_IDLE):
        return None
    known = [count for count in counts if count is not None and count >= 0]
    if len(known) < len(counts):
        return None
    total = sum(known)
    return Times(total - sum(known[at] for at in _IDLE), total)
