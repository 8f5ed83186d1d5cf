"""A request on its way through the scheduler, and how one or several of them run.

Law: a run is told by its outcome, an answer or what went wrong; it never raises.
Requests that ran together cannot tell: a joint run that fails is taken apart, so that
one caller's bad input is nobody else's.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

from edged.errors import EdgedError
from edged.runtime.base import NOWHERE, Tensors
from edged.serve.batching import Batching, alike, join, rows, split
from edged.serve.ladder import Ran, Rung
from edged.serve.request import Array

Outcome = Ran | BaseException
Run = Callable[[Tensors, tuple[str, ...], Tensors], Ran]


class Job:
    """One admitted request on its way through the scheduler.

    `joins` says that it may share a run with others of its kind; those of one `line`
    run in the order in which they came. `fills` copy its inputs first, on a worker.
    """

    __slots__ = (
        "admitted_ns",
        "answered",
        "deadline_s",
        "done",
        "feeds",
        "fills",
        "input_bytes",
        "into",
        "joins",
        "line",
        "peer",
        "priority",
        "run",
        "rung",
        "timer",
        "wanted",
    )

    def __init__(  # noqa: PLR0913  # a record; by name only
        self,
        *,
        rung: Rung,
        run: Run,
        feeds: Mapping[str, Array],
        wanted: tuple[str, ...],
        deadline_s: float,
        peer: Hashable,
        priority: int,
        done: Callable[["Job", Outcome], None],
        joins: bool = False,
        into: Tensors = NOWHERE,
        fills: Sequence[Callable[[], None]] = (),
        line: Hashable = None,
    ) -> None:
        self.joins = joins
        self.line = line
        self.rung = rung
        self.fills = fills
        self.run = _filled(fills, run) if fills else run
        self.feeds = feeds
        self.input_bytes = 0
        for array in feeds.values():
            self.input_bytes += array.nbytes
        self.into = into
        self.wanted = wanted
        self.deadline_s = deadline_s
        self.peer = peer
        self.priority = priority
        self.done = done
        self.admitted_ns = time.monotonic_ns()
        self.answered = False
        self.timer: asyncio.TimerHandle | None = None


Batch = tuple[Job, ...]


class Company:
    """Those who run together with the first."""

    def __init__(self, joined: Batching, first: Job) -> None:
        self._axis = joined.axis
        self._room = joined.most - rows(first.feeds, joined.axis)
        self.jobs: Batch = (first,)

    def takes(self, job: Job) -> bool:
        """Tell whether one more fits: the same question, and room for its rows."""
        first = self.jobs[0]
        return (
            job.joins
            and job.rung is first.rung
            and job.wanted == first.wanted
            and 0 < rows(job.feeds, self._axis) <= self._room
            and alike(first.feeds, job.feeds, self._axis)
        )

    def add(self, job: Job) -> None:
        """Let it in."""
        self._room -= rows(job.feeds, self._axis)
        self.jobs = (*self.jobs, job)


def _filled(fills: Sequence[Callable[[], None]], run: Run) -> Run:
    """Return a run that first has its inputs copied; the time of that is its own."""

    def run_filled(feeds: Tensors, wanted: tuple[str, ...], into: Tensors) -> Ran:
        started_ns = time.monotonic_ns()
        for fill in fills:
            fill()
        ran = run(feeds, wanted, into)
        return Ran(ran.outputs, started_ns, ran.ended_ns)

    return run_filled


def run_alone(job: Job) -> Outcome:
    """Run one job, here and now."""
    try:
        return job.run(job.feeds, job.wanted, job.into)
    except BaseException as error:  # noqa: BLE001  # handed to whoever waits
        return error


def run_together(batch: Batch, axis: int) -> Sequence[Outcome] | None:
    """Run several jobs as one; None where they must run alone after all."""
    first = batch[0]
    counts = [rows(job.feeds, axis) for job in batch]
    try:
        ran = first.run(join([job.feeds for job in batch], axis), first.wanted, NOWHERE)
    except EdgedError:  # whose fault it is shows when each runs alone
        return None
    parts = split(ran.outputs, counts, axis)
    if parts is None:
        return None
    share_ns = (ran.ended_ns - ran.started_ns) // len(batch)
    return [Ran(part, ran.started_ns, ran.started_ns + share_ns) for part in parts]
