"""Processes, as the kernel sees them: this one, and the end of another.

Source: psutil over /proc/self/{statm,stat}. Units: bytes and seconds.
"""

import os
import shlex
import sys
from collections.abc import Mapping

import msgspec
import psutil


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the process uses now, and has used."""

    rss_bytes: int
    cpu_s: float


class Self:
    """A reader of our own process.

    Attributes:
        command: the words that started it; without the interpreter where a script
            has one.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        words = tuple(sys.orig_argv)
        is_script = len(words) > 1 and os.access(words[1], os.X_OK)
        self.command = words[1:] if is_script else words

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def restart_hint(self, env: Mapping[str, str] = os.environ) -> str:
        """Return what a person types to start it anew.

        Source: systemd.exec(5): SYSTEMD_EXEC_PID names the process that systemd itself
        started, which INVOCATION_ID does not.
        """
        if env.get("SYSTEMD_EXEC_PID") == str(self.pid):
            return "systemctl restart edged"
        return f"`kill {self.pid}`, then `{shlex.join(self.command)}`"

    def usage(self) -> Usage:
        """Read resident memory, and user plus system time of all threads."""
        with self._process.oneshot():
            times = self._process.cpu_times()
            return Usage(
                rss_bytes=self._process.memory_info().rss,
                cpu_s=times.user + times.system,
            )


def memory_bytes() -> int:
    """Return how much memory the machine has, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def watch(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends.

    None where there is none: it has ended, it is in another pid namespace (0), or the
    kernel is older than 5.3. Source: pidfd_open(2); close-on-exec is set.
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
