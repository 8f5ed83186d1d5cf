"""How long to wait: between two looks, after a start, after a failure.

Law: pure; chance is a parameter in [0, 1). Whatever happens to a whole region at once
(a power cut, a host that is away), its boxes come back one by one.

Full jitter: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: it needs the
fewest calls, and spreads them best.
"""

BASE_S = 30.0
CAP_S = 6 * 3600.0
#: A host may ask for more; it is asked again then all the same.
RETRY_AFTER_CAP_S = 86_400.0
#: A box that has never looked: somebody may stand in front of it.
FIRST_SPREAD_S = 600.0
#: Of `every`: over this, boxes that were due while they were off come back. After a
#: night without power a whole region does: with six hours and a sixth of it, that is
#: six times the usual rate for one hour.
_OVERDUE_SHARE = 1 / 6

_LATEST = 1.5  # of `every`, from one look to the next


def next_look_s(every_s: float, chance: float) -> float:
    """Return the seconds from a look to the next: half of `every` to one and a half.

    That wide, boxes that were once in step are out of it after a few looks.
    """
    return every_s * (0.5 + chance)


def first_look_s(
    every_s: float, chance: float, *, due_in_s: float | None = None
) -> float:
    """Return the seconds from a start to the first look.

    Args:
        every_s: as in the settings.
        chance: in [0, 1).
        due_in_s: when the next look was due, as it was planned before the start;
            negative for one that was missed, None for a box that has planned none.
    """
    if due_in_s is None:
        return chance * min(every_s, FIRST_SPREAD_S)
    if due_in_s > 0:
        # It keeps its turn, or a restart of all would bring all at once. A clock that
        # was ahead when the turn was planned puts it off no further than this.
        return min(due_in_s, _LATEST * every_s)
    return chance * max(min(every_s, FIRST_SPREAD_S), every_s * _OVERDUE_SHARE)


def retry_s(
    failures: int, chance: float, *, every_s: float, retry_after_s: float = 0.0
) -> float:
    """Return the seconds from a failure to the next try.

    Args:
        failures: in a row before this one.
        chance: in [0, 1).
        every_s: as in the settings; nobody waits longer for a try than for a look.
        retry_after_s: what the host asked for. All were told the same, so the spread
            comes on top.
    """
    cap_s = min(CAP_S, every_s)
    # 2**10 times the base is over every cap; more would only overflow some day.
    most_s = min(cap_s, BASE_S * 2.0 ** min(failures, 10))
    return min(max(0.0, retry_after_s), RETRY_AFTER_CAP_S) + chance * most_s
