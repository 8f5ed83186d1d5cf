"""Into a strategy at once, out of it slowly, and never by what is unknown."""

import pytest

from edged.adapt.strategy import (
    DWELL_S,
    ORDER,
    TABLE,
    Force,
    Ruling,
    Standing,
    cost_cap,
    decide,
    ruling,
)
from edged.wire.adapt import Axis, Headroom, Preference, Strategy

CALM = Standing()


def room(axis: Axis, value: float | None, ahead: float | None = None) -> Headroom:
    """Return a headroom."""
    return Headroom(axis=axis, value=value, ahead=ahead, because="71.2 C of 80 C")


def told(
    standing: Standing, *moments: tuple[float, list[Headroom]]
) -> list[Strategy | None]:
    """Return the strategy after each moment; None where nothing changed."""
    found: list[Strategy | None] = []
    for now_s, rooms in moments:
        after = decide(standing, rooms, now_s=now_s)
        found.append(None if after is standing else after.strategy)
        standing = after
    return found


@pytest.mark.parametrize(
    ("rooms", "expected"),
    [
        ([], Strategy.NORMAL),
        ([room(axis, None) for axis in Axis], Strategy.NORMAL),
        ([room(Axis.CPU, 0.0), room(Axis.LOAD, 0.0)], Strategy.NORMAL),
        ([room(Axis.POWER, 0.51)], Strategy.NORMAL),
        ([room(Axis.POWER, 0.5)], Strategy.LIGHTWEIGHT),
        ([room(Axis.POWER, 0.05)], Strategy.CRITICAL),
        ([room(Axis.THERMAL, 0.34)], Strategy.NORMAL),
        ([room(Axis.THERMAL, 0.33)], Strategy.THROTTLED),
        ([room(Axis.THERMAL, 0.9, 0.33)], Strategy.THROTTLED),
        ([room(Axis.THERMAL, 0.2), room(Axis.POWER, 0.4)], Strategy.THROTTLED),
        ([room(Axis.THERMAL, 0.9, 0.05)], Strategy.CRITICAL),
        ([room(Axis.MEMORY, 0.05)], Strategy.CRITICAL),
    ],
)
def test_the_worst_headroom_decides_at_once(
    rooms: list[Headroom], expected: Strategy
) -> None:
    """Now, or by the forecast."""
    actual = decide(CALM, rooms, now_s=1.0)

    assert expected == actual.strategy
    assert (actual is CALM) == (expected is Strategy.NORMAL)


def test_a_change_says_what_caused_it() -> None:
    """With the figure."""
    actual = decide(CALM, [room(Axis.THERMAL, 0.2)], now_s=7.0)

    expected = Standing(
        strategy=Strategy.THROTTLED,
        because="thermal: 71.2 C of 80 C",
        axis=Axis.THERMAL,
        since_s=7.0,
    )
    assert expected == actual


def test_a_strategy_is_left_after_a_while_and_clear_of_its_band() -> None:
    """And not before both."""
    found = told(
        CALM,
        (0.0, [room(Axis.THERMAL, 0.3)]),
        (30.0, [room(Axis.THERMAL, 1.0)]),
        (70.0, [room(Axis.THERMAL, 0.5)]),
        (80.0, [room(Axis.THERMAL, 0.9, 0.4)]),
        (90.0, [room(Axis.THERMAL, 0.9, 0.6)]),
        (91.0, [room(Axis.THERMAL, 0.9, 0.6)]),
        (160.0, [room(Axis.THERMAL, 0.9, 0.6)]),
        (400.0, [room(Axis.THERMAL, 0.9, 0.6)]),
    )

    expected = [Strategy.THROTTLED, None, None, None, Strategy.LIGHTWEIGHT]
    assert [*expected, None, Strategy.NORMAL, None] == found


def test_a_call_for_the_same_or_for_less_changes_nothing() -> None:
    """The minute does not begin anew, and a milder strategy is no way out."""
    found = told(
        CALM,
        (0.0, [room(Axis.POWER, 0.0)]),
        (1.0, [room(Axis.POWER, 0.0)]),
        (2.0, [room(Axis.POWER, 0.1), room(Axis.THERMAL, 0.3)]),
    )

    assert [Strategy.CRITICAL, None, None] == found


def test_it_is_left_one_step_at_a_time() -> None:
    """Each after its own while; what is less bad still holds it."""
    fine = [room(Axis.POWER, 1.0), room(Axis.THERMAL, 0.4)]
    cool = [room(Axis.POWER, 1.0), room(Axis.THERMAL, 1.0)]

    found = told(
        CALM,
        (0.0, [room(Axis.POWER, 0.0)]),
        (61.0, fine),
        (130.0, fine),
        (140.0, cool),
        (201.0, cool),
    )

    expected = [Strategy.CRITICAL, Strategy.THROTTLED, None, Strategy.LIGHTWEIGHT]
    assert [*expected, Strategy.NORMAL] == found


def test_a_sensor_that_vanished_is_no_good_news() -> None:
    """What brought the box here must be known to be over."""
    found = told(
        CALM,
        (0.0, [room(Axis.THERMAL, 0.3)]),
        (500.0, []),
        (600.0, [room(Axis.THERMAL, None)]),
        (700.0, [room(Axis.THERMAL, 1.0)]),
    )

    assert [Strategy.THROTTLED, None, None, Strategy.LIGHTWEIGHT] == found


