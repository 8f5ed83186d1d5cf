"""What runs now, where, and what waits: real threads, functions for models."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from edged.errors import DeadlineExceeded
from edged.serve.job import Job, Outcome
from edged.serve.ladder import Ran, Rung
from edged.serve.placement import MEASURED, Placement
from edged.serve.scheduler import Scheduler
from edged.serve.stats import Recent
from edged.wire.release import BackendName, Variant
from tests.fakes.models import FunctionRuns

FEEDS: Mapping[str, Any] = {"x": np.ones(1, "<f4")}


class Desk:
    """A scheduler, one rung, and what became of its jobs."""

    def __init__(self, *, workers: int = 1, concurrent: bool = True) -> None:
        self.recent = Recent()
        self.scheduler = Scheduler("m", workers=workers, taken={"v": self.recent})
        runs = FunctionRuns(lambda feeds: {"y": feeds["x"]})
        runs.concurrent = concurrent
        row = Variant(id="v", backend=BackendName.ONNX, file="v.onnx")
        self.rung = Rung(row, runs)  # type: ignore[arg-type]  # duck of Adapted
        self.outcomes: dict[str, Outcome] = {}
        self.order: list[str] = []
        self.threads: list[str] = []

    def job(
        self,
        name: str,
        *,
        work: Callable[[], object] = lambda: None,
        takes_ns: int = 1000,
        within_s: float = 10.0,
        peer: str = "a",
        priority: int = 0,
    ) -> Job:
        """Submit a job that does `work` and says that it took `takes_ns`."""

        def run(*_asked: object) -> Ran:
            self.order.append(name)
            self.threads.append(threading.current_thread().name)
            work()
            return Ran({}, 0, takes_ns)

        def done(_job: Job, outcome: Outcome) -> None:
            assert name not in self.outcomes
            self.outcomes[name] = outcome

        job = Job(
            rung=self.rung,
            run=run,
            feeds=FEEDS,
            wanted=("y",),
            deadline_s=time.monotonic() + within_s,
            peer=peer,
            priority=priority,
            done=done,
        )
        self.scheduler.submit(job)
        return job

    async def settled(self) -> None:
        """Wait until nothing waits or runs."""
        async with asyncio.timeout(10):
            while self.scheduler.inflight:  # noqa: ASYNC110  # no event outside
                await asyncio.sleep(0.005)

    async def measured(self, takes_ns: int) -> None:
        """Run as often as it takes to be placed."""
        for n in range(MEASURED):
            self.job(f"{takes_ns}-{n}", takes_ns=takes_ns)
            await self.settled()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Return a desk with one worker."""
    made = Desk()
    yield made
    made.scheduler.close(lambda: None)


async def test_the_queue_s_order_is_the_worker_s(desk: Desk) -> None:
    """While one runs, the others wait and are chosen from."""
    hold = threading.Event()
    desk.job("running", work=lambda: hold.wait(5))
    desk.job("late", within_s=9)
    desk.job("soon", within_s=5)
    desk.job("urgent", within_s=9, priority=1)
    desk.job("other", within_s=9, peer="b")
    there = desk.scheduler.inflight, desk.scheduler.waiting

    hold.set()
    await desk.settled()

    assert there == (5, 4)
    assert desk.scheduler.waiting == 0
    assert desk.order == ["running", "urgent", "other", "soon", "late"]
    assert all(isinstance(outcome, Ran) for outcome in desk.outcomes.values())


async def test_a_short_model_comes_to_the_loop_and_a_long_one_leaves_it(
    desk: Desk,
) -> None:
    """By measurement: at first on a worker, then here, then there again."""
    await desk.measured(100_000)
    placed = desk.scheduler.placement("v")
    desk.job("here")
    here = desk.threads[-1]
    answered_at_once = "here" in desk.outcomes
    desk.job("long", takes_ns=5_000_000)
    left = desk.scheduler.placement("v")
    desk.job("there")
    await desk.settled()

    assert (placed, left) == (Placement.LOOP, Placement.THREAD)
    assert here == threading.current_thread().name
    assert answered_at_once
    assert desk.threads[-1].startswith("run-m")


