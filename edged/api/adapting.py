"""How the box is and what it chose, counted.

Law: as `metrics`. What is unknown has no sample.
"""

from collections.abc import Iterator, Mapping

from edged.api.exposition import Family, Sample
from edged.wire.adapt import Adaptation, Strategy


def adaptation(told: Adaptation, changed: Mapping[Strategy, int]) -> Iterator[Family]:
    """Count what the governor tells.

    Args:
        told: by the governor.
        changed: how often it came to each strategy.
    """
    in_force = told.state.strategy
    yield Family(
        "edged_strategy",
        "gauge",
        "1 for the strategy in force.",
        [Sample({"strategy": s.value}, int(s is in_force)) for s in Strategy],
    )
    yield Family(
        "edged_strategy_forced",
        "gauge",
        "Whether a person chose it.",
        [Sample({}, int(told.state.by != "edged"))],
    )
    yield Family(
        "edged_strategy_changes_total",
        "counter",
        "Changes, by the strategy that they led to.",
        [Sample({"strategy": s.value}, changed.get(s, 0)) for s in Strategy],
    )
    yield Family(
        "edged_headroom",
        "gauge",
        "Distance from the limit: 1 comfortable, 0 at it; absent for unknown.",
        [
            Sample({"axis": room.axis.value}, room.value)
            for room in told.headrooms
            if room.value is not None
        ],
    )
    for name, text, value in (
        ("temperature_celsius", "Of what is nearest to its limit.", told.temp_c),
        ("temperature_limit_celsius", "That it must not reach.", told.limit_c),
        ("battery_percent", "Charge of the batteries.", told.permits.battery_pct),
    ):
        known = [] if value is None else [Sample({}, value)]
        yield Family(f"edged_{name}", "gauge", text, known)
