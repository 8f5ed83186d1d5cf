"""Measurements of real files, in this process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edged.runtime.measure import Subject, measure
from edged.wire.proofs import Effort
from tests.fakes import candidates
from tests.fakes.candidates import X, candidate


def subject(folder: Path, net: Callable[[], bytes], **changes: object) -> Subject:
    """Write a release of one variant and describe it."""
    release = candidate(folder, {"net.onnx": net()}, **changes)  # type: ignore[arg-type]
    (variant,) = release.manifest.variants
    return Subject(path=release.path, manifest=release.manifest, variant=variant)


def test_each_count_of_threads_has_its_cost(tmp_path: Path) -> None:
    """The first is what the daemon will use."""
    found = measure(subject(tmp_path / "a", candidates.double), threads=(2, 1))

    assert [2, 1] == [cost.threads for cost in found.costs]
    assert found.problem is None


def test_percentiles_are_of_all_runs_that_were_timed(tmp_path: Path) -> None:
    """A profile has enough of them for a p99; a trial ends sooner."""
    net = subject(tmp_path / "a", candidates.double)

    tried = measure(net, threads=(1,)).costs[0]
    profiled = measure(net, threads=(1,), effort=Effort.PROFILE).costs[0]

    assert (30, 1000) == (tried.runs, profiled.runs)
    for cost in (tried, profiled):
        assert cost.wall_ms <= (cost.p95_ms or 0.0) <= (cost.p99_ms or 0.0)
        assert cost.joules is None


def test_memory_is_that_of_the_first_count(tmp_path: Path) -> None:
    """The others run in the same process, and cannot be told apart."""
    found = measure(subject(tmp_path / "a", candidates.double), threads=(1, 2))

    assert [found.held_bytes, None] == [cost.held_bytes for cost in found.costs]
    assert [found.peak_bytes, None] == [cost.peak_bytes for cost in found.costs]


def test_waiting_for_a_core_is_told(tmp_path: Path) -> None:
    """Two processes on one core wait for each other half of the time."""
    net = subject(tmp_path / "a", candidates.slow)
    core = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # this thread's, and whoever it starts
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        found = measure(net, threads=(1,))
    finally:
        burner.kill()
        burner.wait()
        os.sched_setaffinity(0, before)

    waited = found.costs[0].waited
    assert waited is not None
    assert 0.2 < waited < 1.0


def test_a_slow_net_costs_more_and_its_ratio_says_how_much(tmp_path: Path) -> None:
    """CPU time of answers that stood side by side."""
    quick = subject(tmp_path / "quick", candidates.double)
    slow = subject(tmp_path / "slow", candidates.slow)

    up = measure(slow, threads=(1,), beside=quick).ratio
    down = measure(quick, threads=(1,), beside=slow).ratio

    assert up is not None
    assert down is not None
    assert up > 8
    assert 0.5 < up * down < 2.0


def test_what_is_wrong_is_not_compared(tmp_path: Path) -> None:
    """A problem ends it: its price is of no interest."""
    live = subject(tmp_path / "live", candidates.double)
    wrong = subject(tmp_path / "wrong", candidates.negated)

    found = measure(wrong, threads=(1, 2), beside=live)

    assert str(found.problem).startswith("it does not give its golden answers")
    assert (0.0, 1) == (found.agreement, len(found.costs))
    assert (None, None) == (found.ratio, found.continuity)


@pytest.mark.parametrize("answers", [2 * X, None])
def test_golden_or_made_up_it_is_asked(tmp_path: Path, answers: object) -> None:
    """A release without golden answers is asked made-up inputs, and proves less."""
    found = measure(
        subject(tmp_path / "a", candidates.double, answers=answers), threads=(1,)
    )

    assert found.problem is None
    assert (None if answers is None else 1.0) == found.agreement


def test_a_file_that_cannot_be_loaded_is_a_problem(tmp_path: Path) -> None:
    """And no exception."""
    found = measure(subject(tmp_path / "a", lambda: b"rot"), threads=(1,))

    assert str(found.problem).startswith("cannot load net.onnx")
    assert () == found.costs
