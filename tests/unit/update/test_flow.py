"""Whether a host keeps up; how a body ends is told by tests/integration/update."""

from edged.update.flow import Limits, Meter

LIMITS = Limits()


def test_a_steady_host_is_fast_enough() -> None:
    """At the least rate, for hours."""
    meter = Meter(LIMITS, 1 << 30)

    faults = {meter.fault(1024, 1.0) for _ in range(20_000)}

    assert {""} == faults


def test_a_slow_host_has_a_minute() -> None:
    """A byte each second is told after 60 of them."""
    meter = Meter(LIMITS, 1 << 30)

    faults = [meter.fault(1, 1.0) for _ in range(60)]

    assert [""] * 59 + ["60 bytes in 60 s"] == faults


def test_a_good_minute_does_not_pay_for_a_bad_one() -> None:
    """The rate is held over each minute."""
    meter = Meter(LIMITS, 1 << 30)
    meter.fault(100 << 20, 60.0)

    assert "10 bytes in 61 s" == meter.fault(10, 61.0)


def test_there_is_an_end_for_every_size() -> None:
    """Two minutes, and as long as the least rate takes."""
    meter = Meter(LIMITS, 10 * 1024)

    faults = [meter.fault(2048, 1.0) for _ in range(131)]

    assert [""] * 130 + ["not done after 131 s"] == faults