def test_a_sensor_that_never_was_holds_nothing() -> None:
    """A box without a thermal zone comes back from a bad supply."""
    fine = [room(Axis.POWER, 1.0)]

    found = told(
        CALM,
        (0.0, [room(Axis.POWER, 0.0)]),
        (61.0, fine),
        (122.0, []),
        (183.0, fine),
    )

    expected = [Strategy.CRITICAL, Strategy.THROTTLED, Strategy.LIGHTWEIGHT]
    assert [*expected, Strategy.NORMAL] == found


def test_leaving_says_what_is_known() -> None:
    """The figure where there is one."""
    hot = decide(CALM, [room(Axis.THERMAL, 0.0)], now_s=0.0)
    cooler = decide(hot, [room(Axis.THERMAL, 0.9)], now_s=100.0)
    blind = Standing(strategy=Strategy.LIGHTWEIGHT, axis=Axis.MEMORY)
    aimless = Standing(strategy=Strategy.LIGHTWEIGHT)

    found = [
        cooler.because,
        decide(blind, [], now_s=100.0).because,
        decide(aimless, [], now_s=100.0).because,
    ]

    gone = "nothing calls for lightweight any more"
    assert ["thermal: 71.2 C of 80 C", gone, gone] == found


def test_what_is_soon_needed_again_stays_longer() -> None:
    """A box that swings does so less and less often, up to a bound."""
    standing, now_s, dwells = CALM, 0.0, []
    for _ in range(7):
        standing = decide(standing, [room(Axis.THERMAL, 0.3)], now_s=now_s)
        dwells.append(standing.dwell_s)
        now_s += standing.dwell_s
        standing = decide(standing, [room(Axis.THERMAL, 0.9)], now_s=now_s)
        now_s += 10.0
    late = decide(standing, [room(Axis.THERMAL, 0.3)], now_s=now_s + 1000.0)

    assert [60.0, 120.0, 240.0, 480.0, 960.0, 960.0, 960.0] == dwells
    assert DWELL_S == late.dwell_s


def test_what_gets_worse_is_no_relapse() -> None:
    """A box that never left a strategy does not come back to it."""
    throttled = decide(CALM, [room(Axis.THERMAL, 0.3)], now_s=0.0)
    critical = decide(throttled, [room(Axis.THERMAL, 0.0)], now_s=30.0)
    eased = decide(critical, [room(Axis.THERMAL, 0.9)], now_s=90.0)
    again = decide(eased, [room(Axis.THERMAL, 0.0)], now_s=100.0)

    found = [throttled, critical, eased, again]

    expected = [60.0, 60.0, 60.0, 120.0]
    assert expected == [standing.dwell_s for standing in found]
    assert Strategy.CRITICAL is critical.strategy is again.strategy


def test_a_person_decides_until_the_choice_expires() -> None:
    """In both directions."""
    light = Standing(strategy=Strategy.LIGHTWEIGHT, because="power: low")
    force = Force(strategy=Strategy.NORMAL, until_s=100.0, by="ann")

    found = [
        ruling(light, None, now_s=10.0),
        ruling(light, force, now_s=40.0),
        ruling(light, force, now_s=100.0),
    ]

    own = Ruling(strategy=Strategy.LIGHTWEIGHT, because="power: low")
    ann = Ruling(strategy=Strategy.NORMAL, because="ann chose it", by="ann")
    assert [own, ann, own] == found


@pytest.mark.parametrize(
    ("axis", "expected"),
    [(Axis.THERMAL, Strategy.CRITICAL), (Axis.POWER, Strategy.NORMAL)],
)
def test_nobody_overrules_the_protection_from_heat(
    axis: Axis, expected: Strategy
) -> None:
    """A battery is one's own to empty."""
    standing = Standing(strategy=Strategy.CRITICAL, axis=axis)
    force = Force(strategy=Strategy.NORMAL, until_s=100.0, by="ann")

    actual = ruling(standing, force, now_s=1.0)

    assert expected == actual.strategy


def test_every_strategy_has_caps_and_none_allows_more_than_an_abler_one() -> None:
    """The table is complete and in order."""
    caps = [TABLE[strategy] for strategy in ORDER]

    assert set(TABLE) == set(Strategy)
    assert caps[0].cost == caps[0].threads == caps[0].duty == 1.0
    for less in caps[1:]:
        assert less.queue < caps[0].queue
        assert set(less.updates) < set(caps[0].updates)
    assert (0.0, ()) == (caps[-1].cost, caps[-1].updates)


@pytest.mark.parametrize(
    ("strategy", "preference", "expected"),
    [
        (Strategy.NORMAL, Preference.BALANCED, 1.0),
        (Strategy.NORMAL, Preference.PERFORMANCE, 1.0),
        (Strategy.NORMAL, Preference.ECONOMY, 0.0),
        (Strategy.LIGHTWEIGHT, Preference.BALANCED, 0.5),
        (Strategy.LIGHTWEIGHT, Preference.PERFORMANCE, 1.0),
        (Strategy.THROTTLED, Preference.PERFORMANCE, 1.0),
        (Strategy.CRITICAL, Preference.PERFORMANCE, 0.0),
    ],
)
def test_a_preference_is_worth_one_strategy(
    strategy: Strategy, preference: Preference, expected: float
) -> None:
    """But not when the box is about to fail."""
    actual = cost_cap(TABLE, strategy, preference)

    assert expected == actual
