"""A release that is watched: what condemns it, and what does not."""

import random

import pytest

from edged.activate.probation import (
    Baseline,
    Probation,
    Rules,
    Trigger,
    Trip,
    baseline,
    is_fault,
    one_answer_bytes,
)
from edged.serve.observing import BUG, Observation
from edged.wire.proofs import Board, Cost, Proof, VariantProof
from edged.wire.release import Input, Output, Signature
from edged.wire.tensors import Datatype

MIB = 1024 * 1024
RULES = Rules(duration_s=600, inferences=100, error_share=0.05, slowdown=3.0)
AGAINST = Baseline(busy_ms={"fp32": 10.0}, input_bytes=16, peak_bytes=50 * MIB)


def ran(
    *,
    busy_ms: float = 10.0,
    code: str = "",
    finite: bool = True,
    variant: str = "fp32",
    threads: int = 1,
    input_bytes: int = 16,
) -> Observation:
    """Return one run."""
    return Observation(
        variant=variant,
        threads=threads,
        ok=not code,
        code=code,
        finite=finite,
        input_bytes=input_bytes,
        busy_ns=int(busy_ms * 1e6),
        compute_ns=int(busy_ms * 1e6),
    )


def watched(
    *runs: Observation, rules: Rules = RULES, against: Baseline = AGAINST
) -> tuple[Trip | None, int]:
    """Return what condemned these runs, and after how many; None for nothing."""
    probation = Probation(rules, against, began_s=0.0)
    for number, run in enumerate(runs, 1):
        trip = probation.observe(run, number / 10)
        if trip is not None:
            return trip, number
    return None, len(runs)


def test_one_answer_that_is_not_a_number_is_enough() -> None:
    """Also after a hundred good ones; the sentence says when."""
    trip, number = watched(*[ran()] * 100, ran(finite=False))

    assert trip is not None
    assert (Trigger.NOT_FINITE, 101) == (trip.trigger, number)
    assert "in run 101, after 10 s" in trip.why
    assert {"variant": "fp32", "run": 101, "after_s": 10.1} == trip.figures


@pytest.mark.parametrize(
    ("failing_every", "failures", "found_at"),
    [(2, 0.0, 20), (10, 0.0, 20), (25, 0.0, None), (10, 0.08, None), (4, 0.1, 20)],
)
def test_it_may_fail_a_little_more_than_its_predecessor(
    failing_every: int, failures: float, found_at: int | None
) -> None:
    """By five points of a hundred; and nothing is said of fewer than twenty runs."""
    runs = [
        ran(code="bad-model") if n % failing_every == 0 else ran()
        for n in range(1, 201)
    ]

    trip, number = watched(
        *runs, against=Baseline(failures=failures, busy_ms={}, input_bytes=16)
    )

    assert found_at == (number if trip else None)


def test_one_that_breaks_late_is_found_within_twenty_runs() -> None:
    """Ten thousand good runs before are no credit."""
    trip, number = watched(*[ran()] * 10_000, *[ran(code="bad-model")] * 20)

    assert trip is not None
    assert (Trigger.ERRORS, 10_011) == (trip.trigger, number)
    assert "11 of its last 20 runs failed, mostly with 'bad-model'" in trip.why


@pytest.mark.parametrize(
    "code", ["invalid-tensor", "deadline-exceeded", "queue-full", "draining"]
)
def test_what_callers_do_is_not_its_fault(code: str) -> None:
    """Such runs neither condemn it nor count as answers."""
    probation = Probation(RULES, AGAINST, began_s=0.0)

    trips = [probation.observe(ran(code=code), 1.0) for _ in range(1000)]

    assert [None] * 1000 == trips
    assert 0 == probation.answers


def test_bugs_are_its_fault() -> None:
    """Whatever came out of the runtime that was no error of ours."""
    assert is_fault(BUG)
    assert is_fault("bad-model")
    assert not is_fault("invalid-tensor")


def test_a_slow_one_is_found_after_fifty_runs() -> None:
    """Two medians in a row are above three times the trial's."""
    trip, number = watched(*[ran(busy_ms=31.0)] * 60)

    assert trip is not None
    assert (Trigger.SLOW, 50) == (trip.trigger, number)
    assert (
        "variant fp32 takes 31 ms of CPU time for an answer, 10 ms in its trial; "
        "30 ms are allowed"
    ) == trip.why


def test_noise_is_not_slowness() -> None:
    """A third of all runs is ten times as slow, and once a whole window is."""
    chance = random.Random(4)  # noqa: S311  # noise
    runs = [ran(busy_ms=100.0 if chance.random() < 0.3 else 12.0) for _ in range(2000)]
    runs[1000:1025] = [ran(busy_ms=50.0)] * 25

    trip, _ = watched(*runs)

    assert trip is None


def test_larger_inputs_and_unproved_variants_are_not_compared() -> None:
    """A joint run of sixteen may take sixteen times as long."""
    large, _ = watched(*[ran(busy_ms=500.0, input_bytes=256)] * 200)
    unknown, _ = watched(*[ran(busy_ms=500.0, variant="int8")] * 200)

    assert (None, None) == (large, unknown)


