"""Rules by which a release that was tried may serve, and the sentences they speak."""

from typing import Any

import msgspec
import pytest

from edged.activate.judge import Outcome, Rules, Verdict, judge
from edged.wire.proofs import Board, Cost, Proof, VariantProof
from edged.wire.release import BackendName, FileEntry, Intends, Manifest, Variant
from tests.fakes.bundles import LABELS, manifest_for

RULES = Rules(agreement=0.8, slowdown=3.0)
ALONE = "cannot let pets 1.2.0 serve by itself: "
FILES = {"model.onnx": b"weights", "labels.txt": LABELS}


def release(seq: int = 2, *, optional: tuple[bool, ...] = (False,)) -> Manifest:
    """Describe a release of as many variants, called v0, v1, ..."""
    variants = tuple(
        Variant(
            id=f"v{number}",
            backend=BackendName.ONNX,
            file="model.onnx",
            optional=may_fail,
        )
        for number, may_fail in enumerate(optional)
    )
    manifest = manifest_for(FILES, name="pets", seq=seq)
    return msgspec.structs.replace(manifest, variants=variants)


LIVE = release(1)


def found(variant: str = "v0", **facts: Any) -> VariantProof:
    """Describe a variant that is fit, but for what is said."""
    plain = VariantProof(
        id=variant,
        load_s=0.25,
        costs=(Cost(threads=1, cpu_ms=12.345678, busy_ms=12.0, wall_ms=13.0),),
        held_bytes=45_000_000,
        peak_bytes=60_000_000,
    )
    return msgspec.structs.replace(plain, **facts)


def proof(*variants: VariantProof) -> Proof:
    """Put them together."""
    return Proof(
        digest="d" * 64,
        board=Board(runtimes={}, cpu="any"),
        at_utc="2026-01-02T03:04:05Z",
        variants=variants,
    )


def judged(
    *variants: VariantProof,
    manifest: Manifest | None = None,
    live: Manifest | None = LIVE,
) -> Verdict:
    """Judge by the usual rules."""
    return judge(proof(*variants), manifest or release(), live=live, rules=RULES)


@pytest.mark.parametrize(
    ("case", "facts", "outcome", "why"),
    [
        (
            "as good as the live one",
            {"ratio": 1.04, "continuity": 1.0},
            Outcome.PROVED,
            "12.3 ms of CPU an answer, 1.0 times the live one's, 45 MB",
        ),
        (
            "just enough",
            {"ratio": 3.0, "continuity": 0.8},
            Outcome.PROVED,
            "12.3 ms of CPU an answer, 3.0 times the live one's, 45 MB",
        ),
        (
            "rotated labels",
            {"ratio": 1.0, "continuity": 0.03},
            Outcome.HELD,
            (
                f"{ALONE}it agrees with 1.1.0 on 3% of its "
                "golden inputs, and must on 80% (install.agreement)"
            ),
        ),
        (
            "a constant answer with a golden set that flatters",
            {"ratio": 0.1, "continuity": 0.0, "agreement": 1.0},
            Outcome.HELD,
            (
                f"{ALONE}it agrees with 1.1.0 on 0% of its "
                "golden inputs, and must on 80% (install.agreement)"
            ),
        ),
        (
            "a net that is 8x slower",
            {"ratio": 8.02, "continuity": 1.0},
            Outcome.HELD,
            (
                f"{ALONE}an answer costs 8.0 times the CPU "
                "of 1.1.0's, and may cost 3 times (install.slowdown)"
            ),
        ),
        (
            "both: the answers are named first",
            {"ratio": 8.0, "continuity": 0.5},
            Outcome.HELD,
            (
                f"{ALONE}it agrees with 1.1.0 on 50% of its "
                "golden inputs, and must on 80% (install.agreement)"
            ),
        ),
        (
            "a live one whose golden inputs are generated",
            {"ratio": 1.0, "continuity": None},
            Outcome.PROVED,
            "12.3 ms of CPU an answer, 1.0 times the live one's, 45 MB",
        ),
        (
            "a live one that could not be loaded",
            {"ratio": None, "continuity": None},
            Outcome.PROVED,
            "12.3 ms of CPU an answer, 45 MB",
        ),
        (
            "a fault of its own, whatever else",
            {"ratio": 8.0, "continuity": 0.0, "problem": "output y is not finite"},
            Outcome.REJECTED,
            "cannot let pets 1.2.0 serve: variant v0: output y is not finite",
        ),
    ],
)
def test_one_variant_beside_a_live_release(
    case: str, facts: dict[str, Any], outcome: Outcome, why: str
) -> None:
    """Its own promises reject it; where it differs, a person is asked."""
    verdict = judged(found(**facts))

    assert (case, outcome, why) == (case, verdict.outcome, verdict.why)


