"""Processes, as the kernel sees them: this one, and the end of another.

Source: psutil over /proc/self/{statm,stat}. Units: bytes and seconds.
"""

import os

import msgspec
import psutil


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the process uses now, and has used."""

    rss_bytes: int
    cpu_s: float


class Self:
    """A reader of our own process."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def usage(self) -> Usage:
        """Read resident memory, and user plus system time of all threads."""
        with self._process.oneshot():
            times = self._process.cpu_times()
            return Usage(
                rss_bytes=self._process.memory_info().rss,
                cpu_s=times.user + times.system,
            )


def watch(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends.

    None where there is none: it has ended, it is in another pid namespace (0), or the
    kernel is older than 5.3. Source: pidfd_open(2); close-on-exec is set.
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
