"""Which rung of a release answers a request that does not insist on one."""

import asyncio
import time

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.adapt.thermal import Fit
from edged.errors import DeadlineExceeded, NotReady, UnknownVariant
from edged.runtime.base import Array, Tensors
from edged.serve.conditions import Conditions
from edged.serve.live import Live
from edged.wire.adapt import Preference, Strategy
from edged.wire.proofs import Board, Cost, Proof, VariantProof
from edged.wire.tensors import Datatype
from tests.fakes.ladders import (
    ACCURACY,
    COSTS,
    PLAIN,
    X,
    asked,
    ladder,
    proof,
    regime,
)
from tests.fakes.models import live_model, registry_of, signature


def chosen(live: Live, **request: object) -> str:
    """Return the rung that a request is answered with."""
    return live.chooser.choose(asked(**request)).rung.id  # type: ignore[arg-type]


def slow(live: Live, factor: float, *, variant: str = "small", runs: int = 20) -> None:
    """Let runs take so many times what was proved of them."""
    ns = int(COSTS[variant] * factor * 1e6)
    for _ in range(runs):
        live.chooser.learn(variant, X, ns)


# --- deadlines -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within_s", "expected"),
    [(None, "big"), (60.0, "big"), (0.2, "big"), (0.05, "mid"), (0.02, "small")],
)
def test_the_best_that_is_in_time_answers(
    within_s: float | None, expected: str
) -> None:
    """Without a deadline that is the best."""
    assert expected == chosen(ladder(), within_s=within_s)


def test_who_cannot_be_in_time_is_refused_early() -> None:
    """With the time that it should have had, and no run is begun for it."""
    live = ladder()
    registry = registry_of(live)

    with pytest.raises(DeadlineExceeded, match="its turn and its run") as refused:
        registry.submit(asked(within_s=0.003), lambda _: None)

    assert 0.004 < refused.value.retry_after_s < 0.01
    assert live.stats.rejected == {"deadline-exceeded": 1}


def test_a_deadline_that_has_passed_is_said_to_have() -> None:
    """It is no matter of variants."""
    registry = registry_of(ladder())

    with pytest.raises(DeadlineExceeded, match="its deadline passed"):
        registry.submit(asked(within_s=-1.0), lambda _: None)


def test_a_slow_box_answers_with_less_and_recovers() -> None:
    """Three times slower: 200 ms are not enough for the best any more."""
    live = ladder()
    assert "big" == chosen(live, within_s=0.1)

    slow(live, 3.0)
    slowed = chosen(live, within_s=0.1)
    slow(live, 1.0, runs=200)
    usual = chosen(live, within_s=0.2)

    assert ("mid", "big") == (slowed, usual)


def test_all_models_of_a_box_are_slow_together() -> None:
    """What one has measured, the other need not."""
    one = ladder()
    other = ladder(name="n", conditions=one.conditions)

    slow(one, 3.0)

    assert "mid" == chosen(other, within_s=0.1)


async def test_a_wait_is_time_that_is_gone() -> None:
    """The queue holds two answers of the best; 130 ms are enough for the cheapest."""
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def held(feeds: Tensors) -> dict[str, Array]:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return {"y": feeds["x"]}

    live = ladder(held)
    registry = registry_of(live)
    live.stats.variants["big"].add(40_000_000)
    alone = chosen(live, within_s=0.15)

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(registry.infer(asked(variant="big")))
        await asyncio.sleep(0)
        beside = chosen(live, within_s=0.15)
        gate.set()

    assert ("big", "small") == (alone, beside)
    await asyncio.wrap_future(live.close_now())


def test_larger_requests_take_longer() -> None:
    """Eight rows of the best take 320 ms; the cheapest's take 40."""
    rows = signature([("x", Datatype.FP32, (-1, 4))], [("y", Datatype.FP32, (-1, 4))])
    live = ladder(of=rows)
    eight = {"x": np.ones((8, 4), "<f4")}

    assert "big" == chosen(live, within_s=0.1)
    assert "small" == chosen(live, within_s=0.1, inputs=eight)

    for _ in range(20):
        live.chooser.learn("big", eight, 320_000_000)
    assert "big" == chosen(live, within_s=0.1)


# --- wishes --------------------------------------------------------------------------


def test_a_variant_that_is_named_is_not_chosen() -> None:
    """Whatever the deadline is."""
    live = ladder()

    assert "big" == chosen(live, variant="big", within_s=0.001)
    with pytest.raises(UnknownVariant, match="it has big, mid, small"):
        chosen(live, variant="huge")


