"""`wire.proofs`: which variants a proof lets serve."""

from edged.wire.proofs import Board, Proof, VariantProof


def test_a_proof_tells_the_fit_from_the_unfit_in_order() -> None:
    """The ladder keeps its order; the reason stays with whom it is about."""
    good, bad, last = (
        VariantProof(id="fp32"),
        VariantProof(id="int8", problem="it has collapsed"),
        VariantProof(id="tiny"),
    )

    proof = Proof(
        digest="ab",
        board=Board(runtimes={}, cpu="x"),
        at_utc="2026-01-02T03:04:05Z",
        variants=(good, bad, last),
    )

    assert proof.fit == (good, last)
    assert proof.unfit == {"int8": "it has collapsed"}
