"""The clock moves when it is told to."""

from datetime import timedelta

from tests.fakes.clock import Hours


async def test_only_a_sleep_moves_it() -> None:
    """Both its faces, and it remembers."""
    clock = Hours()
    before = clock.utc()

    await clock.sleep(5)

    assert 105.0 == clock.monotonic()
    assert timedelta(seconds=5) == clock.utc() - before
    assert [5] == clock.slept