@pytest.mark.parametrize(
    ("preference", "floor", "expected"),
    [
        (Preference.ECONOMY, 0.0, "small"),
        (Preference.ECONOMY, 0.75, "mid"),
        (Preference.BALANCED, 0.8, "big"),
        (Preference.PERFORMANCE, 0.0, "big"),
    ],
)
def test_a_caller_prefers(preference: Preference, floor: float, expected: str) -> None:
    """An economic one gets the cheapest that is accurate enough."""
    live = ladder()

    assert expected == chosen(live, preference=preference, min_accuracy=floor)


def test_nobody_is_as_accurate_as_was_asked() -> None:
    """The refusal says how accurate the best is."""
    with pytest.raises(UnknownVariant, match=r"0\.95: its best has 0\.9"):
        chosen(ladder(), min_accuracy=0.95)
    mute = live_model("m", PLAIN, dict)
    with pytest.raises(UnknownVariant, match="no variant tells its own"):
        chosen(mute, min_accuracy=0.1)


@pytest.mark.parametrize(("floor", "back"), [(0.85, "big"), (0.75, "mid")])
def test_who_is_as_accurate_may_come_back(floor: float, back: str) -> None:
    """A variant that memory had no room for: later, and not never."""
    live = ladder()
    small = tuple(rung for rung in live.ladder.rungs if rung.id == "small")
    live.chooser.house(small, {"big": "memory is short", "mid": "memory is short"})

    with pytest.raises(NotReady, match=f"{back} was let go of, memory is sh") as late:
        chosen(live, min_accuracy=floor)
    with pytest.raises(UnknownVariant):
        chosen(live, min_accuracy=0.95)

    assert late.value.retry_after_s > 0
    assert f"an accuracy of {floor:g} with" in late.value.message


def test_callers_cannot_make_many_ways() -> None:
    """Floors between the same two variants are one."""
    live = ladder()

    for step in range(1, 1000):
        if step <= 900:
            chosen(live, min_accuracy=step / 1000)

    assert len(live.chooser._ways) <= 1 + len(ACCURACY)  # a bound


# --- what holds ----------------------------------------------------------------------


def test_a_strategy_caps_the_choice() -> None:
    """Half of the best's cost, then none of it: the cheapest is always allowed."""
    live = ladder()
    registry = registry_of(live)

    registry.obey(regime(Strategy.LIGHTWEIGHT))
    lighter = chosen(live), chosen(live, preference=Preference.PERFORMANCE)
    registry.obey(regime(Strategy.CRITICAL))
    least = chosen(live), chosen(live, preference=Preference.PERFORMANCE)
    registry.obey(regime())

    assert ("mid", "big") == lighter
    assert ("small", "small") == least
    assert "big" == chosen(live)


def test_a_release_that_goes_live_later_obeys_too() -> None:
    """What held when it was loaded may not hold any more."""
    registry = registry_of(ladder())
    registry.obey(regime(Strategy.CRITICAL))

    newer = ladder(conditions=registry.conditions)
    registry.switch(newer)

    assert "small" == chosen(newer)


def test_a_hot_box_answers_with_what_it_bears() -> None:
    """At 79 C with full duty it takes what lets it settle below; cool, the best."""
    live = ladder()
    registry = registry_of(live)
    fit = Fit(tau_s=100.0, rise_c=60.0, idle_c=40.0)
    hot = regime(Strategy.THROTTLED, fit=fit, temp_c=79.0, caps={"cost": 1.0})

    registry.obey(hot)
    for second in range(1, 60):  # 50 answers of the best a second: two cores
        for _ in range(50):
            live.stats.variants["big"].add(40_000_000)
        live.chooser.look(1000.0 + second)
    heated = chosen(live)
    registry.obey(regime(fit=fit, temp_c=None))
    live.chooser.look(2000.0)

    assert heated in {"mid", "small"}
    assert "big" == chosen(live)


def test_who_is_passed_over_is_told_why() -> None:
    """By cost, by heat, or because a better one takes no longer."""
    live = ladder(costs_ms={"big": 40.0, "odd": 50.0, "small": 5.0})
    registry = registry_of(live)

    def told() -> dict[str, str]:
        return {v.id: v.passed_over for v in live.variant_statuses()}

    assert {
        "big": "",
        "odd": "a better one takes no longer",
        "small": "",
    } == told()
    registry.obey(regime(Strategy.LIGHTWEIGHT))
    assert "it costs 80% of the dearest, lightweight allows 50%" == told()["big"]
    assert "small" == registry.status("m").chosen

    fit = Fit(tau_s=100.0, rise_c=60.0, idle_c=40.0)
    registry.obey(regime(fit=fit, temp_c=79.0))
    for second in range(1, 60):
        for _ in range(50):
            live.stats.variants["big"].add(40_000_000)
        live.chooser.look(1000.0 + second)
    assert "the box would get too hot" == told()["big"]
    assert [50.0, 1.0] == [
        live.variant_statuses()[1].cost_ms,
        live.variant_statuses()[0].share,
    ]


