"""How many cores there are, and how fast their clock may run.

Law: as `sysfs`. What counts is what a core may reach: `scaling_cur_freq` is what the
governor asked for, and a firmware may give less.
Source: /sys/devices/system/cpu/cpufreq/policyN/*;
Documentation/admin-guide/pm/cpufreq.rst. /sys/devices/system/cpu/online;
Documentation/admin-guide/cputopology.rst. Unit: kilohertz.
"""

import re

import msgspec

from edged.host.sysfs import Maybe, Sysfs, known

_FOLDER = "/sys/devices/system/cpu/cpufreq"
_ONLINE = "/sys/devices/system/cpu/online"

_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?\Z")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Cores that share one clock.

    Attributes:
        khz: that was asked for last.
        cap_khz: that it may reach now.
        most_khz: that it could.
        governor: who decides; empty where it is not said.
    """

    path: str
    khz: Maybe[int]
    cap_khz: Maybe[int]
    most_khz: Maybe[int]
    governor: str

    @property
    def cap(self) -> float | None:
        """The share of its clock that it may reach; None where that is not known."""
        cap, most = known(self.cap_khz), known(self.most_khz)
        if cap is None or most is None or cap <= 0 or most <= 0:
            return None
        return min(1.0, cap / most)


def policies(sysfs: Sysfs) -> tuple[Policy, ...]:
    """Read every policy; none in most virtual machines."""
    return tuple(
        Policy(
            path=path,
            khz=sysfs.integer(f"{path}/scaling_cur_freq"),
            cap_khz=sysfs.integer(f"{path}/scaling_max_freq"),
            most_khz=sysfs.integer(f"{path}/cpuinfo_max_freq"),
            governor=sysfs.word(f"{path}/scaling_governor"),
        )
        for name in sysfs.names(_FOLDER)
        if name.startswith("policy")
        for path in (f"{_FOLDER}/{name}",)
    )


def cap(found: tuple[Policy, ...]) -> float | None:
    """Return the lowest share that any clock may reach."""
    return min((p.cap for p in found if p.cap is not None), default=None)


def cores(sysfs: Sysfs) -> int | None:
    """Return how many cores the machine has switched on."""
    return parse_cores(sysfs.word(_ONLINE))


def parse_cores(text: str) -> int | None:
    """Count `0-3,8`; None for what is no such list."""
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.match(part)
        if match is None:
            return None
        first = int(match.group(1))
        found.update(range(first, int(match.group(2) or first) + 1))
    return len(found) or None
