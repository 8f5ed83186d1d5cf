"""Who else used the processor while something was measured.

Law: what is not this process, nor a peer, nor idle, is others. Interrupts are nobody's:
those of loopback packets are part of what is measured.
Source: /proc/stat, first line; proc_stat(5).
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil
from process import tree

#: Others may use this share of one core: a shell, a clock, the kernel's own threads.
TOLERATED = 0.1

_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK_S = 0.3


class Others:
    """The rest of the machine.

    Args:
        pids: first processes of the peers.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._ours = [psutil.Process(), *(p for pid in pids for p in tree(pid))]
        self._mark = (0.0, 0.0)

    def begin(self) -> None:
        """Begin to watch."""
        self._mark = (time.perf_counter(), self._used_s())

    def share(self) -> float:
        """Return what others have used since, as a share of one core."""
        began, used_s = self._mark
        return max(0.0, (self._used_s() - used_s) / (time.perf_counter() - began))

    def wait(self, at_most_s: float) -> None:
        """Wait until others are quiet."""
        end = time.monotonic() + at_most_s
        while time.monotonic() < end:
            self.begin()
            time.sleep(_LOOK_S)
            if self.share() <= TOLERATED:
                return

    def _used_s(self) -> float:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _, _, _, _, steal = map(int, words[:8])
        ours = 0.0
        for process in self._ours:
            if process.is_running():
                ours += sum(process.cpu_times()[:2])
        return (user + nice + system + steal) / _TICKS - ours
