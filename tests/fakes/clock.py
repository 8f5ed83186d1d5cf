"""A clock that only a sleep, or a test, moves."""

from datetime import UTC, datetime, timedelta

_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Hours:
    """The `Clock` port.

    Attributes:
        now: seconds on the monotonic clock.
        slept: what was slept, in order.
    """

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.now

    def utc(self) -> datetime:
        """Return noon, and what has passed since."""
        return _NOON + timedelta(seconds=self.now - 100.0)

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.now += seconds
