"""The system's clocks."""

from datetime import timedelta

from edged.host.clock import SystemClock


def test_the_date_is_aware_and_in_utc() -> None:
    """A date without a zone would be read as local somewhere."""
    assert timedelta(0) == SystemClock().utc().utcoffset()


def test_monotonic_time_never_goes_back() -> None:
    """Durations are measured with it."""
    clock = SystemClock()

    before, after = clock.monotonic(), clock.monotonic()

    assert before <= after
