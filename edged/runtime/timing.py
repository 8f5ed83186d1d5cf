"""Runs of one figure, timed one after the other.

Law: nothing is done between two clocks but the run itself. Whoever else uses the cores
is told as time that threads waited for one.
Source: clock_gettime(2), CLOCK_PROCESS_CPUTIME_ID and CLOCK_THREAD_CPUTIME_ID.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edged.host.gauge import Gauge

_TASKS = Path("/proc/self/task")


class Span(NamedTuple):
    """How long one figure is measured: so many runs, and never longer."""

    runs: int
    seconds: float
    warm_up: int


class Taken(NamedTuple):
    """CPU, the caller's CPU and wall time of each run, milliseconds; joules of one.

    `waited` is the share of the time, see `Cost`.
    """

    cpu_ms: list[float]
    busy_ms: list[float]
    wall_ms: list[float]
    waited: float | None
    joules: float | None


def timed(ask: Callable[[int], object], span: Span, gauge: Gauge | None) -> Taken:
    """Time runs, one after the other."""
    began = time.perf_counter()
    for turn in range(span.warm_up):
        ask(turn)
        if time.perf_counter() > began + span.seconds:
            break
    cpus, busies, walls = [], [], []
    end = time.perf_counter() + span.seconds
    delayed_s = _delayed_s()
    if gauge is not None:
        gauge.begin()
    for turn in range(span.runs):
        wall, cpu, busy = time.perf_counter(), time.process_time(), time.thread_time()
        ask(turn)
        busies.append((time.thread_time() - busy) * 1e3)
        cpus.append((time.process_time() - cpu) * 1e3)
        walls.append((time.perf_counter() - wall) * 1e3)
        if time.perf_counter() > end:
            break
        if gauge is not None:
            gauge.sample()
    spent = gauge.joules() if gauge is not None else None
    joules = None if spent is None else spent / len(walls)
    waited = _share(delayed_s, _delayed_s(), ran_s=sum(cpus) / 1e3)
    return Taken(cpus, busies, walls, waited, joules)


def _delayed_s() -> float | None:
    """Return for how long threads of this process waited for a core.

    Source: /proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst.
    """
    try:
        stats = [path.read_text().split() for path in _TASKS.glob("*/schedstat")]
        return sum(int(stat[1]) for stat in stats) / 1e9 if stats else None
    except (OSError, ValueError, IndexError):  # no such kernel, or a thread ended
        return None


def _share(before: float | None, after: float | None, *, ran_s: float) -> float | None:
    if before is None or after is None or ran_s <= 0:
        return None
    waited_s = max(0.0, after - before)
    return waited_s / (waited_s + ran_s)


def rank(samples: list[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