@pytest.mark.parametrize(
    ("optional", "broken", "outcome", "best"),
    [
        ((False, False), (), Outcome.PROVED, "v0"),
        ((False, False), ("v1",), Outcome.REJECTED, "v1"),
        ((False, True), ("v1",), Outcome.PROVED, "v0"),
        ((True, False), ("v0",), Outcome.PROVED, "v1"),
        ((True, True), ("v0", "v1"), Outcome.REJECTED, "v0"),
        ((True, False), ("v0", "v1"), Outcome.REJECTED, "v0"),
        ((False, True), ("v0",), Outcome.REJECTED, "v0"),
    ],
)
def test_an_optional_variant_may_be_left_out(
    optional: tuple[bool, ...], broken: tuple[str, ...], outcome: Outcome, best: str
) -> None:
    """As long as one is left; any other that fails rejects the release."""
    manifest = release(optional=optional)
    variants = [
        found(v.id, problem="it crashed" if v.id in broken else None)
        for v in manifest.variants
    ]

    verdict = judged(*variants, manifest=manifest)

    assert (outcome, best) == (verdict.outcome, verdict.figures["variant"])


def test_the_best_that_is_left_is_the_one_compared() -> None:
    """A first that is left out does not lend its figures."""
    manifest = release(optional=(True, False))
    first = found("v0", problem="it crashed", ratio=1.0)
    second = found("v1", ratio=9.0)

    verdict = judged(first, second, manifest=manifest)

    assert (Outcome.HELD, "v1") == (verdict.outcome, verdict.figures["variant"])


def test_a_change_that_is_intended_is_not_held() -> None:
    """Its manifest says that other answers are wanted."""
    manifest = msgspec.structs.replace(release(), intends=Intends(change=True))

    verdict = judged(found(ratio=9.0, continuity=0.0), manifest=manifest)

    assert Outcome.PROVED is verdict.outcome


def test_an_intended_change_excuses_no_fault() -> None:
    """What it promises of itself holds all the same."""
    manifest = msgspec.structs.replace(release(), intends=Intends(change=True))

    verdict = judged(found(problem="it crashed"), manifest=manifest)

    assert Outcome.REJECTED is verdict.outcome


def test_the_first_release_of_a_name_is_held_to_itself_alone() -> None:
    """Nothing was live."""
    verdict = judged(found(), live=None)

    assert Outcome.PROVED is verdict.outcome
    assert "12.3 ms of CPU an answer, 45 MB" == verdict.why


def test_other_labels_are_a_question_to_a_person() -> None:
    """The same numbers would mean other things to callers."""
    others = {**release().files, "labels.txt": FileEntry(sha256="e" * 64, size=9)}
    manifest = msgspec.structs.replace(release(), files=others)

    verdict = judged(found(ratio=1.0, continuity=1.0), manifest=manifest)

    assert Outcome.HELD is verdict.outcome
    assert f"{ALONE}the labels of output y are not those of 1.1.0" == verdict.why


def test_labels_where_there_were_none_are_welcome() -> None:
    """Nobody read any before."""
    bare = msgspec.structs.replace(
        manifest_for({"model.onnx": b""}, name="pets", seq=1), files={}
    )

    verdict = judged(found(ratio=1.0, continuity=1.0), live=bare)

    assert Outcome.PROVED is verdict.outcome


def test_who_is_held_is_told_both_ways_out() -> None:
    """As commands to type."""
    verdict = judged(found(continuity=0.5))

    assert (
        "edgectl models use pets 2 if that is wanted; if not: "
        "edgectl models quarantine pets 2" == verdict.hint
    )


def test_who_is_rejected_is_told_that_nothing_changed() -> None:
    """And whom to ask."""
    verdict = judged(found(problem="it crashed"))

    assert "ask its publisher; what was live stays live" == verdict.hint


def test_figures_are_what_was_measured() -> None:
    """Rounded to what they are worth; what was not measured is left out."""
    verdict = judged(found(ratio=1.23456, agreement=1.0))

    assert {
        "variant": "v0",
        "cpu_ms": 12.3457,
        "held_mb": 45.0,
        "peak_mb": 60.0,
        "load_s": 0.25,
        "ratio": 1.235,
        "agreement": 1.0,
    } == verdict.figures


def test_a_proof_without_costs_is_told_without_them() -> None:
    """One of an older format proves what it proves."""
    assert "45 MB" == judged(found(costs=()), live=None).why