async def test_a_waiting_request_is_told_at_its_deadline(desk: Desk) -> None:
    """It never runs; the one that runs is told too, and ends unheard."""
    hold = threading.Event()
    desk.job("running", work=lambda: hold.wait(5), within_s=0.05)
    desk.job("waiting", within_s=0.05)
    async with asyncio.timeout(5):
        while len(desk.outcomes) < 2:  # noqa: ASYNC110  # a dict, no event
            await asyncio.sleep(0.01)
    running = desk.scheduler.running_s(time.monotonic())

    hold.set()
    await desk.settled()

    assert "while it ran" in str(desk.outcomes["running"])
    assert "before it could start" in str(desk.outcomes["waiting"])
    assert isinstance(desk.outcomes["running"], DeadlineExceeded)
    assert desk.order == ["running"]
    assert running > 0.03
    assert desk.scheduler.running_s(time.monotonic()) == 0


async def test_memory_that_is_written_to_is_the_callers_after_the_run_only(
    desk: Desk,
) -> None:
    """Past its deadline a run into a caller's memory is still waited for."""
    hold = threading.Event()
    job = desk.job("running", work=lambda: hold.wait(5), within_s=0.02)
    job.into = {"y": np.zeros(1, "<f4")}
    await asyncio.sleep(0.06)
    before = dict(desk.outcomes)

    hold.set()
    await desk.settled()

    assert {} == before
    assert isinstance(desk.outcomes["running"], Ran)


async def test_a_caller_that_went_away_is_not_answered(desk: Desk) -> None:
    """Waiting it never runs, running it ends unheard."""
    hold = threading.Event()
    running = desk.job("running", work=lambda: hold.wait(5))
    waiting = desk.job("waiting")
    desk.scheduler.cancel(running)
    desk.scheduler.cancel(waiting)
    desk.scheduler.cancel(waiting)

    hold.set()
    await desk.settled()

    assert desk.outcomes == {}
    assert desk.order == ["running"]


@pytest.mark.parametrize(("concurrent", "at_once"), [(True, 2), (False, 1)])
async def test_two_workers_run_two_requests_where_the_runtime_allows(
    *, concurrent: bool, at_once: int
) -> None:
    """A rung that is not concurrent gets one at a time."""
    desk = Desk(workers=2, concurrent=concurrent)
    hold = threading.Event()
    for name in "abc":
        desk.job(name, work=lambda: hold.wait(5))
    await asyncio.sleep(0.1)
    begun = len(desk.order)

    hold.set()
    await desk.settled()

    assert begun == at_once
    assert len(desk.order) == 3
    desk.scheduler.close(lambda: None)


async def test_a_run_that_fails_is_told_as_it_is(desk: Desk) -> None:
    """Also a bug: nobody waits for ever, and the worker goes on."""

    def fail() -> None:
        raise ZeroDivisionError

    desk.job("bad", work=fail)
    desk.job("good")
    await desk.settled()

    assert isinstance(desk.outcomes["bad"], ZeroDivisionError)
    assert isinstance(desk.outcomes["good"], Ran)


async def test_idle_is_told_when_the_last_one_left(desk: Desk) -> None:
    """The release waits for that before it closes its rungs."""
    told: list[int] = []
    desk.scheduler.idle = lambda: told.append(desk.scheduler.inflight)
    hold = threading.Event()
    job = desk.job("a", work=lambda: hold.wait(5))
    desk.scheduler.cancel(job)
    early = list(told)

    hold.set()
    await desk.scheduler.on_thread(lambda: None)
    await desk.settled()

    assert early == []
    assert told
    assert set(told) == {0}


async def test_the_wait_is_what_is_ahead_times_a_run(desk: Desk) -> None:
    """Of its own and one turn of each other peer, and the one that runs."""
    hold = threading.Event()
    desk.job("running", work=lambda: hold.wait(5))
    for n in range(10):
        desk.job(f"greedy-{n}", peer="greedy")

    modest = desk.scheduler.wait_s("modest", 0, 0.5)
    greedy = desk.scheduler.wait_s("greedy", 0, 0.5)

    hold.set()
    await desk.settled()
    assert (modest, greedy) == (1.0, 5.5)


