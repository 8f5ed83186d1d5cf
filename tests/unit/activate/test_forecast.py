"""Whether a release fits, from what its trial measured."""

import pytest

from edged.activate.forecast import Fit, forecast, held_bytes, needed_bytes
from edged.wire.proofs import Board, Proof, VariantProof

MIB = 1024 * 1024


def proof(*variants: tuple[int, int], broken: int = 0) -> Proof:
    """Return a proof of variants that hold and at most take so many MiB."""
    rows = [
        VariantProof(id=f"v{n}", held_bytes=held * MIB, peak_bytes=peak * MIB)
        for n, (held, peak) in enumerate(variants)
    ]
    rows += [
        VariantProof(id=f"b{n}", problem="it is broken", held_bytes=10**12)
        for n in range(broken)
    ]
    return Proof(
        digest="d",
        board=Board(runtimes={}, cpu=""),
        at_utc="2026-01-01T00:00:00Z",
        variants=tuple(rows),
    )


@pytest.mark.parametrize(
    ("available", "fit", "may_stay"),
    [
        (200, Fit.BESIDE, True),
        (180, Fit.BESIDE, True),
        (179, Fit.BESIDE, False),
        (130, Fit.BESIDE, False),
        (129, Fit.PARK, False),
        (90, Fit.PARK, False),
        (89, Fit.NOT, False),
        (0, Fit.NOT, False),
    ],
)
def test_it_is_loaded_beside_in_place_or_not(
    available: int, fit: Fit, *, may_stay: bool
) -> None:
    """80 MiB are needed, 50 kept for all else, and 40 come back from the old one."""
    told = forecast(
        proof((60, 80)),
        [proof((40, 45))],
        available_bytes=available * MIB,
        reserve_bytes=50 * MIB,
    )

    assert (fit, may_stay) == (told.fit, told.may_stay)


def test_variants_are_loaded_one_after_the_other() -> None:
    """The second one's peak comes on top of what the first one holds."""
    both = proof((10, 100), (30, 95))

    assert 105 * MIB == needed_bytes(both)
    assert 40 * MIB == held_bytes(both)


def test_variants_that_are_not_loaded_need_nothing() -> None:
    """The trial left them out."""
    assert needed_bytes(proof((10, 20))) == needed_bytes(proof((10, 20), broken=2))


def test_what_was_never_measured_makes_no_room() -> None:
    """Nothing is promised of it."""
    told = forecast(proof((60, 80)), [], available_bytes=100 * MIB, reserve_bytes=0)
    none = forecast(proof((60, 80)), [], available_bytes=79 * MIB, reserve_bytes=0)

    assert (Fit.BESIDE, Fit.NOT) == (told.fit, none.fit)


def test_the_sentence_has_the_figures() -> None:
    """A technician sees what is needed, what there is and what would be freed."""
    told = forecast(
        proof((60, 80)),
        [proof((40, 45))],
        available_bytes=100 * MIB,
        reserve_bytes=50 * MIB,
    )

    assert (
        "it needs 80 MiB, 50 MiB are there for it, and 40 MiB more once the present "
        "release is unloaded (50 MiB are kept for all else)"
    ) == told.why
    assert {
        "needs_mib": 80.0,
        "available_mib": 100.0,
        "frees_mib": 40.0,
        "reserve_mib": 50.0,
    } == told.figures
