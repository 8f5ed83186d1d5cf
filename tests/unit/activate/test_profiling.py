"""What a profile changes, and what live traffic says of it."""

import msgspec
import pytest

from edged.activate.profiling import (
    ENOUGH,
    activity,
    answered,
    contradicts,
    failures,
    lately,
    merged,
)
from edged.wire.messages import ModelPhase, ModelStatus, VariantStatus
from edged.wire.profiles import Lately
from edged.wire.proofs import Board, Cost, Profiled, Proof, VariantProof

WHEN = Profiled(at_utc="2026-11-24T19:00:00Z", by="edged")


def cost(threads: int = 1, wall_ms: float = 1.0, **more: object) -> Cost:
    """Make a cost."""
    return Cost(
        threads=threads,
        cpu_ms=wall_ms,
        busy_ms=wall_ms,
        wall_ms=wall_ms,
        **more,  # type: ignore[arg-type]
    )


def kept(*variants: VariantProof) -> Proof:
    """Make a proof of these, or of one."""
    plain = VariantProof(id="fp32", costs=(cost(),), held_bytes=10, ratio=1.1)
    board = Board(runtimes={}, cpu="a CPU")
    return Proof(
        digest="ab" * 32,
        board=board,
        at_utc="then",
        against="cd" * 32,
        variants=variants or (plain,),
    )


def measured(threads: int, wall_ms: float, **more: object) -> VariantProof:
    """Make what one child found."""
    return VariantProof(
        id="fp32",
        load_s=0.5,
        costs=(cost(threads, wall_ms),),
        held_bytes=20 * threads,
        peak_bytes=30 * threads,
        agreement=0.9,
        worst=0.25,
        meter="package-0",
        **more,  # type: ignore[arg-type]
    )


def live(requests: int = ENOUGH, p50_ms: float | None = 1.0) -> VariantStatus:
    """Make a variant's status."""
    return VariantStatus(
        id="fp32",
        backend="onnx",
        loaded=True,
        requests=requests,
        p50_ms=p50_ms,
        p95_ms=2.0,
    )


# --- merging -----------------------------------------------------------------------


def test_figures_of_every_count_take_the_place_of_the_trials() -> None:
    """Memory is the daemon's count's; what was compared with the live one stays."""
    proof = merged(kept(), {"fp32": [measured(2, 3.0), measured(1, 5.0)]}, WHEN)

    (found,) = proof.variants
    assert [(2, 3.0), (1, 5.0)] == [(c.threads, c.wall_ms) for c in found.costs]
    assert (40, 60, 0.5) == (found.held_bytes, found.peak_bytes, found.load_s)
    assert (0.9, 0.25, "package-0") == (found.agreement, found.worst, found.meter)
    assert (1.1, "cd" * 32, "then") == (found.ratio, proof.against, proof.at_utc)
    assert proof.profiled == WHEN


def test_one_that_could_not_be_measured_keeps_its_figures_and_serves() -> None:
    """With the reason beside them, until a profile succeeds."""
    failing = {"fp32": [measured(2, 3.0), measured(1, 5.0, problem="it hung")]}

    proof = merged(kept(), failing, WHEN)

    assert [c.wall_ms for c in proof.fit[0].costs] == [1.0]
    assert (None, "it hung") == (proof.fit[0].problem, proof.fit[0].unprofiled)
    assert failures(failing) == {"fp32": "it hung"}
    again = merged(proof, {"fp32": [measured(1, 5.0)]}, WHEN)
    assert again.fit[0].unprofiled is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.0, 0.09, 5.0),
        (0.0, 0.11, 1.0),
        (0.35, 0.4, 5.0),
        (0.35, 0.5, 1.0),
        (None, 0.9, 5.0),
        (0.0, None, 5.0),
    ],
)
def test_quieter_figures_stay(
    before: float | None, after: float | None, expected: float
) -> None:
    """The choice of variants rests on what a quiet box takes."""
    old = VariantProof(id="fp32", costs=(cost(1, 1.0, waited=before),))
    found = msgspec.structs.replace(
        measured(1, 5.0), costs=(cost(1, 5.0, waited=after),)
    )

    (variant,) = merged(kept(old), {"fp32": [found]}, WHEN).variants

    assert expected == variant.costs[0].wall_ms
    said = variant.unprofiled or ""
    assert said.startswith("others used the cores: it waited") is (expected == 1.0)


def test_a_count_that_is_new_disturbs_nothing() -> None:
    """There is no quieter figure of it."""
    old = VariantProof(id="fp32", costs=(cost(1, 1.0, waited=0.0),))
    found = msgspec.structs.replace(measured(4, 5.0), costs=(cost(4, 5.0, waited=0.9),))

    (variant,) = merged(kept(old), {"fp32": [found]}, WHEN).variants

    assert (4, None) == (variant.costs[0].threads, variant.unprofiled)


def test_what_was_not_measured_is_left_alone() -> None:
    """A variant that may not serve is none of a profile's business."""
    unfit = VariantProof(id="int8", problem="it crashed")

    proof = merged(kept(unfit), {}, WHEN)

    assert proof.variants == (unfit,)
    assert failures({"fp32": [measured(1, 1.0)]}) == {}


# --- live traffic ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "p50_ms", "times", "wrong"),
    [
        (ENOUGH, 1.4, 1.4, 0),
        (ENOUGH, 0.7, 0.7, 0),
        (ENOUGH, 1.6, 1.6, 1),
        (ENOUGH, 0.6, 0.6, 1),
        (ENOUGH - 1, 9.0, None, 0),
        (0, None, None, 0),
    ],
)
def test_live_traffic_contradicts_when_there_is_enough_of_it(
    requests: int, p50_ms: float | None, times: float | None, wrong: int
) -> None:
    """Half as long again, or two thirds."""
    found = lately(kept(), [live(requests, p50_ms)], threads=1)

    assert [times] == [each.times for each in found]
    assert bool(wrong) is contradicts(found)


def test_it_is_compared_with_the_daemons_count_of_threads() -> None:
    """What was not measured is not compared."""
    proof = kept(VariantProof(id="fp32", costs=(cost(4, 1.0), cost(1, 2.0))))
    empty = kept(VariantProof(id="fp32", costs=(cost(1, 0.0),)))

    assert [2.0] == [each.times for each in lately(proof, [live(p50_ms=2)], threads=4)]
    assert [1.0] == [each.times for each in lately(proof, [live(p50_ms=2)], threads=1)]
    for unknown, threads in ((proof, 2), (None, 1), (empty, 1)):
        (found,) = lately(unknown, [live()], threads=threads)
        assert found == Lately(variant="fp32", requests=ENOUGH, p50_ms=1.0, p95_ms=2.0)


def test_what_is_not_loaded_says_nothing() -> None:
    """It has no live traffic."""
    gone = msgspec.structs.replace(live(), loaded=False)

    assert lately(kept(), [gone], threads=1) == ()


# --- idle --------------------------------------------------------------------------


def test_requests_are_counted_by_release() -> None:
    """A new release counts from its own first one; one under way counts, too."""

    def models(version: str, requests: int, inflight: int = 0) -> list[ModelStatus]:
        return [
            ModelStatus(
                name="digits",
                phase=ModelPhase.READY,
                version=version,
                requests=requests,
                inflight=inflight,
            )
        ]

    before = activity(models("1", 5))

    assert activity(models("1", 5)) == before
    assert activity(models("1", 5, 1)) != before
    assert answered(before, activity(models("1", 7))) == 2
    assert answered(before, activity(models("2", 3))) == 3
    assert answered(before, activity([])) == 0
    assert answered(before, activity(models("1", 1))) == 0
