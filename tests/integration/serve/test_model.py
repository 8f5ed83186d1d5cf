"""What answers to a name, what stays at hand, and what is told of its runs."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np
import pytest

from edged.activate.probation import Baseline, Probation, Rules, Trip
from edged.errors import BadModel, Conflict
from edged.runtime.base import Array, Tensors
from edged.serve.live import Live
from edged.serve.observing import Observation
from edged.serve.registry import Registry
from edged.serve.request import InferRequest, Sequence
from edged.wire.release import BackendName, Variant
from edged.wire.tensors import Datatype
from tests.data import onnx_files
from tests.fakes.box import ONES, Box, bundle
from tests.fakes.models import live_model, registry_of, signature

X = signature([("x", Datatype.FP32, (1, 4))], [("x", Datatype.FP32, (1, 4))])


def version(
    number: int, function: Callable[[Tensors], dict[str, Array]] = dict
) -> Live:
    """Return a release of the model `m`; its digest is its version."""
    live = live_model("m", X, function, version=f"{number}", variants=("best",))
    live.release = msgspec.structs.replace(live.release, digest=f"{number}")
    return live


def is_closed(live: Live) -> bool:
    """Tell whether its rungs are gone."""
    return bool(live.ladder.rungs[0].runs.closed)  # type: ignore[attr-defined]  # a fake


async def answered(registry: Registry) -> str:
    """Return the version that answers."""
    request = InferRequest(model="m", inputs={"x": ONES})
    return (await registry.infer(request)).version


async def until(claim: Callable[[], bool]) -> bool:
    """Wait for what a thread will bring about."""
    for _ in range(400):
        if claim():
            return True
        await asyncio.sleep(0.005)
    return False


async def test_the_resident_one_answers_again_at_once() -> None:
    """Without loading anything; the other one closes."""
    good, bad = version(1), version(2)
    registry = registry_of(good)
    registry.switch(bad, keep="1")
    before = await answered(registry)

    went = registry.back("m")

    assert ("2", True, "1") == (before, went, await answered(registry))
    assert await until(lambda: is_closed(bad))
    assert (False, None) == (is_closed(good), registry.resident("m"))
    assert not registry.back("m")
    registry.forget("m")


async def test_going_back_takes_no_time() -> None:
    """Fifty milliseconds are promised for the whole; this is the least part of it."""
    took_s = []
    for _ in range(20):
        registry = registry_of(version(1))
        registry.switch(version(2), keep="1")
        began_s = time.thread_time()
        registry.back("m")
        took_s.append(time.thread_time() - began_s)
        registry.forget("m")

    assert 0.002 > sorted(took_s)[10]


async def test_what_the_bad_one_began_it_ends() -> None:
    """Its caller gets its answer; nobody else does."""
    hold = threading.Event()

    def slow(feeds: Tensors) -> dict[str, Array]:
        hold.wait(5)
        return dict(feeds)

    bad = version(2, slow)
    registry = registry_of(version(1))
    registry.switch(bad, keep="1")
    asked = asyncio.get_running_loop().create_task(answered(registry))
    await asyncio.sleep(0.02)

    registry.back("m")
    meanwhile = await answered(registry)
    still_open = not is_closed(bad)
    hold.set()

    assert ("1", True, "2") == (meanwhile, still_open, await asked)
    assert await until(lambda: is_closed(bad))
    registry.forget("m")


async def test_the_last_good_one_stays_through_a_second_probation() -> None:
    """A newer release supersedes one that was on probation: that one closes."""
    good, second, third = version(1), version(2), version(3)
    registry = registry_of(good)

    registry.switch(second, keep="1")
    registry.switch(third, keep="1")

    assert "1" == registry.resident("m")
    assert await until(lambda: is_closed(second))
    assert registry.back("m")
    assert "1" == await answered(registry)
    registry.forget("m")


@pytest.mark.parametrize(
    "end",
    [
        lambda registry: registry.let_go("m"),
        lambda registry: registry.unload("m"),
        lambda registry: registry.forget("m"),
        lambda registry: registry.switch(version(3)),
        lambda registry: registry.switch(version(3), keep="2"),
    ],
    ids=["let-go", "unload", "forget", "switch", "keep-another"],
)
async def test_a_resident_one_closes_when_it_is_not_kept(
    end: Callable[[Registry], object],
) -> None:
    """At most one stays, and none without a reason."""
    good = version(1)
    registry = registry_of(good)
    registry.switch(version(2), keep="1")

    end(registry)

    assert "1" != registry.resident("m")
    assert await until(lambda: is_closed(good))
    if "m" in registry.names():
        registry.forget("m")


async def test_an_exchange_closes_the_resident_one_too() -> None:
    """Memory is what it is for."""
    good, second = version(1), version(2)
    registry = registry_of(good)
    registry.switch(second, keep="1")

    await registry.park("m")

    assert (True, True) == (is_closed(good), is_closed(second))
    registry.switch(version(3), keep="2")
    assert registry.resident("m") is None
    registry.forget("m")


async def test_sequences_on_a_bad_release_end_with_it(box: Box) -> None:
    """Those that are open on the good one go on."""
    ask = partial(box.ask, model="totals")
    release = box.registry.live("totals").release
    newer = msgspec.structs.replace(release, digest="b" * 64)
    await ask(sequence=Sequence(id="good", start=True))
    prepared = box.registry.prepare(newer, {}, strict=True, rotten={})
    box.registry.switch(prepared, keep=release.digest)
    await ask(sequence=Sequence(id="bad", start=True))

    box.registry.back("totals")

    assert [2.0] * 4 == await ask(sequence=Sequence(id="good"))
    with pytest.raises(Conflict, match="not open"):
        await ask(sequence=Sequence(id="bad"))


# --- what is told of runs --------------------------------------------------------


async def test_each_run_is_told_while_somebody_listens() -> None:
    """With its CPU time, which waiting does not cost; then nothing more is."""
    heard: list[Observation] = []

    def work(feeds: Tensors) -> dict[str, Array]:
        time.sleep(0.02)
        until_s = time.thread_time() + 0.005
        while time.thread_time() < until_s:
            pass
        return dict(feeds)

    registry = registry_of(version(1, work))
    registry.observe("m", heard.append)

    await answered(registry)
    assert await until(lambda: bool(heard))
    registry.observe("m", None)
    await answered(registry)
    await asyncio.sleep(0.02)

    (run,) = heard
    assert ("best", True, "", True, 16) == (
        run.variant,
        run.ok,
        run.code,
        run.finite,
        run.input_bytes,
    )
    assert 5e6 <= run.busy_ns < 20e6 < run.compute_ns
    registry.forget("m")


async def test_a_failed_run_is_told_by_its_code() -> None:
    """An error of ours by its own, any other as a bug."""
    errors: list[Exception] = [BadModel("cannot run m"), ZeroDivisionError()]
    codes: list[str] = []

    def fail(_feeds: Tensors) -> dict[str, Array]:
        raise errors[len(codes)]

    registry = registry_of(version(1, fail))
    registry.observe("m", lambda run: codes.append(run.code))
    for number, error in enumerate(errors, 1):
        with pytest.raises(type(error)):
            await answered(registry)
        assert await until(lambda number=number: len(codes) == number)  # type: ignore[misc]

    assert ["bad-model", "bug"] == codes
    registry.forget("m")


@pytest.mark.parametrize(
    ("given", "finite"), [(1.0, False), (math.nan, True), (math.inf, True)]
)
async def test_what_callers_send_is_not_held_against_it(
    given: float, *, finite: bool
) -> None:
    """Of NaN nothing but NaN can come."""
    heard: list[Observation] = []
    registry = registry_of(version(1, lambda feeds: {"x": feeds["x"] * math.nan}))
    registry.observe("m", heard.append)
    x = np.full((1, 4), given, "<f4")

    await registry.infer(InferRequest(model="m", inputs={"x": x}))

    assert await until(lambda: bool(heard))
    assert finite == heard[0].finite
    registry.forget("m")


async def test_who_left_is_not_heard_any_more() -> None:
    """The listener was the live release's; after a switch or a way back it is gone."""
    heard: list[Observation] = []
    registry = registry_of(version(1))
    registry.switch(version(2), keep="1")
    registry.observe("m", heard.append)

    registry.back("m")
    await answered(registry)
    await asyncio.sleep(0.02)

    assert [] == heard
    registry.forget("m")


