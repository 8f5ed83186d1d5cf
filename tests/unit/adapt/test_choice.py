"""The choice of one request, and of a stream of them."""

import math

import pytest

from edged.adapt.choice import (
    HASTY_S,
    PATIENCE_S,
    PROBE_RUNS,
    Costed,
    Options,
    Pick,
    Streams,
    Why,
    allowed,
    choose,
    expected_s,
)
from edged.adapt.slowdown import AROUND_S, Bias, Estimate

BIG = Costed(id="big", wall_s=0.100, cpu_s=0.100, accuracy=0.8)
MID = Costed(id="mid", wall_s=0.040, cpu_s=0.040, accuracy=0.7)
SMALL = Costed(id="small", wall_s=0.010, cpu_s=0.010, accuracy=0.6)
LADDER = (BIG, MID, SMALL)
SURE = {v.id: Bias(0.0, 0.0) for v in LADDER}
OPTIONS = allowed(LADDER, cost=1.0)


def slow(factor: float = 1.0, sd: float = 0.05) -> Estimate:
    """Return a slow-down, with variants that are as profiled."""
    return Estimate(math.log(factor), sd * sd, SURE)


def ids(options: Options) -> list[str]:
    """Return who may be chosen."""
    return [option.id for option in options]


@pytest.mark.parametrize(
    ("cost", "bearable_s", "floor", "expected"),
    [
        (1.0, math.inf, 0.0, ["big", "mid", "small"]),
        (0.5, math.inf, 0.0, ["mid", "small"]),
        (1.0, 0.05, 0.0, ["mid", "small"]),
        (0.0, math.inf, 0.0, ["small"]),
        (0.0, math.inf, 0.7, ["mid"]),
        (1.0, 0.001, 0.0, ["small"]),
        (1.0, math.inf, 0.75, ["big"]),
        (1.0, math.inf, 0.9, []),
    ],
)
def test_caps_leave_the_cheapest_that_is_accurate_enough(
    cost: float, bearable_s: float, floor: float, expected: list[str]
) -> None:
    """Caps bound the cost; a floor of the caller's bounds them."""
    actual = allowed(LADDER, cost=cost, bearable_s=bearable_s, floor=floor)

    assert expected == ids(actual)


def test_who_is_slower_than_a_better_one_is_never_chosen() -> None:
    """int8 is, on some boxes."""
    worse = Costed(id="worse", wall_s=0.12, cpu_s=0.05, accuracy=0.75)

    actual = allowed((BIG, worse, SMALL), cost=1.0)

    assert ["big", "small"] == ids(actual)


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        (0.79, ["big", "twin"]),
        (0.8, ["twin"]),
        (0.9, ["twin"]),
        (None, ["big", "twin"]),
    ],
)
def test_who_is_slower_than_one_that_is_as_accurate_is_never_chosen(
    accuracy: float | None, expected: list[str]
) -> None:
    """Whichever is named first: one network in two formats."""
    twin = Costed(id="twin", wall_s=0.07, cpu_s=0.07, accuracy=accuracy)

    assert expected == ids(allowed((BIG, twin), cost=1.0))


def test_who_does_not_tell_its_accuracy_reaches_no_floor() -> None:
    """Unknown is not fine."""
    silent = Costed(id="silent", wall_s=0.02, cpu_s=0.02)

    assert ["big"] == ids(allowed((BIG, silent), cost=1.0, floor=0.5))
    assert ["big", "silent"] == ids(allowed((BIG, silent), cost=1.0))
    assert () == allowed((), cost=1.0)


@pytest.mark.parametrize(
    ("left_s", "factor", "expected"),
    [
        (None, 1.0, Pick(0, "big", Why.BEST)),
        (0.120, 1.0, Pick(0, "big", Why.IN_TIME)),
        (0.105, 1.0, Pick(1, "mid", Why.IN_TIME)),
        (0.120, 1.5, Pick(1, "mid", Why.IN_TIME)),
        (0.120, 4.0, Pick(2, "small", Why.IN_TIME)),
        (0.0101, 1.0, Pick(2, "small", Why.CHEAPEST)),
        (0.0099, 1.0, Pick(None, "", Why.LATE)),
        (0.120, 13.0, Pick(None, "", Why.LATE)),
        (0.0, 1.0, Pick(None, "", Why.LATE)),
        (-1.0, 1.0, Pick(None, "", Why.LATE)),
    ],
)
def test_the_best_that_will_be_in_time_is_chosen(
    left_s: float | None, factor: float, expected: Pick
) -> None:
    """Else the cheapest, else none."""
    actual = choose(OPTIONS, left_s=left_s, slowdown=slow(factor))

    assert expected == actual


def test_being_unsure_costs_accuracy() -> None:
    """Of the box, or of one variant."""
    vague = Estimate(0.0, 0.3**2, SURE)
    unseen = Estimate(0.0, 0.05**2, {"mid": Bias(0.0, 0.0)})
    biased = Estimate(0.0, 0.05**2, SURE | {"big": Bias(0.3, 0.0)})

    found = [
        choose(OPTIONS, left_s=0.120, slowdown=estimate).id
        for estimate in (vague, unseen, biased)
    ]

    assert ["mid", "mid", "mid"] == found


def test_no_option_is_no_answer() -> None:
    """And says why."""
    assert Why.NONE is choose((), left_s=1.0, slowdown=slow()).why


def test_better_than_what_is_in_use_must_be_surer() -> None:
    """0.95 keeps it, 0.99 brings it back."""
    left_s = 0.1 * math.exp(0.05 * 2.0)

    found = [
        choose(OPTIONS, left_s=left_s, slowdown=slow(), held=held).id for held in (0, 1)
    ]

    assert ["big", "mid"] == found


