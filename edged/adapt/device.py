"""What kind of box this is.

Law: as `sensors`. No runtime is imported; who knows their providers hands them in, as
knowing them costs an import. What neither kernel nor firmware tells is empty, unknown
or 0.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from edged.adapt.sensors import Readings
from edged.host import boards, cgroup, cpufreq, pressure
from edged.host.sysfs import Sysfs
from edged.wire.adapt import Device


def device(
    look: Readings,
    *,
    root: Path = Path("/"),
    affinity: int | None = None,
    runtimes: Mapping[str, str] | None = None,
    providers: Mapping[str, tuple[str, ...]] | None = None,
) -> Device:
    """Describe this box. Blocks for some short reads.

    Args:
        look: what its sensors say.
        root: what stands for `/`.
        affinity: cores that this process may run on; None asks the kernel.
        runtimes: versions by package.
        providers: what a runtime can run on; left out where nobody asked.
    """
    sysfs = Sysfs(root)
    groups = cgroup.groups(sysfs)
    return Device(
        board=boards.board(sysfs),
        arch=os.uname().machine,
        cpu=boards.cpu(sysfs),
        cores=_cores(sysfs, groups, affinity),
        memory_bytes=_memory_bytes(sysfs, groups),
        runtimes=dict(runtimes or {}),
        providers=dict(providers or {}),
        power=look.sensed.power.source.value,
        readings=look.readings,
    )


def _cores(sysfs: Sysfs, groups: cgroup.Groups, affinity: int | None) -> int:
    """Return how many cores we may use at once.

    A quota of one and a half is one: more threads would stand still for the rest of
    each period.
    """
    found = affinity or len(os.sched_getaffinity(0))
    found = min(found, cpufreq.cores(sysfs) or found)
    quota = cgroup.cores(sysfs, groups)
    return max(1, min(found, found if quota is None else int(quota)))


def _memory_bytes(sysfs: Sysfs, groups: cgroup.Groups) -> int:
    """Return the memory that we may have at most: the lowest limit; 0 is unknown."""
    machine = pressure.machine_bytes(sysfs)
    limits = [bound.limit for bound in cgroup.bounds(sysfs, groups)]
    return min([*limits, *([] if machine is None else [machine])], default=0)