async def test_a_release_that_is_loaded_again_is_still_heard() -> None:
    """After an exchange that failed, or an unload; another one's runs are not."""
    heard: list[Observation] = []
    registry = registry_of(version(1))
    registry.observe("m", heard.append)

    await registry.park("m")
    registry.switch(version(1))
    await answered(registry)
    assert await until(lambda: len(heard) == 1)
    registry.switch(version(2))
    await answered(registry)
    await asyncio.sleep(0.02)

    assert 1 == len(heard)
    registry.forget("m")


async def test_runs_in_sequences_are_told_too(box: Box) -> None:
    """They have rungs of their own."""
    heard: list[Observation] = []
    ask = partial(box.ask, model="totals")
    await ask(sequence=Sequence(id="a", start=True))
    box.registry.observe("totals", heard.append)

    await ask(sequence=Sequence(id="a"))
    await ask(sequence=Sequence(id="b", start=True))

    assert await until(lambda: len(heard) == 2)


async def test_runs_on_the_loop_are_told_too(box: Box) -> None:
    """A real model that is so short that it runs there."""
    heard: list[Observation] = []
    for _ in range(200):
        await box.ask()
    box.registry.observe("sums", heard.append)
    for _ in range(10):
        await box.ask()

    assert await until(lambda: len(heard) == 10)
    assert all(run.ok and run.finite and run.input_bytes == 16 for run in heard)


