"""What a profile changes, when one is due, and when a box is idle enough for it.

Law: pure. A profile only ever adds to what a trial proved: a variant that could not be
measured again, or only while others used the cores more than before, keeps its figures,
with the reason beside them, and still serves.
"""

from collections.abc import Mapping, Sequence

import msgspec

from edged.wire.messages import ModelStatus, VariantStatus
from edged.wire.profiles import Lately
from edged.wire.proofs import Cost, Profiled, Proof, VariantProof

#: Live medians beyond this, either way, contradict a profile.
CONTRADICTS = 1.5

#: Threads that wait for a core longer than this share of their time, and than they did
#: in the figures that are kept, say more of others than of the model.
DISTURBED = 0.1

#: Answers before live traffic is believed.
ENOUGH = 100


# --- merging -----------------------------------------------------------------------


def merged(
    proof: Proof, found: Mapping[str, Sequence[VariantProof]], profiled: Profiled
) -> Proof:
    """Return a proof with the figures of a profile.

    Args:
        proof: what is kept.
        found: by variant, each count of threads apart, the daemon's first.
        profiled: when, and for whom.
    """
    return msgspec.structs.replace(
        proof,
        variants=tuple(_merged(v, found.get(v.id, ())) for v in proof.variants),
        profiled=profiled,
    )


def failures(found: Mapping[str, Sequence[VariantProof]]) -> dict[str, str]:
    """Tell which variants could not be measured, and why, by id."""
    return {
        variant: problem
        for variant, counts in found.items()
        for problem in [next((c.problem for c in counts if c.problem), None)]
        if problem is not None
    }


def _merged(kept: VariantProof, found: Sequence[VariantProof]) -> VariantProof:
    if not found:
        return kept
    problem = next((each.problem for each in found if each.problem), None)
    problem = problem or _disturbance(kept, found)
    if problem is not None:
        return msgspec.structs.replace(kept, unprofiled=problem)
    first = found[0]
    return msgspec.structs.replace(
        kept,
        load_s=first.load_s,
        costs=tuple(cost for each in found for cost in each.costs),
        held_bytes=first.held_bytes,
        peak_bytes=first.peak_bytes,
        agreement=first.agreement,
        worst=first.worst,
        meter=first.meter,
        unprofiled=None,
    )


def _disturbance(kept: VariantProof, found: Sequence[VariantProof]) -> str | None:
    """Say why figures are worse than those that are kept: of others, not of it."""
    for cost in (cost for each in found for cost in each.costs):
        older = cost_at(kept, cost.threads)
        if older is None or older.waited is None or cost.waited is None:
            continue
        if cost.waited > DISTURBED and cost.waited > older.waited + DISTURBED:
            return (
                f"others used the cores: it waited {cost.waited:.0%} of its time, and "
                f"{older.waited:.0%} when it was measured before"
            )
    return None


# --- beside live traffic -----------------------------------------------------------


def lately(
    proof: Proof | None, variants: Sequence[VariantStatus], *, threads: int
) -> tuple[Lately, ...]:
    """Set what live traffic says beside what was measured.

    Args:
        proof: what was measured; None for nothing.
        variants: of the live release.
        threads: of a run in the daemon, where a variant does not say its own.
    """
    measured = {v.id: v for v in proof.variants} if proof else {}
    return tuple(
        Lately(
            variant=each.id,
            requests=each.requests,
            p50_ms=each.p50_ms,
            p95_ms=each.p95_ms,
            times=_times(each, measured.get(each.id), each.threads or threads),
        )
        for each in variants
        if each.loaded
    )


def contradicts(found: Sequence[Lately]) -> bool:
    """Tell whether live traffic says otherwise of any variant."""
    return any(
        each.times is not None and not 1 / CONTRADICTS <= each.times <= CONTRADICTS
        for each in found
    )


def cost_at(variant: VariantProof, threads: int) -> Cost | None:
    """Return the cost with so many threads, None where it was not measured."""
    return next((cost for cost in variant.costs if cost.threads == threads), None)


def _times(
    live: VariantStatus, measured: VariantProof | None, threads: int
) -> float | None:
    cost = cost_at(measured, threads) if measured else None
    if cost is None or not cost.wall_ms or live.p50_ms is None:
        return None
    return live.p50_ms / cost.wall_ms if live.requests >= ENOUGH else None


# --- idle --------------------------------------------------------------------------

#: What each model had been asked, by name and release.
Activity = Mapping[tuple[str, str | None], int]


def activity(models: Sequence[ModelStatus]) -> Activity:
    """Return what models have been asked, to compare with later."""
    return {(m.name, m.version): m.requests + m.inflight for m in models}


def answered(before: Activity, after: Activity) -> int:
    """Tell how many requests came in between; what was unloaded is not known."""
    return sum(max(0, after[key] - before.get(key, 0)) for key in after)
