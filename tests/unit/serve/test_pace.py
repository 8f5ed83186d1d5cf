"""How fast a queue is served."""

import pytest

from edged.serve.pace import Pace


def test_the_time_between_ends_is_the_pace() -> None:
    """Whatever a single run takes, and however many workers there are."""
    pace = Pace()

    for n in range(5):
        pace.ended(10 + 0.5 * n, runs=1, waiting=True)

    assert pace.usual_s == 0.5


def test_an_empty_queue_ends_the_count() -> None:
    """The pause until the next request is nobody's slowness."""
    pace = Pace()
    pace.ended(1.0, runs=1, waiting=True)
    pace.ended(1.5, runs=1, waiting=False)

    pace.ended(99.0, runs=1, waiting=True)

    assert pace.usual_s == 0.5


def test_runs_that_end_together_share_the_time() -> None:
    """A joint run of four serves four times as fast."""
    pace = Pace()
    pace.ended(1.0, runs=4, waiting=True)

    pace.ended(3.0, runs=4, waiting=True)

    assert pace.usual_s == 0.5


def test_it_follows_and_does_not_jump() -> None:
    """An eighth of each step."""
    pace = Pace()
    pace.ended(0.0, runs=1, waiting=True)
    pace.ended(0.8, runs=1, waiting=True)

    pace.ended(2.4, runs=1, waiting=True)

    assert pace.usual_s == pytest.approx(0.9)
