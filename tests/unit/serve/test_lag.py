"""How late threads are woken."""

import math

from edged.serve.lag import Lag


def test_it_is_what_runs_saw_of_late() -> None:
    """A neighbour that stays is known after a few runs."""
    lag = Lag()

    for run in range(20):
        lag.woken(0.1 * run, late_s=0.020)

    assert math.isclose(0.020, lag.usual_s(1.9), rel_tol=0.1)
    assert 0.0 == Lag().usual_s(5.0)


def test_it_is_soon_forgotten() -> None:
    """Nobody runs on a worker any more: it would never be measured again."""
    lag = Lag()
    for run in range(20):
        lag.woken(0.1 * run, late_s=0.020)

    assert lag.usual_s(12.0) < 0.009
    assert lag.usual_s(62.0) < 0.0001
