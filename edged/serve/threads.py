"""How many threads a run gets under a strategy.

Law: pure. A strategy takes threads away and never adds any: whoever caps nothing leaves
what `runtime.threads` says. The number of workers stays, so cores in use only get less.
"""

from collections.abc import Sequence

from edged.wire.proofs import Cost

#: More threads are worth it only where they make a run shorter by so much.
_WORTH = 1.05

#: Half of four is two, whatever a float makes of it.
_ROUND = 1e-9


def count(share: float, proved: Sequence[Cost], *, most: int) -> int:
    """Return the threads of a run.

    Args:
        share: of the best count, 0 to 1; 1 caps nothing.
        proved: what the variant costs on this board, by threads; nothing where that is
            not known, and then `most` is taken for the best.
        most: that a run has where nothing is capped.
    """
    if share >= 1.0:
        return most
    return max(1, int(share * best(proved, most=most) + _ROUND))


def best(proved: Sequence[Cost], *, most: int) -> int:
    """Return the fewest threads with which a run takes about as little as it can.

    Nobody knows where it was not measured with `most`: then those are taken for it.
    """
    known = sorted((c for c in proved if c.threads <= most), key=lambda c: c.threads)
    if not known or known[-1].threads != most:
        return most
    enough_ms = _WORTH * min(cost.wall_ms for cost in known)
    return next(cost.threads for cost in known if cost.wall_ms <= enough_ms)
