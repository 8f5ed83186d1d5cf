"""Request -> admitted job -> counted answer.

Law: everything that can be refused is refused before the scheduler sees it; whatever
leaves the scheduler is counted once. Call on the event loop only.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from functools import partial

import msgspec

from edged.adapt.strategy import DWELL_S
from edged.errors import EdgedError
from edged.serve import admission
from edged.serve.choosing import MARGIN
from edged.serve.job import Job, Outcome, Run
from edged.serve.ladder import Rung
from edged.serve.live import Live
from edged.serve.request import InferRequest, InferResponse
from edged.serve.scheduler import Scheduler

#: A strategy that was to be left by now may be left at any moment.
_SOON_S = 5.0

Done = Callable[[InferResponse | BaseException], None]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The registry's bounds; see the `serve` and `runtime` settings.

    Attributes:
        queue_length: requests in flight for one model.
        default_timeout_s: deadline of a request that brings none.
        threads: of one run.
        workers: runs of one model at a time, where its runtime allows.
        batch_window_s: how long a request waits for others to join; 0 for never.
        batch_max: rows of a joint run, at most.
    """

    queue_length: int
    default_timeout_s: float
    max_sequences: int
    sequence_idle_s: float
    threads: int
    workers: int = 1
    batch_window_s: float = 0.0
    batch_max: int = 1


class Ticket:
    """A submitted request, for a caller who may go away."""

    __slots__ = ("_job", "_scheduler")

    def __init__(self, scheduler: Scheduler, job: Job) -> None:
        self._scheduler = scheduler
        self._job = job

    def cancel(self) -> None:
        """Forget it; `done` will not be called."""
        self._scheduler.cancel(self._job)


class Seat(msgspec.Struct, frozen=True):
    """Where a request runs.

    Attributes:
        live: the release that answers.
        rung: of it.
        run: how: anew, or going on in a sequence.
        line: a sequence, whose requests keep their order; None for none.
        in_time: whether it was chosen for the request's deadline.
    """

    live: Live
    rung: Rung
    run: Run
    line: Hashable = None
    in_time: bool = False


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is held while a request's body arrives.

    Attributes:
        is_current: it was live when it was pinned; if not, only the requests of its
            open sequences are answered.
    """

    live: Live
    is_current: bool


class Checked(msgspec.Struct, frozen=True):
    """What `check` found for a request with these very names, dtypes and shapes.

    Attributes:
        live: the release that it was held against.
        wanted: the outputs.
    """

    live: Live
    wanted: tuple[str, ...]


def check(request: InferRequest, live: Live) -> tuple[str, ...]:
    """Check what is asked against the signature; return the wanted outputs.

    Raises:
        InvalidTensor: an input or output is not the model's.
    """
    wanted = admission.wanted_outputs(live.plan, live.name, request.outputs)
    admission.check_inputs(live.plan, live.name, request.inputs)
    return wanted


def deadline_of(request: InferRequest, limits: Limits) -> float:
    """Return when a request must be answered, on the monotonic clock."""
    if request.deadline_s is not None:
        return request.deadline_s
    return time.monotonic() + limits.default_timeout_s


def admit(
    request: InferRequest,
    seat: Seat,
    wanted: tuple[str, ...],
    limits: Limits,
    done: Done,
) -> Ticket:
    """Hand a checked request to its release's scheduler.

    Args:
        request: what is asked.
        seat: where it runs.
        wanted: what `check` returned.
        limits: the registry's.
        done: told the answer or the failure, once, maybe before this returns.

    Raises:
        QueueFull, DeadlineExceeded, LowPriority: not now.
    """
    live, rung = seat.live, seat.rung
    if live.caps.priority_only:  # else it need not be called
        check_priority(request, live)
    deadline_s = deadline_of(request, limits)
    needs_s, inflight = 0.0, live.scheduler.inflight
    if inflight:
        _check_room(live, rung, inflight, limits)
        needs_s = 0.0 if seat.in_time else _needs_s(request, live, rung)
    if needs_s or request.deadline_s is not None:  # else its time has just begun
        admission.check_time(
            live.name, now_s=time.monotonic(), deadline_s=deadline_s, needs_s=needs_s
        )
    job = Job(
        rung=rung,
        run=seat.run,
        fills=request.fills,
        feeds=request.inputs,
        wanted=wanted,
        into=request.into,
        deadline_s=deadline_s,
        peer=request.peer,
        priority=request.priority,
        done=partial(_count, live, done),
        joins=seat.line is None
        and not request.fills
        and live.may_join(rung, request.inputs),
        line=seat.line,
    )
    live.scheduler.submit(job)
    return Ticket(live.scheduler, job)


def _check_room(live: Live, rung: Rung, inflight: int, limits: Limits) -> None:
    """Check that the queue has room."""
    admission.check_room(
        live.name,
        inflight=inflight,
        limit=min(limits.queue_length, live.caps.queue),
        run_s=live.stats.variants[rung.id].usual_ns / 1e9,
    )


def check_priority(request: InferRequest, live: Live) -> None:
    """Check that a request is urgent, where the strategy takes nothing else.

    Raises:
        LowPriority: it is not.
    """
    if not live.caps.priority_only:
        return
    regime = live.conditions.regime
    stays_s = regime.since_s + DWELL_S - time.monotonic()
    admission.check_priority(
        live.name,
        priority=request.priority,
        because=f"the box is {regime.strategy.value} ({regime.because})",
        retry_after_s=max(_SOON_S, stays_s),
    )


def _needs_s(request: InferRequest, live: Live, rung: Rung) -> float:
    """Return how long turn and run should take, or somewhat more: runs vary."""
    run_s = live.stats.variants[rung.id].usual_ns / 1e9
    wait_s = live.scheduler.wait_s(request.peer, request.priority, run_s)
    return MARGIN * (wait_s + run_s)


def settle(
    answered: "asyncio.Future[InferResponse]", outcome: InferResponse | BaseException
) -> None:
    """Put an outcome into a future; a cancelled one takes none."""
    if answered.done():
        return
    if isinstance(outcome, BaseException):
        answered.set_exception(outcome)
    else:
        answered.set_result(outcome)


async def heard(
    answered: "asyncio.Future[InferResponse]", ticket: Ticket
) -> InferResponse:
    """Wait for the answer; a caller who goes away takes the request along."""
    try:
        return await answered
    except asyncio.CancelledError:
        ticket.cancel()
        raise


def _count(live: Live, done: Done, job: Job, outcome: Outcome) -> None:
    """Count what became of a job, and tell whoever asked."""
    if isinstance(outcome, BaseException):
        now_ns = time.monotonic_ns()
        live.unused_s = now_ns / 1e9
        if isinstance(outcome, EdgedError):
            live.stats.failed(outcome.code, now_ns - job.admitted_ns)
        done(outcome)
        return
    queue_ns = outcome.started_ns - job.admitted_ns
    compute_ns = outcome.ended_ns - outcome.started_ns
    live.unused_s = outcome.ended_ns / 1e9
    live.stats.succeeded(
        queue_ns=queue_ns,
        compute_ns=compute_ns,
        at_ms=int(time.time() * 1e3),
    )
    done(
        InferResponse(
            model=live.name,
            version=live.version,
            variant=job.rung.id,
            outputs=outcome.outputs,
            labels=live.labels,
            queue_ns=queue_ns,
            compute_ns=compute_ns,
        )
    )
