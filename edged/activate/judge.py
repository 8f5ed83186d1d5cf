"""May a release that was tried serve: yes, no, or a person must say.

Law: pure. Figures of this board alone decide; every sentence names the figure and the
bound. What the release promises of itself rejects it; where it differs from the live
one, a person is asked, unless its manifest says that the change is intended.
"""

import enum

import msgspec

from edged.wire.proofs import Proof, VariantProof
from edged.wire.release import Manifest, Output


class Outcome(enum.Enum):
    """What is to become of it."""

    PROVED = "proved"
    REJECTED = "rejected"
    HELD = "held"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """See the settings `install.agreement` and `install.slowdown`."""

    agreement: float = 0.8
    slowdown: float = 3.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement.

    Attributes:
        why: one sentence; of a proved release, what it measured.
        hint: what a person may do.
        figures: what it rests on.
    """

    outcome: Outcome
    why: str
    hint: str = ""
    figures: dict[str, float | str] = {}


def judge(
    proof: Proof, manifest: Manifest, *, live: Manifest | None, rules: Rules
) -> Verdict:
    """Judge a release by its proof.

    Args:
        proof: of the release, on this board.
        manifest: of the release.
        live: of the release that it was compared with; None for none.
        rules: the bounds.
    """
    what = f"{manifest.name} {manifest.version}"
    optional = {variant.id for variant in manifest.variants if variant.optional}
    for variant, problem in proof.unfit.items():
        if variant not in optional or not proof.fit:
            return Verdict(
                outcome=Outcome.REJECTED,
                why=f"cannot let {what} serve: variant {variant}: {problem}",
                hint="ask its publisher; what was live stays live",
                figures={"variant": variant},
            )
    best = proof.fit[0]
    figures = _figures(best)
    if live is not None and not manifest.intends.change:
        differs = _renames(manifest, live) or _differs(best, live, rules)
        if differs:
            return Verdict(
                outcome=Outcome.HELD,
                why=f"cannot let {what} serve by itself: {differs}",
                hint=f"edgectl models use {manifest.name} {manifest.seq} if that is "
                f"wanted; if not: edgectl models quarantine {manifest.name} "
                f"{manifest.seq}",
                figures=figures,
            )
    return Verdict(outcome=Outcome.PROVED, why=_measured(best), figures=figures)


def _renames(manifest: Manifest, live: Manifest) -> str:
    """Tell whose labels are others; the same answers would mean something else."""
    before = {output.name: _label_digest(live, output) for output in _outputs(live)}
    for output in _outputs(manifest):
        if output.name in before and before[output.name] != _label_digest(
            manifest, output
        ):
            return f"the labels of output {output.name} are not those of {live.version}"
    return ""


def _outputs(manifest: Manifest) -> tuple[Output, ...]:
    return tuple(o for o in manifest.signature.outputs if o.labels is not None)


def _label_digest(manifest: Manifest, output: Output) -> str:
    return manifest.files[output.labels or ""].sha256


def _differs(best: VariantProof, live: Manifest, rules: Rules) -> str:
    if best.continuity is not None and best.continuity < rules.agreement:
        return (
            f"it agrees with {live.version} on {best.continuity:.0%} of its golden "
            f"inputs, and must on {rules.agreement:.0%} (install.agreement)"
        )
    if best.ratio is not None and best.ratio > rules.slowdown:
        return (
            f"an answer costs {best.ratio:.1f} times the CPU of {live.version}'s, and "
            f"may cost {rules.slowdown:g} times (install.slowdown)"
        )
    return ""


def _measured(best: VariantProof) -> str:
    cost = best.costs[0] if best.costs else None
    parts = []
    if cost is not None:
        parts.append(f"{cost.cpu_ms:.3g} ms of CPU an answer")
    if best.ratio is not None:
        parts.append(f"{best.ratio:.1f} times the live one's")
    parts.append(f"{best.held_bytes / 1e6:.0f} MB")
    return ", ".join(parts)


def _figures(best: VariantProof) -> dict[str, float | str]:
    cost = best.costs[0] if best.costs else None
    found: dict[str, float | str | None] = {
        "variant": best.id,
        "cpu_ms": round(cost.cpu_ms, 4) if cost else None,
        "held_mb": round(best.held_bytes / 1e6, 1),
        "peak_mb": round(best.peak_bytes / 1e6, 1),
        "load_s": round(best.load_s, 3),
        "ratio": round(best.ratio, 3) if best.ratio is not None else None,
        "agreement": best.agreement,
        "continuity": best.continuity,
    }
    return {key: value for key, value in found.items() if value is not None}
