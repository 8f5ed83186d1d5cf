"""What time it is.

Law: time is a parameter. Nothing above this floor reads a clock by itself; a test
hands in one that it moves.
"""

import time
from datetime import UTC, datetime
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