# --- without a proof -----------------------------------------------------------------


def test_without_a_proof_the_best_answers_until_runs_tell() -> None:
    """A rung that never ran is taken for half as dear as the one above it."""
    live = ladder(proved=False)
    first = chosen(live, within_s=0.005)

    live.stats.variants["big"].add(40_000_000)
    live.chooser.learn("big", X, 40_000_000)

    assert "big" == first
    assert ("mid", "small") == (
        chosen(live, within_s=0.05),
        chosen(live, within_s=0.02),
    )


def test_newer_figures_of_the_same_release_take_their_place() -> None:
    """The best is as quick as the others now; figures of another say nothing."""
    live = ladder()
    registry = registry_of(live)
    before = chosen(live, within_s=0.05)
    cost = Cost(threads=1, cpu_ms=1.0, busy_ms=1.0, wall_ms=1.0)
    newer = Proof(
        digest="of another",
        board=Board(runtimes={}, cpu=""),
        at_utc="now",
        variants=tuple(VariantProof(id=each, costs=(cost,)) for each in COSTS),
    )

    registry.proved(live.name, newer)
    unmoved = chosen(live, within_s=0.05)
    registry.proved("nobody", newer)
    registry.proved(live.name, msgspec.structs.replace(newer, digest=live.digest))

    assert ("mid", "mid", "big") == (before, unmoved, chosen(live, within_s=0.05))


def test_how_far_older_figures_were_off_says_nothing_of_newer_ones() -> None:
    """What was learnt of a variant stays with the figures that it was learnt of."""
    conditions = Conditions(cores=2)
    live = ladder(conditions=conditions)
    slow(live, 4.0, variant="mid")
    before = conditions.slowdown(time.monotonic() + 1).biases

    live.chooser.prove(proof(COSTS))
    slow(live, 1.0, variant="mid", runs=1)
    after = conditions.slowdown(time.monotonic() + 2).biases

    (fresh,) = after.keys() - before.keys()
    assert after[fresh].variance > next(iter(before.values())).variance


def test_without_a_proof_and_a_floor_it_must_be_known_to_reach_it() -> None:
    """The best is known to; nobody is above it."""
    live = ladder(proved=False)

    assert "big" == chosen(live, min_accuracy=0.85)
    with pytest.raises(UnknownVariant):
        chosen(live, min_accuracy=0.95)


# --- whatever comes ------------------------------------------------------------------

FACTORS = st.lists(st.floats(0.2, 20.0), max_size=12)
WITHINS = st.lists(
    st.tuples(
        st.none() | st.floats(-0.01, 2.0),
        st.sampled_from(Preference),
        st.sampled_from([0.0, 0.5, 0.75, 0.85, 0.95]),
        st.sampled_from(Strategy),
    ),
    max_size=12,
)


@given(FACTORS, WITHINS)
def test_whatever_comes_the_choice_is_allowed_and_refusals_have_reasons(
    factors: list[float],
    requests: list[tuple[float | None, Preference, float, Strategy]],
) -> None:
    """Never is it less accurate than asked, or dearer than allowed.

    Only the late and those who ask for too much are refused.
    """
    live = ladder()
    registry = registry_of(live)
    for factor in factors:
        slow(live, factor, runs=2)
    for within_s, preference, floor, strategy in requests:
        registry.obey(regime(strategy))
        try:
            rung = chosen(
                live, within_s=within_s, preference=preference, min_accuracy=floor
            )
        except UnknownVariant:
            assert floor > max(ACCURACY)
            continue
        except DeadlineExceeded:
            assert within_s is not None
            continue
        accuracy = dict(zip(COSTS, ACCURACY, strict=True))
        assert accuracy[rung] >= floor
        if preference is Preference.ECONOMY or strategy is Strategy.CRITICAL:
            assert rung == [v for v, a in accuracy.items() if a >= floor][-1]
    asyncio.run(_closed(live))


async def _closed(live: Live) -> None:
    await asyncio.wrap_future(live.close_now())
