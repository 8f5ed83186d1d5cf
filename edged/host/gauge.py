"""How much energy a stretch of time took, by whatever meter the box has.

Law: a processor's own counter where it can be read, else the first chip on the board
that measures power; which one it was is told, and so is why there is none. A counter is
read at both ends; power is sampled in between, by whoever takes the time. What a meter
feeds beside the work is in its figure: nobody can tell it apart.
Source: see `energy`. RAPL counts anew every millisecond, so a stretch is many of those.
Unit: joule.
"""

import time
from collections.abc import Callable
from pathlib import Path

from edged.host.energy import Meter, Watts, meters, spent_uj, watts
from edged.host.hwmon import Chip, chips
from edged.host.sysfs import Sysfs, Unreadable, known

#: Between two samples of power; a chip on I2C takes a millisecond for one.
SAMPLE_S = 0.1

#: What `meters` and `watts` look into. Entries are links into the tree of devices.
CLASSES = ("/sys/class/powercap", "/sys/class/hwmon")


class Gauge:
    """One box's meter. One stretch at a time.

    Args:
        root: what stands for `/`.
        now_s: a clock that only goes on.

    Attributes:
        name: of the meter, or why there is none.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._sysfs = Sysfs(root)
        self._now_s = now_s
        self._counters: tuple[Meter, ...] = ()
        self._chip: Chip | None = None
        self._samples: list[int] = []
        self._began_s = self._sampled_s = 0.0
        self.name = self._find()

    def begin(self) -> None:
        """Begin a stretch."""
        self._samples.clear()
        self._sampled_s = 0.0
        self._counters = meters(self._sysfs)
        self._began_s = self._now_s()
        self.sample()

    def sample(self) -> None:
        """Look at the power, where that is all there is and the last look is old."""
        now_s = self._now_s()
        if self._chip is None or now_s - self._sampled_s < SAMPLE_S:
            return
        self._sampled_s = now_s
        power = known(watts(self._sysfs, (self._chip,))[0].microwatt)
        if power is not None:
            self._samples.append(power)

    def joules(self) -> float | None:
        """Return what was spent since `begin`; None where that is not known."""
        took_s = self._now_s() - self._began_s
        if self._chip is not None:
            if not self._samples:
                return None
            return sum(self._samples) / len(self._samples) * took_s / 1e6
        counters = meters(self._sysfs)
        if not counters or len(counters) != len(self._counters):
            return None
        spent = [spent_uj(*both) for both in zip(self._counters, counters, strict=True)]
        known_uj = [each for each in spent if each is not None]
        return sum(known_uj) / 1e6 if len(known_uj) == len(spent) else None

    def _find(self) -> str:
        """Choose what to read; return its name, or why there is nothing."""
        counters = meters(self._sysfs)
        if counters and all(isinstance(m.microjoule, int) for m in counters):
            return " and ".join(meter.name for meter in counters)
        found = watts(self._sysfs, chips(self._sysfs))
        working = next((w for w in found if isinstance(w.microwatt, int)), None)
        if working is None:
            return _why(counters, found)
        self._chip = working.chip
        return working.chip.name


def readable(root: Path = Path("/")) -> list[Path]:
    """Return the folders that a process must be able to read for `Gauge`."""
    sysfs = Sysfs(root)
    below = [
        Path(f"{sysfs.root}{folder}/{name}")
        for folder in CLASSES
        for name in sysfs.names(folder)
    ]
    return [*(Path(f"{sysfs.root}{folder}") for folder in CLASSES), *below]


def _why(counters: tuple[Meter, ...], found: tuple[Watts, ...]) -> str:
    values = [m.microjoule for m in counters] + [w.microwatt for w in found]
    refused = next((v for v in values if isinstance(v, Unreadable)), None)
    if refused is not None:
        return f"{refused.path} cannot be read: {refused.why}"
    return "no meter"
