"""How many threads a run gets under a strategy."""

import pytest

from edged.serve.threads import best, count
from edged.wire.proofs import Cost


def costs(**wall_ms: float) -> list[Cost]:
    """Return what runs take by threads, as `t4=1.0`."""
    return [
        Cost(threads=int(name[1:]), cpu_ms=1.0, busy_ms=1.0, wall_ms=ms)
        for name, ms in wall_ms.items()
    ]


GAINS = costs(t4=1.0, t1=4.0, t2=2.0)


@pytest.mark.parametrize(
    ("share", "most", "expected"),
    [(1.0, 4, 4), (0.5, 4, 2), (0.75, 4, 3), (0.7, 10, 7), (0.0, 4, 1), (0.5, 3, 1)],
)
def test_a_share_of_the_best_and_never_below_one(
    share: float, most: int, expected: int
) -> None:
    """Where nothing was measured, all that it may have is taken for the best."""
    assert expected == count(share, (), most=most)


@pytest.mark.parametrize(
    ("proved", "most", "expected"),
    [
        (GAINS, 4, 4),
        (GAINS, 3, 3),
        (costs(t1=1.0), 4, 4),
        (costs(t4=0.97, t1=1.0), 4, 1),
        (costs(t4=1.2, t2=0.9, t1=1.0), 4, 2),
        (costs(t8=1.0), 4, 4),
    ],
)
def test_the_fewest_threads_that_are_about_as_fast_are_the_best(
    proved: list[Cost], most: int, expected: int
) -> None:
    """What it may not have is not the best; nor is less, where that is not known."""
    assert expected == best(proved, most=most)


def test_who_caps_nothing_leaves_what_was_set() -> None:
    """Also where less would do; and where one thread runs anyway, one stays."""
    idle = costs(t4=1.0, t1=1.0)

    assert 4 == count(1.0, idle, most=4)
    assert 1 == count(0.9, idle, most=4)
    assert {1} == {count(share, GAINS, most=1) for share in (0.0, 0.5, 1.0)}
