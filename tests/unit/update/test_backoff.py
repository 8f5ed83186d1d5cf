"""How long a box waits."""

import pytest

from edged.update.backoff import first_look_s, next_look_s, retry_s

HOUR = 3600.0


@pytest.mark.parametrize(("chance", "hours"), [(0.0, 3.0), (0.5, 6.0), (1.0, 9.0)])
def test_looks_are_half_to_one_and_a_half_apart(chance: float, hours: float) -> None:
    """Their mean is what the settings say."""
    assert hours * HOUR == next_look_s(6 * HOUR, chance)


@pytest.mark.parametrize(
    ("every_s", "due_in_s", "most_s"),
    [
        (6 * HOUR, None, 600.0),
        (60.0, None, 60.0),
        (6 * HOUR, 0.0, HOUR),
        (6 * HOUR, -9 * HOUR, HOUR),
        (HOUR, -1.0, 600.0),
        (60.0, -1.0, 60.0),
    ],
)
def test_a_start_spreads_the_first_looks(
    every_s: float, due_in_s: float | None, most_s: float
) -> None:
    """From at once: the longest is less for a box that has never looked."""
    found = [
        first_look_s(every_s, chance, due_in_s=due_in_s) for chance in (0.0, 0.5, 1.0)
    ]

    assert [0.0, most_s / 2, most_s] == found


@pytest.mark.parametrize(
    ("due_in_s", "found_s"), [(1.0, 1.0), (HOUR, HOUR), (1e9, 9 * HOUR)]
)
def test_a_start_keeps_a_turn_that_has_not_come(
    due_in_s: float, found_s: float
) -> None:
    """Up to the longest that there is; whatever chance says."""
    assert {found_s} == {
        first_look_s(6 * HOUR, chance, due_in_s=due_in_s) for chance in (0.0, 0.9)
    }


@pytest.mark.parametrize(
    ("failures", "every_s", "most_s"),
    [
        (0, 6 * HOUR, 30.0),
        (1, 6 * HOUR, 60.0),
        (5, 6 * HOUR, 960.0),
        (10, 6 * HOUR, 6 * HOUR),
        (10_000, 6 * HOUR, 6 * HOUR),
        (10, 48 * HOUR, 6 * HOUR),
        (10, 600.0, 600.0),
    ],
)
def test_tries_spread_over_twice_as_long_each_time(
    failures: int, every_s: float, most_s: float
) -> None:
    """From at once to a bound that doubles, up to a look's distance or six hours."""
    found = [retry_s(failures, chance, every_s=every_s) for chance in (0.0, 0.5, 1.0)]

    assert [0.0, most_s / 2, most_s] == found


@pytest.mark.parametrize(
    ("asked_s", "least_s"), [(120.0, 120.0), (1e9, 86_400.0), (-5.0, 0.0)]
)
def test_what_a_host_asks_for_comes_before_the_spread(
    asked_s: float, least_s: float
) -> None:
    """Up to a day; all who were told the same do not come back at the same moment."""
    found = [
        retry_s(0, chance, every_s=HOUR, retry_after_s=asked_s) for chance in (0.0, 1.0)
    ]

    assert [least_s, least_s + 30.0] == found
