"""The strategy and what leads to it, as a scraper sees it."""

from msgspec.structs import replace

from edged.api.adapting import adaptation
from edged.api.exposition import render
from edged.wire.adapt import (
    Adaptation,
    Axis,
    Caps,
    Headroom,
    Permits,
    Strategy,
    StrategyState,
)
from tests.unit.api.test_metrics import parse


def test_the_strategy_and_what_leads_to_it_are_counted() -> None:
    """What is unknown has no sample: 0 would be an alarm, 1 a promise."""
    caps = Caps()
    state = StrategyState(
        strategy=Strategy.THROTTLED,
        because="thermal: 82.0 C of 85 C",
        since_utc="2026-11-24T12:00:00Z",
        own=Strategy.NORMAL,
        by="ann",
    )
    told = Adaptation(
        state=state,
        caps=caps,
        permits=Permits(errands=caps.updates, strategy="throttled", battery_pct=55.0),
        headrooms=(
            Headroom(axis=Axis.THERMAL, value=0.2),
            Headroom(axis=Axis.POWER, value=None),
        ),
        temp_c=82.0,
        limit_c=85.0,
    )

    found = parse(render(adaptation(told, {Strategy.THROTTLED: 3})))
    blind = parse(render(adaptation(replace(told, temp_c=None), {})))

    assert 1.0 == found.value("edged_strategy", strategy="throttled")
    assert 1.0 == sum(found.all("edged_strategy").values())
    assert 1.0 == found.value("edged_strategy_forced")
    assert 3.0 == found.value("edged_strategy_changes_total", strategy="throttled")
    assert 0.0 == found.value("edged_strategy_changes_total", strategy="critical")
    assert {frozenset({("axis", "thermal")}): 0.2} == found.all("edged_headroom")
    assert 82.0 == found.value("edged_temperature_celsius")
    assert 85.0 == found.value("edged_temperature_limit_celsius")
    assert 55.0 == found.value("edged_battery_percent")
    assert {} == blind.all("edged_temperature_celsius")