def test_very_short_runs_have_a_floor() -> None:
    """20 us in a trial may be 200 in a daemon, and not a millisecond."""
    against = Baseline(busy_ms={"fp32": 0.02}, input_bytes=16)

    fine, _ = watched(*[ran(busy_ms=0.2)] * 100, against=against)
    slow, _ = watched(*[ran(busy_ms=1.0)] * 100, against=against)

    assert fine is None
    assert slow is not None


def test_runs_with_fewer_threads_are_no_slow_ones() -> None:
    """A strategy took them away, and the calling thread does the others' work."""
    against = Baseline(busy_ms={"fp32": 10.0}, threads=4, input_bytes=16)

    fewer, _ = watched(*[ran(busy_ms=40.0, threads=1)] * 100, against=against)
    slow, _ = watched(*[ran(busy_ms=40.0, threads=4)] * 100, against=against)

    assert fewer is None
    assert slow is not None


def test_memory_that_stays_large_condemns() -> None:
    """128 MiB and two peaks may come; a single reading above is not enough."""
    probation = Probation(RULES, AGAINST, began_s=0.0)
    readings = [500, 728, 729, 700, 729, 730]

    trips = [probation.memory(size * MIB) for size in readings]

    assert [None] * 5 == trips[:5]
    assert trips[5] is not None
    assert Trigger.MEMORY is trips[5].trigger
    assert "grown by 230 MiB since it serves, 228 MiB are allowed" in trips[5].why


@pytest.mark.parametrize(
    ("at_s", "answers", "is_due"),
    [
        (599, 1000, False),
        (600, 99, False),
        (600, 100, True),
        (24 * 600 - 1, 0, False),
        (24 * 600, 0, True),
    ],
)
def test_it_counts_as_good_after_time_and_answers(
    at_s: float, answers: int, *, is_due: bool
) -> None:
    """A box that nobody asks waits for 24 times as long, and no longer."""
    probation = Probation(RULES, AGAINST, began_s=0.0)
    for _ in range(answers):
        probation.observe(ran(), 1.0)

    assert is_due == probation.due(at_s)


def test_zero_trusts_at_once() -> None:
    """Whoever wants no probation has none."""
    rules = Rules(duration_s=0, inferences=100, error_share=0.05, slowdown=3)

    assert Probation(rules, AGAINST, began_s=7.0).due(7.0)


@pytest.mark.parametrize(
    ("at_s", "answers", "text"),
    [
        (0, 0, "10 min and 100 answers more, or 4 h"),
        (540, 40, "60 s and 60 answers more, or 4 h"),
        (700, 40, "60 answers more, or 4 h"),
        (540, 100, "60 s more"),
    ],
)
def test_people_are_told_what_is_missing(at_s: float, answers: int, text: str) -> None:
    """In the order in which it matters."""
    probation = Probation(RULES, AGAINST, began_s=0.0)
    for _ in range(answers):
        probation.observe(ran(), 1.0)

    assert text == str(probation.left(at_s))


def _proof(*costs: Cost) -> Proof:
    return Proof(
        digest="d",
        board=Board(runtimes={}, cpu=""),
        at_utc="2026-01-01T00:00:00Z",
        variants=(
            VariantProof(id="fp32", costs=costs, peak_bytes=7),
            VariantProof(id="int8", problem="it is broken", costs=costs, peak_bytes=9),
        ),
    )


def _cost(threads: int) -> Cost:
    return Cost(threads=threads, cpu_ms=0, busy_ms=10.0 / threads, wall_ms=0)


IMAGE = Signature(
    inputs=(Input(name="x", datatype=Datatype.FP32, shape=(-1, 3, 2)),),
    outputs=(Output(name="y", datatype=Datatype.FP32, shape=(-1,)),),
)


@pytest.mark.parametrize(
    ("measured", "threads", "busy_ms"),
    [((1, 2, 4), 2, 5.0), ((1, 2, 4), 3, 5.0), ((2, 4), 1, 5.0)],
)
def test_it_is_held_against_the_daemon_s_threads(
    measured: tuple[int, ...], threads: int, busy_ms: float
) -> None:
    """Or the next fewer that were measured; variants that are left out do not count."""
    proof = _proof(*(_cost(n) for n in measured))

    against = baseline(proof, IMAGE, threads=threads, failures=0.01)

    expected = Baseline(
        failures=0.01,
        busy_ms={"fp32": busy_ms},
        threads=threads,
        input_bytes=24,
        peak_bytes=7,
    )
    assert expected == against


def test_what_was_not_measured_is_not_compared() -> None:
    """No cost, no bound; and elements without a size tell nothing either."""
    words = Signature(
        inputs=(Input(name="x", datatype=Datatype.BYTES, shape=(1,)),),
        outputs=IMAGE.outputs,
    )

    assert {} == baseline(_proof(), IMAGE, threads=1, failures=0).busy_ms
    assert 0 == one_answer_bytes(words)