async def test_a_duty_is_kept_on_workers_and_on_the_loop(desk: Desk) -> None:
    """Rest follows work: nine tenths of the time where runs may take one."""
    loop = asyncio.get_running_loop()

    async def rested(prefix: str, takes_ns: int) -> float:
        desk.scheduler.obey(window_s=0.0, duty=0.1)
        began = loop.time()
        for n in range(10):
            desk.job(f"{prefix}{n}", takes_ns=takes_ns)
        await desk.settled()
        taken_s = loop.time() - began
        desk.scheduler.obey(window_s=0.0, duty=1.0)
        return taken_s

    on_worker = await rested("a", 2_000_000)
    for takes_ns in (10_000, 20_000):
        await desk.measured(takes_ns=takes_ns)
    assert Placement.LOOP is desk.scheduler.placement("v")
    on_loop = await rested("b", 900_000)

    assert on_worker >= 9 * 0.018
    assert on_loop >= 9 * 0.0081
    assert 20 == len([name for name in desk.order if name[0] in "ab"])


async def test_who_may_run_all_the_time_again_does_at_once(desk: Desk) -> None:
    """What waits for the end of a rest need not wait any more."""
    desk.scheduler.obey(window_s=0.0, duty=0.05)
    desk.job("first", takes_ns=1_000_000_000)
    await desk.settled()
    desk.job("second", within_s=60.0)
    await asyncio.sleep(0.02)
    resting = dict(desk.outcomes)

    desk.scheduler.obey(window_s=0.0, duty=1.0)
    await desk.settled()

    assert ({"first"}, {"first", "second"}) == (set(resting), set(desk.outcomes))


async def test_nobody_is_late_for_a_rest(desk: Desk) -> None:
    """It takes half of the time that the first has to be answered in, and no less."""
    desk.scheduler.obey(window_s=0.0, duty=0.01)
    desk.job("first", takes_ns=200_000_000)
    await desk.settled()
    began_s = time.monotonic()

    desk.job("patient", within_s=60.0)
    desk.job("hurried", within_s=1.0, priority=1)
    waits_s = desk.scheduler.wait_s("b", 0, 0.0)
    while "hurried" not in desk.outcomes:  # noqa: ASYNC110  # no event outside
        await asyncio.sleep(0.01)
    rested_s = time.monotonic() - began_s

    assert isinstance(desk.outcomes["hurried"], Ran)
    assert "patient" not in desk.outcomes
    assert rested_s >= 0.49
    assert 0.0 == waits_s
    desk.scheduler.obey(window_s=0.0, duty=1.0)
    await desk.settled()


async def test_a_rest_leaves_two_usual_runs(desk: Desk) -> None:
    """Where half of the time would be too little for the run."""
    desk.scheduler.obey(window_s=0.0, duty=0.01)
    desk.job("first", takes_ns=1_000_000_000)
    await desk.settled()

    desk.job("hurried", within_s=2.0)
    begun = desk.scheduler.running_s(time.monotonic()), desk.scheduler.waiting
    desk.scheduler.obey(window_s=0.0, duty=1.0)
    await desk.settled()

    assert begun[0] > 0
    assert 0 == begun[1]


async def test_a_variant_that_never_ran_runs_at_once() -> None:
    """Nobody knows how long it will take: a rest may make it late."""
    desk = Desk()
    unseen = Recent()
    desk.scheduler.close(lambda: None)
    desk.scheduler = Scheduler(
        "m", workers=1, taken={"v": desk.recent, "unseen": unseen}
    )
    desk.scheduler.obey(window_s=0.0, duty=0.001)
    desk.job("first", takes_ns=100_000_000)
    await desk.settled()
    row = Variant(id="unseen", backend=BackendName.ONNX, file="w.onnx")
    desk.rung = Rung(row, desk.rung.runs)

    desk.job("new", work=lambda: time.sleep(0.01), within_s=60.0)
    waiting = desk.scheduler.waiting
    desk.scheduler.obey(window_s=0.0, duty=1.0)
    await desk.settled()
    desk.scheduler.close(lambda: None)

    assert 0 == waiting
    assert 1 == unseen.count


async def test_who_is_in_a_hurry_runs_at_once(desk: Desk) -> None:
    """Where it would be late otherwise; on the loop, too."""
    for takes_ns in (10_000, 20_000):
        await desk.measured(takes_ns=takes_ns)
    desk.scheduler.obey(window_s=0.0, duty=0.000_01)
    desk.job("first", takes_ns=900_000)

    desk.job("hurried", within_s=0.000_1)
    desk.job("patient", within_s=60.0)

    assert Placement.LOOP is desk.scheduler.placement("v")
    assert "hurried" in desk.outcomes
    assert "patient" not in desk.outcomes
    desk.scheduler.obey(window_s=0.0, duty=1.0)
    await desk.settled()
