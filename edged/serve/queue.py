"""Who is next: the waiting requests of one model, and the order they leave in.

Law: pure; the clock is a parameter, nothing waits here and nothing runs. The order:

1. Priority: a more urgent class goes first, always.
2. Fairness: within a class, the peer that was served least of late. A peer that
   floods its own queue delays itself.
3. Deadline: within a peer, the earliest one; equal ones in the order of arrival.

A rung that can run one request at a time is skipped while it runs one, and requests
of one sequence never overtake each other.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar

#: OIP's priority 0 means "the default"; 1 is the highest, larger is less urgent.
DEFAULT_PRIORITY = 2
HIGHEST_PRIORITY = 1


class Waiting(Protocol):
    """What the queue must know of a request."""

    @property
    def peer(self) -> Hashable:
        """Who sent it; requests of one peer share one turn."""

    @property
    def priority(self) -> int:
        """OIP's: 0 default, 1 highest."""

    @property
    def deadline_s(self) -> float:
        """On the monotonic clock."""

    @property
    def line(self) -> Hashable:
        """Those of one line leave in the order in which they came; None for none."""


J = TypeVar("J", bound=Waiting)


class Queue(Generic[J]):
    """Waiting requests, in a few small lists: bounds are tens, not thousands."""

    def __init__(self) -> None:
        self._jobs: list[J] = []
        #: Service that each present peer has had, in ns, less what all have had.
        self._served: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[J]:
        return iter(self._jobs)

    def push(self, job: J) -> None:
        """Let a request wait. A peer that comes anew has had as little as anybody."""
        if job.peer not in self._served:
            self._served[job.peer] = min(self._served.values(), default=0)
        self._jobs.append(job)

    def pop(self, may_run: Callable[[J], bool]) -> J | None:
        """Take out the next request that may run now."""
        best: J | None = None
        lines: set[Hashable] = set()
        for job in self._jobs:
            if job.line in lines:
                continue
            if job.line is not None:
                lines.add(job.line)
            if may_run(job) and (best is None or self._rank(job) < self._rank(best)):
                best = job
        if best is not None:
            self._jobs.remove(best)
        return best

    def remove(self, job: J) -> bool:
        """Take out a request whose caller went away; tell whether it still waited."""
        if job not in self._jobs:
            return False
        self._jobs.remove(job)
        return True

    def charge(self, peer: Hashable, ns: int) -> None:
        """Count service against a peer; forget those who have nothing waiting."""
        if not self._served:  # nobody waits, or did: the usual case
            return
        if peer in self._served:
            self._served[peer] += ns
        present = {job.peer for job in self._jobs}
        if len(self._served) > len(present) + 1:
            self._served = {p: n for p, n in self._served.items() if p in present}

    def ahead(self, peer: Hashable, priority: int) -> int:
        """Return how many requests would leave before a new one of this peer.

        With n of its own waiting and P peers in turn, that is at most n of each.
        """
        rank = priority or DEFAULT_PRIORITY
        urgent = sum((job.priority or DEFAULT_PRIORITY) < rank for job in self._jobs)
        same = [job for job in self._jobs if (job.priority or DEFAULT_PRIORITY) == rank]
        own = sum(job.peer == peer for job in same)
        counts: dict[Hashable, int] = {}
        for job in same:
            counts[job.peer] = counts.get(job.peer, 0) + 1
        others = sum(min(n, own + 1) for who, n in counts.items() if who != peer)
        return urgent + own + others

    def _rank(self, job: J) -> tuple[int, int, float]:
        return (
            job.priority or DEFAULT_PRIORITY,
            self._served.get(job.peer, 0),
            job.deadline_s,
        )

    def __repr__(self) -> str:
        return f"{len(self._jobs)} waiting of {len({j.peer for j in self._jobs})} peers"
