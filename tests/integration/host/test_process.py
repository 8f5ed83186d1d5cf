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
