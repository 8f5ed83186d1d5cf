"""How long a model rests between its runs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.serve.pacing import OWED_MOST_S, Pacing


def paced(duty: float) -> Pacing:
    """Return a model with this duty."""
    pacing = Pacing()
    pacing.duty = duty
    return pacing


def test_rest_follows_work() -> None:
    """As much of it as half a duty asks for; shared by workers like the work."""
    pacing = paced(0.5)

    pacing.ran(10.0, taken_s=1.0, workers=1)

    assert (1.0, 0.5, 0.0) == tuple(pacing.left_s(at) for at in (10.0, 10.5, 12.0))
    shared = paced(0.5)
    shared.ran(10.0, taken_s=1.0, workers=4)
    assert 0.25 == shared.left_s(10.0)


def test_a_full_duty_never_rests() -> None:
    """Also not for what was run under another one."""
    pacing = paced(0.5)
    pacing.ran(10.0, taken_s=1.0, workers=1)

    pacing.duty = 1.0
    pacing.ran(10.0, taken_s=1.0, workers=1)

    assert 0.0 == pacing.left_s(10.0)


def test_rests_that_were_skipped_do_not_add_up_without_an_end() -> None:
    """A minute of requests that could not wait costs the next one ten seconds."""
    pacing = paced(0.05)

    for second in range(60):
        pacing.ran(float(second), taken_s=0.5, workers=1)
    many = pacing.left_s(60.0)
    pacing.ran(60.0, taken_s=2.0, workers=1)

    assert OWED_MOST_S - 1 == pytest.approx(many)
    assert 38.0 == pytest.approx(pacing.left_s(60.0))


@given(
    st.floats(0.05, 0.99),
    st.lists(st.floats(0.001, 1.0), min_size=1, max_size=50),
)
def test_runs_never_take_more_than_their_share(duty: float, runs: list[float]) -> None:
    """Whatever they take, one after the other and as early as they may."""
    pacing = paced(duty)
    now_s = 0.0
    for taken_s in runs:
        now_s += pacing.left_s(now_s)
        now_s += taken_s
        pacing.ran(now_s, taken_s=taken_s, workers=1)

    now_s += pacing.left_s(now_s)

    assert sum(runs) / now_s == pytest.approx(duty)
    assert math.isclose(0.0, pacing.left_s(now_s), abs_tol=1e-6)
