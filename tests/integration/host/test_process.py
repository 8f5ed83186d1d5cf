"""What our own process uses."""

import os
import time
from pathlib import Path

from edged.host.process import Self


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