async def test_not_a_number_after_a_hundred_runs_leads_back() -> None:
    """The whole story: kept at hand, watched, condemned, and the old one answers."""
    runs = 0

    def rots(feeds: Tensors) -> dict[str, Array]:
        nonlocal runs
        runs += 1
        return {"x": feeds["x"] * (math.nan if runs > 100 else 1.0)}

    rules = Rules(duration_s=600, inferences=1000, error_share=0.05, slowdown=3)
    probation = Probation(rules, Baseline(input_bytes=16), began_s=0.0)
    trips: list[Trip] = []
    registry = registry_of(version(1))
    registry.switch(version(2, rots), keep="1")

    def observe(run: Observation) -> None:
        trip = probation.observe(run, 1.0)
        if trip is not None:
            trips.append(trip)
            registry.back("m")

    registry.observe("m", observe)
    versions = []
    for _ in range(200):
        versions.append(await answered(registry))
        await asyncio.sleep(0)  # a run on the loop leaves it no turn

    assert 1 == len(trips)
    assert "in run 101" in trips[0].why
    assert versions.count("2") in {101, 102}  # one may run while the other is judged
    assert "1" == versions[-1]
    registry.forget("m")


# --- what is left out ------------------------------------------------------------


async def test_a_variant_that_its_trial_left_out_is_not_loaded(box: Box) -> None:
    """Also where all else must load; status says why, and the next one answers."""
    files = bundle(
        extra={"other.onnx": onnx_files.adder(dims=(1, 4))},
        variants=(
            Variant(id="first", backend=BackendName.ONNX, file="model.onnx"),
            Variant(id="second", backend=BackendName.ONNX, file="other.onnx"),
        ),
        name="pair",
    )
    await box.install(files)
    release = box.registry.live("pair").release

    box.registry.switch(
        box.registry.prepare(
            release, {}, strict=True, rotten={}, without={"first": "it crashed"}
        )
    )

    status = box.registry.status("pair")
    assert [2.0] * 4 == await box.ask(model="pair")
    assert ("second",) == box.registry.live("pair").variants
    assert "cannot use first: it crashed" == status.variants[0].problem
    assert status.problem is not None
    assert "rejected" == status.problem.code


async def test_all_variants_left_out_is_nothing_to_serve(box: Box) -> None:
    """The message has the reason of the best."""
    release = box.registry.live("sums").release

    with pytest.raises(BadModel, match="cannot use fp32: it crashed"):
        box.registry.prepare(
            release, {}, strict=True, rotten={}, without={"fp32": "it crashed"}
        )
