"""What an answer of each variant costs on this box.

Law: pure. What this board proved of a release comes first, less what its runs waited
for a core: what a neighbour took says nothing of other times. Where nothing is proved,
what runs took so far stands in; of a variant that never ran nothing is known but that
it is there because it is cheaper than the one above it.
"""

import math
from collections.abc import Mapping, Sequence

from edged.adapt.choice import Costed
from edged.runtime.base import numpy_dtype
from edged.serve.request import Array
from edged.serve.stats import Recent
from edged.wire.proofs import Cost, Proof
from edged.wire.release import Signature, Variant
from edged.wire.tensors import FREE

#: A variant that never ran is taken for so much cheaper than the one above it, until
#: its first run says better.
_STEP = 2.0

#: Runs after which measured time is not taken for news any more.
SETTLED = 8


def costs(
    variants: Sequence[Variant],
    *,
    owner: str,
    proof: Proof | None,
    threads: Mapping[str, int],
    taken: Mapping[str, Recent],
) -> tuple[Costed, ...]:
    """Tell what each variant costs.

    Args:
        variants: that are loaded, best first.
        owner: makes their ids unique among all releases.
        proof: what this board proved of the release; None for nothing.
        threads: of one run, by variant.
        taken: durations of runs, by variant.

    Returns:
        In the same order; nothing where neither a proof nor a run tells anything.
    """
    proved = {v.id: v.costs for v in proof.variants} if proof else {}
    walls = [
        _wall_s(proved.get(v.id, ()), threads[v.id], taken[v.id]) for v in variants
    ]
    known = [(n, wall) for n, wall in enumerate(walls) if wall]
    if not known:
        return ()
    found = []
    for place, variant in enumerate(variants):
        near, wall_s = min(known, key=lambda each: abs(each[0] - place))
        wall_s *= _STEP ** (near - place)
        count = threads[variant.id]
        cost = _at(proved.get(variant.id, ()), count)
        found.append(
            Costed(
                id=f"{owner}/{variant.id}@{count}",
                wall_s=wall_s,
                cpu_s=cost.cpu_ms / 1e3 if cost and cost.cpu_ms else wall_s,
                accuracy=variant.accuracy,
            )
        )
    return tuple(found)


def unit_bytes(signature: Signature) -> int | None:
    """Return the bytes of the inputs that proofs are made with: free dimensions are 1.

    None where no dimension is free, so that every request has as many.
    """
    if not any(FREE in spec.shape for spec in signature.inputs):
        return None
    return sum(
        numpy_dtype(spec).itemsize * math.prod(d for d in spec.shape if d != FREE)
        for spec in signature.inputs
    )


def size(inputs: Mapping[str, Array], unit: int) -> float:
    """Return how many times as long as a proof's run one on these inputs takes.

    It grows with the bytes: exactly so along a batch axis, about so along others.
    """
    return max(1.0, sum(array.nbytes for array in inputs.values()) / unit)


def _wall_s(proved: Sequence[Cost], threads: int, taken: Recent) -> float:
    """Return a run's time; 0 where that is not known."""
    cost = _at(proved, threads)
    return _quiet_ms(cost) / 1e3 if cost else taken.usual_ns / 1e9


def _quiet_ms(cost: Cost) -> float:
    """Return the time that a run takes where no neighbour keeps it from its core."""
    quiet_ms = cost.wall_ms * (1.0 - (cost.waited or 0.0))
    return max(quiet_ms, min(cost.wall_ms, cost.cpu_ms / max(1, cost.threads)))


def _at(proved: Sequence[Cost], threads: int) -> Cost | None:
    """Return the cost with so many threads, or the next fewer; else the first one.

    With more threads a run takes no longer: nobody is late for what was not measured.
    """
    fewer = [cost for cost in proved if cost.threads <= threads]
    if fewer:
        return max(fewer, key=lambda cost: cost.threads)
    return next(iter(proved), None)
