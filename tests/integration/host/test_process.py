"""What our own process uses."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from edged.host.process import Self, memory_bytes, watch


def test_usage_is_of_this_process() -> None:
    """Resident memory agrees with the kernel's own figure, within what moves."""
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])

    actual = Self()

    assert os.getpid() == actual.pid
    assert (
        0.9
        < actual.usage().rss_bytes / (resident_pages * os.sysconf("SC_PAGE_SIZE"))
        < 1.1
    )


def test_processor_time_grows_with_work() -> None:
    """It is the sum of user and system time, in seconds."""
    process = Self()
    before = process.usage().cpu_s
    until = time.process_time() + 0.05

    while time.process_time() < until:
        pass

    assert 0.04 <= process.usage().cpu_s - before < 5


def test_how_it_was_started_can_be_typed_again() -> None:
    """The first word is something that can be run."""
    assert os.access(Self().command[0], os.X_OK)


def test_a_restart_fits_how_it_runs() -> None:
    """Only what systemd has started itself is systemd's to restart."""
    process = Self()

    assert ("systemctl restart edged", True) == (
        process.restart_hint({"SYSTEMD_EXEC_PID": str(os.getpid())}),
        process.restart_hint({"SYSTEMD_EXEC_PID": "1"}).startswith(
            f"`kill {os.getpid()}`, then `"
        ),
    )


def test_the_machines_memory_is_the_kernels_own_figure() -> None:
    """In bytes."""
    first = Path("/proc/meminfo").read_text().split("\n", 1)[0].split()

    assert ("MemTotal:", int(first[1]) * 1024) == (first[0], memory_bytes())


def test_the_end_of_a_process_can_be_waited_for() -> None:
    """Its descriptor becomes readable; one that has ended has none."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    fd = watch(child.pid)
    assert fd is not None

    alive = select.select([fd], [], [], 0)[0]
    child.communicate(b"\n")
    ended = select.select([fd], [], [], 5)[0]

    os.close(fd)
    assert ([], [fd]) == (alive, ended)
    assert watch(child.pid) is None
    assert watch(0) is None
