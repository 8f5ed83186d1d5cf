"""The one owner of a release's queue: what runs now, where, and what waits.

Law: call on the event loop only; a run happens on the loop or on a worker, and its
end is told on the loop, once. Nothing waits here: callers bring `done`.

Where a run happens is `placement`'s to say.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from edged.errors import DeadlineExceeded
from edged.serve.batching import Batching, rows
from edged.serve.job import Batch, Company, Job, Outcome, run_alone, run_together
from edged.serve.ladder import Rung
from edged.serve.lag import Lag
from edged.serve.pace import Pace
from edged.serve.pacing import Pacing
from edged.serve.placement import Placement, Placer
from edged.serve.queue import Queue
from edged.serve.request import Array
from edged.serve.stats import Recent

T = TypeVar("T")

#: A request that waits for company, or for the end of a rest, leaves so many usual runs
#: before its deadline; and it waits for no more than this share of its time, for a busy
#: core may make any run late.
_MARGIN = 2.0
_SHARE = 0.5

#: Of all runs within this one is learnt from, which takes less than a hundredth of it.
LESSON_NS = 1_000_000

#: Told of runs that one request had for itself: rung, inputs, nanoseconds.
Learn = Callable[[Rung, Mapping[str, Array], int], None]


class Scheduler:
    """Runs jobs in the queue's order.

    Args:
        name: of the model, for errors and thread names.
        workers: runs at a time; a rung that is not concurrent gets one of them.
        taken: durations of runs by variant, filled here.
        joined: how requests can be joined into one run; None for never.

    Attributes:
        window_s: how long the first of a joint run waits for others; 0 joins nothing.
    """

    def __init__(
        self,
        name: str,
        *,
        workers: int,
        taken: Mapping[str, Recent],
        joined: Batching | None = None,
    ) -> None:
        self._name = name
        self._workers = workers
        self._joined = joined
        self.window_s = 0.0
        self._look_again: asyncio.TimerHandle | None = None
        self._queue: Queue[Job] = Queue()
        self._busy: dict[Rung, int] = {}
        self._since_s: dict[Batch, float] = {}
        self._extra = 0
        self._pace = Pace()
        self._pacing = Pacing()
        self._lag = Lag()
        self._is_paced = False
        self._taken = taken
        self._placers = {variant: Placer() for variant in taken}
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=f"run-{name}")
        self.idle: Callable[[], None] = lambda: None
        self.learn: Learn = lambda _rung, _inputs, _ns: None
        self._lesson_ns = 0

    # --- looking -----------------------------------------------------------------

    @property
    def inflight(self) -> int:
        """Requests that wait or run, those whose caller has gone included."""
        waiting = len(self._queue) + self._extra
        if not self._since_s:  # asked by every request, most of which run on the loop
            return waiting
        return waiting + sum(len(batch) for batch in self._since_s)

    @property
    def waiting(self) -> int:
        """Requests that wait for a worker."""
        return len(self._queue)

    def running_s(self, now_s: float) -> float:
        """Return for how long the longest present run has been on; 0 for none."""
        return now_s - min(self._since_s.values(), default=now_s)

    def placement(self, variant: str) -> Placement:
        """Return where a variant runs now."""
        return self._placers[variant].placement

    def wait_s(self, peer: Hashable, priority: int, run_s: float) -> float:
        """Return how long a new request would wait, if all goes on as of late.

        A rest is no such wait: it ends before somebody is late for it.

        Args:
            peer: who asks.
            priority: of the request.
            run_s: what a run takes, for a queue whose pace is not known yet.
        """
        ahead = len(self._since_s)
        if self._queue:
            ahead += self._queue.ahead(peer, priority)
        late_s = self._lag.usual_s(time.monotonic())
        return late_s + ahead * (self._pace.usual_s or run_s / self._workers)

    # --- doing -------------------------------------------------------------------

    def obey(self, *, window_s: float, duty: float) -> None:
        """Join and rest as a strategy has it from now on.

        Args:
            window_s: see the class; of no meaning where requests stay alone.
            duty: largest share of time that runs may take.
        """
        self.window_s = window_s if self._joined is not None else 0.0
        self._pacing.duty = duty
        self._is_paced = duty < 1.0
        if self._queue:
            self._feed()

    def submit(self, job: Job) -> None:
        """Run it at once where it may, else let it wait; `done` follows, once."""
        if (
            self._placers[job.rung.id].allows(job.input_bytes)
            and not self.window_s
            and not job.fills
            and not self._queue
            and not (self._is_paced and self._rest_s([job]) > 0)
            and self._may_run(job)
        ):
            self._run_here(job)
            return
        loop = asyncio.get_running_loop()
        job.timer = loop.call_at(job.deadline_s, self._late, job)
        self._queue.push(job)
        self._feed()

    def cancel(self, job: Job) -> None:
        """Forget a request whose caller went away; a run that began ends unheard."""
        if not job.answered:
            job.answered = True
            self._stop_clock(job)
            if self._queue.remove(job):
                self._settle()

    async def on_thread(
        self, work: Callable[[], T], *, unwanted: Callable[[T], None] = lambda _: None
    ) -> T:
        """Run something else on a worker, counted as in flight until it ends.

        Args:
            work: what to run.
            unwanted: takes its result where the caller has gone away.
        """
        loop = asyncio.get_running_loop()
        self._extra += 1
        future = self._executor.submit(work)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._left_thread))
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            future.add_done_callback(partial(_hand_over, unwanted))
            raise

    def uses(self, rung: Rung) -> bool:
        """Tell whether a request waits for a rung, or runs on it."""
        return rung in self._busy or any(job.rung is rung for job in self._queue)

    def dispose(self, work: Callable[[], None]) -> Future[None]:
        """Run something on a worker, behind what it has to do."""
        return self._executor.submit(work)

    def close(self, last: Callable[[], None]) -> Future[None]:
        """Run `last` on a worker and let them all go; nothing may follow."""
        if self._look_again is not None:
            self._look_again.cancel()
        closing = self._executor.submit(last)
        self._executor.shutdown(wait=False)
        return closing

    # --- on the loop -------------------------------------------------------------

    def _run_here(self, job: Job) -> None:
        outcome = run_alone(job)
        self._measure(job, outcome)
        self._learn(job, outcome)
        self._tell(job, outcome)

    def _feed(self) -> None:
        """Give free workers what is next."""
        while len(self._since_s) < self._workers:
            if self._is_paced and self._queue:
                rest_s = self._rest_s(self._queue)
                if rest_s > 0:
                    self._feed_in(rest_s)
                    return
            batch = self._next()
            if not batch:
                return
            rung = batch[0].rung
            self._busy[rung] = self._busy.get(rung, 0) + 1
            self._since_s[batch] = time.monotonic()
            self._executor.submit(self._work, batch, asyncio.get_running_loop())

    def _rest_s(self, waiting: Iterable[Job]) -> float:
        """Return how long it rests still, if nobody who waits is late for it."""
        now_s = time.monotonic()
        left_s = self._pacing.left_s(now_s)
        if not left_s:
            return 0.0
        return min(left_s, min(map(self._rested_s, waiting)) - now_s)

    def _feed_in(self, seconds: float) -> None:
        """Look again after a while, and not at an earlier time any more."""
        if self._look_again is not None:
            self._look_again.cancel()
        loop = asyncio.get_running_loop()
        self._look_again = loop.call_later(seconds, self._feed)

    def _next(self) -> Batch:
        """Take out what runs next: one job, or all that may be joined to it."""
        if self.window_s and self._joined and self._is_early(self._joined):
            return ()
        job = self._queue.pop(self._may_run)
        if job is None:
            return ()
        if self._joined is None or not job.joins:
            return (job,)
        company = Company(self._joined, job)
        while (other := self._queue.pop(company.takes)) is not None:
            company.add(other)
        return company.jobs

    def _is_early(self, joined: Batching) -> bool:
        """Tell whether to wait for more; look again when the window is over."""
        waiting = [job for job in self._queue if not job.answered]
        if not waiting or not all(job.joins for job in waiting):
            return False
        if sum(rows(job.feeds, joined.axis) for job in waiting) >= joined.most:
            return False
        now_s = time.monotonic()
        left_s = min(map(self._until_s, waiting)) - now_s
        if left_s <= 0:
            return False
        self._feed_in(left_s)
        return True

    def _until_s(self, job: Job) -> float:
        """Return until when a request may wait for others: nobody is late for them."""
        return min(job.admitted_ns / 1e9 + self.window_s, self._latest_s(job))

    def _rested_s(self, job: Job) -> float:
        """Return until when a request may wait for the end of a rest.

        Not at all where its variant never ran: nobody knows how long it will take.
        """
        is_known = self._taken[job.rung.id].usual_ns > 0
        return self._latest_s(job) if is_known else job.admitted_ns / 1e9

    def _latest_s(self, job: Job) -> float:
        """Return when a request's run should begin at the latest."""
        since_s = job.admitted_ns / 1e9
        run_s = _MARGIN * self._taken[job.rung.id].usual_ns / 1e9
        left_s = job.deadline_s - since_s
        return since_s + min(_SHARE * left_s, left_s - run_s)

    def _may_run(self, job: Job) -> bool:
        return job.rung.runs.concurrent or not self._busy.get(job.rung)

    def _work(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        """Run on a worker."""
        joined = self._joined
        outcomes = None
        if joined is not None and len(batch) > 1:
            outcomes = run_together(batch, joined.axis)
        if outcomes is None:
            outcomes = [run_alone(job) for job in batch]
        loop.call_soon_threadsafe(self._ran, batch, outcomes)

    def _ran(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        given_s = self._since_s.pop(batch)
        rung = batch[0].rung
        self._busy[rung] -= 1
        if not self._busy[rung]:
            del self._busy[rung]
        for job, outcome in zip(batch, outcomes, strict=True):
            self._measure(job, outcome)
        now_s, first = time.monotonic(), outcomes[0]
        if len(batch) == 1 and not isinstance(first, BaseException):
            taken_s = (first.ended_ns - first.started_ns) / 1e9
            self._lag.woken(now_s, late_s=max(0.0, now_s - given_s - taken_s))
            self._learn(batch[0], first)
        self._pace.ended(now_s, runs=len(batch), waiting=bool(self._queue))
        self._feed()
        for job, outcome in zip(batch, outcomes, strict=True):
            self._tell(job, outcome)
        self._settle()

    def _tell(self, job: Job, outcome: Outcome) -> None:
        if not job.answered:
            job.answered = True
            self._stop_clock(job)
            job.done(job, outcome)

    def _late(self, job: Job) -> None:
        """Answer at the deadline, whether it waits or runs."""
        waited = self._queue.remove(job)
        if job.into and not waited:
            return  # it writes into its caller's memory: answered when it is done
        when = "before it could start" if waited else "while it ran"
        self._tell(
            job,
            DeadlineExceeded(
                f"cannot answer for {self._name}: its deadline passed {when}",
                hint="allow more time, or send fewer requests at a time",
            ),
        )
        self._settle()

    def _measure(self, job: Job, outcome: Outcome) -> None:
        if isinstance(outcome, BaseException):
            return
        ns = outcome.ended_ns - outcome.started_ns
        self._queue.charge(job.peer, ns)
        variant = job.rung.id
        self._taken[variant].add(ns)
        if self._is_paced:
            self._pacing.ran(time.monotonic(), taken_s=ns / 1e9, workers=self._workers)
        # What waits for company, or copies much, is not for the loop.
        if not self.window_s and not job.fills:
            self._placers[variant].observe(job.input_bytes, ns)

    def _learn(self, job: Job, outcome: Outcome) -> None:
        """Let a run teach that no other request shared."""
        if isinstance(outcome, BaseException) or job.fills:
            return
        ended_ns = outcome.ended_ns
        if ended_ns >= self._lesson_ns:
            self._lesson_ns = ended_ns + LESSON_NS
            self.learn(job.rung, job.feeds, ended_ns - outcome.started_ns)

    def _left_thread(self) -> None:
        self._extra -= 1
        self._settle()

    def _settle(self) -> None:
        if not self.inflight:
            self.idle()

    @staticmethod
    def _stop_clock(job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None

    def __repr__(self) -> str:
        return f"{len(self._since_s)} running, {self._queue!r}"


def _hand_over(unwanted: Callable[[T], None], future: Future[T]) -> None:
    if not future.cancelled() and future.exception() is None:
        unwanted(future.result())
