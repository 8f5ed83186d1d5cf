"""How fast something arrives."""

from edged.update.gauge import LEAST_S, OVER_S, Gauge
from tests.fakes.clock import Hours


def test_a_rate_is_of_the_time_since_the_beginning() -> None:
    """Ten seconds are not over yet."""
    clock = Hours()
    gauge = Gauge(clock)
    gauge.begin()
    clock.now += 2
    gauge.add(1000)

    assert 500.0 == gauge.rate


def test_a_rate_is_of_the_last_seconds() -> None:
    """What came before counts no more."""
    clock = Hours()
    gauge = Gauge(clock)
    gauge.begin()
    gauge.add(1_000_000)
    clock.now += OVER_S + 1
    gauge.add(50)

    assert 5.0 == gauge.rate
    clock.now += OVER_S + 1
    assert 0.0 == gauge.rate


def test_the_first_bytes_are_no_wonder() -> None:
    """A moment is no time to tell a rate by."""
    clock = Hours()
    gauge = Gauge(clock)
    gauge.begin()
    gauge.add(100)

    assert 100 / LEAST_S == gauge.rate


def test_a_new_beginning_forgets() -> None:
    """Another release comes over another line."""
    clock = Hours()
    gauge = Gauge(clock)
    gauge.begin()
    gauge.add(100)
    clock.now += 1

    gauge.begin()

    assert 0.0 == gauge.rate
