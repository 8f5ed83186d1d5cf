"""What time it is.

Law: time is a parameter. Nothing above this floor reads a clock by itself; a test
hands in one that it moves.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """The port to time. It never fails and never blocks."""

    def monotonic(self) -> float:
        """Return seconds since some start; never goes back, says no date."""

    def utc(self) -> datetime:
        """Return the date, aware and in UTC; may jump, and be wrong at boot."""


class SystemClock:
    """The kernel's clocks."""

    def monotonic(self) -> float:
        """Return CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    def utc(self) -> datetime:
        """Return CLOCK_REALTIME as an aware date."""
        return datetime.now(UTC)


def boot_id(root: Path = Path("/")) -> str:
    """Tell this boot from every other; empty where the kernel does not say.

    Source: /proc/sys/kernel/random/boot_id; random(4). A container has its host's.

    Args:
        root: what stands for `/`.
    """
    try:
        return (root / "proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
