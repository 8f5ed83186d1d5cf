"""The system's clocks."""

from datetime import timedelta
from pathlib import Path

from edged.host.clock import SystemClock, boot_id


def test_the_date_is_aware_and_in_utc() -> None:
    """A date without a zone would be read as local somewhere."""
    assert timedelta(0) == SystemClock().utc().utcoffset()


def test_monotonic_time_never_goes_back() -> None:
    """Durations are measured with it."""
    clock = SystemClock()

    before, after = clock.monotonic(), clock.monotonic()

    assert before <= after


def test_a_boot_is_known_by_the_kernels_id(tmp_path: Path) -> None:
    """As /proc says it, without the end of the line."""
    file = tmp_path / "proc/sys/kernel/random/boot_id"
    file.parent.mkdir(parents=True)
    file.write_text("ba4f4424-b86f-4b41-a8bd-4d728a7cd5ad\n")

    assert "ba4f4424-b86f-4b41-a8bd-4d728a7cd5ad" == boot_id(tmp_path)


def test_a_kernel_that_does_not_say_leaves_it_empty(tmp_path: Path) -> None:
    """Then nothing can be told of crashes, and nothing is claimed."""
    assert "" == boot_id(tmp_path)


def test_two_looks_in_one_boot_see_the_same() -> None:
    """This is what a crash is told by."""
    assert "" != boot_id() == boot_id()
