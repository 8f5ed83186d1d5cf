"""Where a variant's runs happen."""

import pytest

from edged.serve.placement import (
    LONGEST_PENALTY,
    MEASURED,
    Placement,
    Placer,
    short_up_to,
)

SHORT, MIDDLING, LONG, STALL = 100_000, 1_200_000, 2_000_000, 5_000_000


def looked(placer: Placer, ns: int, *, size: int = 256, looks: int = 1) -> Placement:
    """Observe as many equal runs as it takes."""
    for _ in range(looks * MEASURED):
        placer.observe(size, ns)
    return placer.placement


def test_nothing_runs_on_the_loop_before_it_was_measured() -> None:
    """Not even the smallest input."""
    placer = Placer()

    placer.observe(1, SHORT)

    assert not placer.allows(1)
    assert placer.placement is Placement.THREAD


def test_a_short_variant_comes_and_a_long_one_goes() -> None:
    """After a look each."""
    placer = Placer()

    assert looked(placer, SHORT) is Placement.LOOP
    assert looked(placer, LONG) is Placement.THREAD
    assert looked(placer, SHORT) is Placement.LOOP


def test_a_middling_variant_stays_where_it_is() -> None:
    """So that it does not go back and forth."""
    outside, inside = Placer(), Placer()
    looked(inside, SHORT)

    assert looked(outside, MIDDLING) is Placement.THREAD
    assert looked(inside, MIDDLING) is Placement.LOOP


def test_a_larger_input_than_was_measured_goes_to_a_worker() -> None:
    """A model with free dimensions is short on small inputs alone."""
    placer = Placer()
    looked(placer, SHORT, size=256)

    assert placer.allows(256)
    assert not placer.allows(257)


def back(placer: Placer) -> int:
    """Return how many looks it takes to come back to the loop."""
    count = 1
    while looked(placer, SHORT) is Placement.THREAD:
        count += 1
    return count


def test_a_stall_sends_away_at_once_and_for_longer_each_time() -> None:
    """Two looks after the first, then four, then eight."""
    placer = Placer()
    looked(placer, SHORT)
    waits = []
    for _ in range(4):
        placer.observe(256, STALL)
        assert placer.placement is Placement.THREAD
        waits.append(back(placer))

    assert waits == [2, 4, 8, 16]
    assert LONGEST_PENALTY == 1024


def test_quiet_looks_make_up_for_a_stall() -> None:
    """A machine that hiccups now and then does not send a short model away for good."""
    placer = Placer()
    looked(placer, SHORT)
    waits = []
    for _ in range(4):
        placer.observe(256, STALL)
        waits.append(back(placer))
        looked(placer, SHORT, looks=2)

    assert waits == [2, 2, 2, 2]


def test_a_stall_on_a_worker_is_nobody_s_fault() -> None:
    """Only what was allowed on the loop counts against a variant."""
    placer = Placer()
    looked(placer, SHORT, size=256)

    placer.observe(10**6, STALL)

    assert placer.placement is Placement.LOOP


@pytest.mark.parametrize(
    ("runs", "bound"),
    [
        ([], -1),
        ([(8, 1)] * 32, 8),
        ([(8, 99)] * 32, -1),
        ([(8, 1)] * 31 + [(8, 99)], 8),  # noise
        ([(8, 1)] * 28 + [(8, 99)] * 4, -1),
        ([(8, 1)] * 31 + [(9000, 99)], 8),  # one large one, and it was long
        ([(8, 1)] * 31 + [(9000, 1)], 9000),
        ([(8, 99)] * 16 + [(9, 1)] * 16, -1),  # the small ones were long
        ([(8, 1)] * 15 + [(9, 99)] * 17, -1),  # not even half were short
        ([(n, 1) for n in range(20)] + [(n, 99) for n in range(20, 32)], 19),
    ],
)
def test_the_bound_is_where_runs_stop_being_short(
    runs: list[tuple[int, int]], bound: int
) -> None:
    """Whatever the order in which they came."""
    assert short_up_to(runs, limit_ns=10) == bound
    assert short_up_to(reversed(runs), limit_ns=10) == bound