class Stream:
    """Requests with one deadline, one after the other."""

    def __init__(self, deadline_s: float | None = 0.120) -> None:
        self.streams = Streams()
        self.deadline_s = deadline_s

    def at(
        self,
        now_s: float,
        *,
        factor: float = 1.0,
        options: Options = OPTIONS,
        wait_s: float = 0.0,
    ) -> str:
        """Ask once, and return who answers."""
        return self.streams.choose(
            options,
            deadline_s=self.deadline_s,
            wait_s=wait_s,
            slowdown=slow(factor),
            now_s=now_s,
        ).id


def test_a_stream_falls_at_once_and_climbs_after_a_while() -> None:
    """No deadline is lost for the sake of calm."""
    stream = Stream()

    found = [
        stream.at(0.0),
        stream.at(1.0, factor=2.0),
        stream.at(1.1),
        stream.at(1.0 + PATIENCE_S),
        stream.at(1.2 + PATIENCE_S),
    ]

    assert ["big", "mid", "mid", "big", "big"] == found


def test_a_wait_is_no_time_to_run() -> None:
    """The deadline is of both."""
    assert "mid" == Stream().at(0.0, wait_s=0.06)


def test_a_stream_that_falls_back_soon_waits_longer() -> None:
    """So that a deadline on the edge does not swing."""
    stream = Stream()
    moves, before = 0, "big"
    for step in range(36000):
        # Whenever it has climbed, it turns out to be too slow within a second.
        factor = 1.3 if before == "big" and step % 10 == 9 else 1.0
        now = stream.at(step / 10, factor=factor)
        moves += now != before
        before = now

    assert 10 < moves <= 24


def test_a_climb_that_held_makes_a_stream_hopeful_again() -> None:
    """Contention that comes and goes is followed at its pace."""
    stream = Stream()
    stream.at(0.0, factor=2.0)
    stream.at(PATIENCE_S)
    stream.at(PATIENCE_S + 1, factor=2.0)  # hasty: waits twice as long now
    hasty = stream.at(2 * PATIENCE_S + 2)
    climbed_s = 3 * PATIENCE_S + 2
    stream.at(climbed_s)
    fell_s = climbed_s + HASTY_S + 1
    stream.at(fell_s, factor=2.0)

    assert "mid" == hasty
    assert "big" == stream.at(fell_s + PATIENCE_S + 0.1)


def test_a_refusal_leaves_a_stream_where_it_is() -> None:
    """Nothing was answered with."""
    stream = Stream()
    stream.at(0.0)

    refused = stream.at(1.0, factor=100.0)

    assert ("", "big") == (refused, stream.at(1.1))


def test_a_stream_that_is_refused_is_let_through_now_and_then() -> None:
    """Or it would never see that the box is quick again; a quarter of the time."""
    stream = Stream()
    stream.at(0.0)
    run_s = SMALL.wall_s * 100.1
    found = [stream.at(step * run_s, factor=100.0) for step in range(1, 14)]

    every = int(PROBE_RUNS)
    expected = ["small" if step % every == 0 else "" for step in range(1, 14)]
    assert expected == found


@pytest.mark.parametrize(
    ("factor", "deadline_s", "wait_s"),
    [(1.0, 0.009, 0.0), (0.5, 0.004, 0.0), (5.0, 0.120, 0.111), (1.0, 0.1, 0.2)],
)
def test_who_would_be_late_on_a_quiet_box_is_always_refused(
    factor: float, deadline_s: float, wait_s: float
) -> None:
    """There is nothing to find out."""
    stream = Stream(deadline_s)

    found = {stream.at(float(s), factor=factor, wait_s=wait_s) for s in range(100)}

    assert {""} == found


def test_a_first_request_that_would_be_late_is_refused() -> None:
    """It has to wait as long as any other that is refused."""
    stream = Stream(0.020)

    found = [stream.at(now_s, factor=3.0) for now_s in (0.0, 0.11, 0.13)]

    assert ["", "", "small"] == found


def test_other_options_are_gone_on_with() -> None:
    """With the same variant where it is allowed, else with the best."""
    stream = Stream()
    stream.at(0.0, factor=2.0)
    fewer = allowed(LADDER, cost=0.5)
    least = allowed(LADDER, cost=0.0)

    found = [
        stream.at(1.0, options=fewer),
        stream.at(1.1, options=least),
        stream.at(1.2, options=OPTIONS),
        stream.at(1.3, options=allowed((BIG, MID), cost=1.0)),
    ]

    assert ["mid", "small", "big", "big"] == found


def test_deadlines_that_differ_are_streams_that_differ() -> None:
    """Who has time is not held back by who has none."""
    streams = Streams()

    found = [
        streams.choose(
            OPTIONS, deadline_s=deadline_s, wait_s=0.0, slowdown=slow(), now_s=now_s
        ).id
        for now_s, deadline_s in enumerate((0.3, 0.06, 0.3, None))
    ]

    assert ["big", "mid", "big", "big"] == found
    assert "" == Stream(None).at(0.0, options=())


def test_what_a_run_should_take_is_told() -> None:
    """Its service time, as much longer as the box is slower, and it is itself."""
    assert math.isclose(0.2 + AROUND_S, expected_s(OPTIONS[0], slow(2.0)))
    biased = Estimate(0.0, 0.01, {"mid": Bias(math.log(3), 0.0)})
    assert math.isclose(0.12 + 2 * AROUND_S, expected_s(OPTIONS[1], biased))
