"""Headrooms -> a strategy: which caps hold now.

Law: pure; the clock is a parameter. A strategy is entered at once, on a forecast too;
it is left after a while, one step at a time, when every axis is clear of it by a band,
and later and later if it soon comes back to it. What is unknown neither enters a
strategy nor leaves one. A person's choice stands until it expires, and beats all but
the protection from heat.
"""

from collections.abc import Iterable, Mapping

import msgspec

from edged.config.adapt import Adapt
from edged.wire.adapt import Axis, Caps, Headroom, Preference, Strategy

#: A strategy that was entered stays so long: slow sensors and slow heat need as much.
DWELL_S = 60.0
#: One that comes back within this stays twice as long as before, up to the most.
RELAPSE_S = 300.0
DWELL_MOST_S = 960.0

#: From the most able to the least.
ORDER = tuple(Strategy)


#: The caps of every strategy, as they are where nobody says anything else.
TABLE: Mapping[Strategy, Caps] = Adapt().table


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What brings a box into a strategy.

    Attributes:
        enter: at this headroom or less, now or ahead.
        leave: above this one it is clear of it, now and ahead.
    """

    strategy: Strategy
    axis: Axis
    enter: float
    leave: float


#: Worst first. Power: a battery at 11 % until 15 %, at 20 % until 25 %, or a supply too
#: weak. Heat: 0.75 C below the limit until 3 C, 5 C until 7.5 C.
RULES = (
    Rule(strategy=Strategy.CRITICAL, axis=Axis.POWER, enter=0.05, leave=0.25),
    Rule(strategy=Strategy.CRITICAL, axis=Axis.THERMAL, enter=0.05, leave=0.2),
    Rule(strategy=Strategy.CRITICAL, axis=Axis.MEMORY, enter=0.05, leave=0.15),
    Rule(strategy=Strategy.THROTTLED, axis=Axis.THERMAL, enter=0.33, leave=0.5),
    Rule(strategy=Strategy.LIGHTWEIGHT, axis=Axis.POWER, enter=0.5, leave=0.75),
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy that the headrooms led to, on the monotonic clock.

    Attributes:
        because: in words.
        axis: that brought the box here; None in the beginning.
        since_s: of its last change.
        dwell_s: that it stays at least, unless it gets worse.
        is_eased: whether a step back to more led here.
    """

    strategy: Strategy = Strategy.NORMAL
    because: str = "nothing is short"
    axis: Axis | None = None
    since_s: float = 0.0
    dwell_s: float = DWELL_S
    is_eased: bool = False


class Force(msgspec.Struct, frozen=True, kw_only=True):
    """A person's choice."""

    strategy: Strategy
    until_s: float
    by: str


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy in force; `by` is None where the headrooms decided."""

    strategy: Strategy
    because: str
    by: str | None = None


def decide(
    standing: Standing, headrooms: Iterable[Headroom], *, now_s: float
) -> Standing:
    """Return where the headrooms lead; the same object where nothing changes.

    Args:
        standing: what was returned last.
        headrooms: at most one of each axis.
        now_s: on the monotonic clock.
    """
    known = {room.axis: room for room in headrooms if room.value is not None}
    called = next((r for r in RULES if _is_entered(r, known.get(r.axis))), None)
    place = ORDER.index(standing.strategy)
    if called is not None and ORDER.index(called.strategy) > place:
        return _entered(standing, called, known[called.axis], now_s)
    if (
        place == 0
        or now_s - standing.since_s < standing.dwell_s
        or not _is_clear(standing, known)
    ):
        return standing
    abler = ORDER[place - 1]
    return Standing(
        strategy=abler,
        because=_cleared(standing, known),
        axis=standing.axis,
        since_s=now_s,
        dwell_s=standing.dwell_s,
        is_eased=True,
    )


def ruling(standing: Standing, force: Force | None, *, now_s: float) -> Ruling:
    """Return what holds: a person's choice while it stands, else the headrooms'.

    Args:
        standing: where the headrooms led.
        force: the last choice of a person; it may have expired.
        now_s: on the monotonic clock.
    """
    own = Ruling(strategy=standing.strategy, because=standing.because)
    if force is None or now_s >= force.until_s:
        return own
    if standing.strategy is Strategy.CRITICAL and standing.axis is Axis.THERMAL:
        return own
    return Ruling(strategy=force.strategy, because=f"{force.by} chose it", by=force.by)


def cost_cap(
    table: Mapping[Strategy, Caps], strategy: Strategy, preference: Preference
) -> float:
    """Return the share of the dearest variant's cost that a caller may have.

    Args:
        table: the caps of every strategy.
        strategy: in force.
        preference: of the caller. `performance` is worth one strategy, but never when
            the box is about to fail.
    """
    if preference is Preference.ECONOMY:
        return 0.0
    place = ORDER.index(strategy)
    if preference is Preference.PERFORMANCE and strategy is not Strategy.CRITICAL:
        place = max(0, place - 1)
        return max(table[strategy].cost, table[ORDER[place]].cost)
    return table[strategy].cost


def _is_entered(rule: Rule, room: Headroom | None) -> bool:
    return room is not None and _low(room) <= rule.enter


def _entered(standing: Standing, rule: Rule, room: Headroom, now_s: float) -> Standing:
    dwell_s = DWELL_S
    if standing.axis is rule.axis and now_s - standing.since_s < RELAPSE_S:
        # What gets worse and worse does not swing: only who had left comes back.
        times = 2 if standing.is_eased else 1
        dwell_s = min(times * standing.dwell_s, DWELL_MOST_S)
    return Standing(
        strategy=rule.strategy,
        because=f"{rule.axis.value}: {room.because}",
        axis=rule.axis,
        since_s=now_s,
        dwell_s=dwell_s,
    )


def _is_clear(standing: Standing, known: Mapping[Axis, Headroom]) -> bool:
    """Tell whether no axis holds a box in its strategy, as far as is known.

    What brought it here must be known: a sensor that vanished is no good news.
    """
    for rule in RULES:
        if rule.strategy is not standing.strategy:
            continue
        room = known.get(rule.axis)
        if room is None:
            if rule.axis is standing.axis:
                return False
        elif _low(room) <= rule.leave:
            return False
    return True


def _cleared(standing: Standing, known: Mapping[Axis, Headroom]) -> str:
    room = known.get(standing.axis) if standing.axis is not None else None
    if room is None or standing.axis is None:
        return f"nothing calls for {standing.strategy.value} any more"
    return f"{standing.axis.value}: {room.because}"


def _low(room: Headroom) -> float:
    """Return the worse of now and ahead."""
    now = 1.0 if room.value is None else room.value
    return now if room.ahead is None else min(now, room.ahead)
