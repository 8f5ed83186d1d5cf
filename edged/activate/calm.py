"""What speaks against work that nobody waits for: strategy, battery and load.

Law: blocks for a moment, changes nothing. What is not known does not speak against it.
"""

import os
from pathlib import Path

from edged.host import power_supply, pressure
from edged.host.sysfs import Sysfs
from edged.wire.adapt import Strategy

#: Of the cores, as the load average of the last minute: others use the box.
_BUSY_SHARE = 0.5


def objection(strategy: Strategy | None = None, *, root: Path = Path("/")) -> str:
    """Say what speaks against it; empty for nothing.

    Args:
        strategy: in force; None where it is not known.
        root: what stands for `/`.
    """
    if strategy not in {Strategy.NORMAL, None}:
        return f"the strategy is {strategy.value}"
    sysfs = Sysfs(root)
    if power_supply.power(power_supply.supplies(sysfs)).discharging:
        return "the box runs on its battery"
    load, cores = pressure.load(sysfs), len(os.sched_getaffinity(0))
    if isinstance(load, float) and load > _BUSY_SHARE * cores:
        return f"the box is busy: its load is {load:g}, with {cores} cores"
    return ""
