"""Who is next."""

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edged.serve.queue import Queue


class Job(msgspec.Struct, frozen=True):
    """A waiting request."""

    name: str
    peer: str = "a"
    priority: int = 0
    deadline_s: float = 10.0
    line: str | None = None


def anything(_job: Job) -> bool:
    """Let everything run."""
    return True


def drained(
    queue: Queue[Job], may_run: Callable[[Job], bool] = anything, *, ns: int = 100
) -> list[str]:
    """Pop all, each run costing the same."""
    order = []
    while (job := queue.pop(may_run)) is not None:
        order.append(job.name)
        queue.charge(job.peer, ns)
    return order


def queue_of(*jobs: Job) -> Queue[Job]:
    """Return a queue in which these wait."""
    queue: Queue[Job] = Queue()
    for job in jobs:
        queue.push(job)
    return queue


def test_the_earliest_deadline_of_a_peer_goes_first() -> None:
    """Equal ones leave as they came."""
    queue = queue_of(
        Job("late", deadline_s=9),
        Job("first", deadline_s=5),
        Job("second", deadline_s=5),
        Job("soon", deadline_s=1),
    )

    assert drained(queue) == ["soon", "first", "second", "late"]


def test_an_urgent_class_goes_before_every_deadline() -> None:
    """1 is the highest; 0 is the default, which stands before 3."""
    queue = queue_of(
        Job("low", priority=3, deadline_s=1),
        Job("usual", priority=0, deadline_s=2),
        Job("urgent", priority=1, deadline_s=99),
        Job("two", priority=2, deadline_s=1),
    )

    assert drained(queue) == ["urgent", "two", "usual", "low"]


def test_a_greedy_peer_delays_itself() -> None:
    """Whoever sends one at a time waits for one, not for fifty."""
    queue = queue_of(*[Job(f"g{n}", peer="greedy", deadline_s=n) for n in range(50)])
    queue.pop(anything)
    queue.charge("greedy", 100)
    queue.push(Job("modest", peer="modest", deadline_s=99))

    assert drained(queue)[:3] == ["g1", "modest", "g2"]


def test_turns_are_by_service_not_by_count() -> None:
    """A peer whose runs cost three times as much gets every third turn."""
    queue = queue_of(
        *[Job(f"big{n}", peer="big") for n in range(4)],
        *[Job(f"s{n}", peer="small") for n in range(8)],
    )
    order = []

    while (job := queue.pop(anything)) is not None:
        order.append(job.peer)
        queue.charge(job.peer, 300 if job.peer == "big" else 100)

    assert order[:8].count("small") == 6


def test_a_newcomer_has_no_credit_from_the_past() -> None:
    """It starts level with the peer that was served least."""
    queue = queue_of(Job("a1", peer="a"), Job("a2", peer="a"), Job("a3", peer="a"))
    for _ in range(2):
        queue.pop(anything)
        queue.charge("a", 1000)
    for n in range(3):
        queue.push(Job(f"b{n}", peer="b", deadline_s=1))
    queue.push(Job("a4", peer="a"))

    assert drained(queue) == ["b0", "a3", "b1", "a4", "b2"]


def test_a_rung_that_is_busy_is_skipped() -> None:
    """Others behind it may run."""
    queue = queue_of(Job("busy", deadline_s=1), Job("free", deadline_s=2))

    job = queue.pop(lambda job: job.name != "busy")

    assert job is not None
    assert job.name == "free"
    assert queue.pop(lambda _job: False) is None
    assert len(queue) == 1


def test_a_removed_request_leaves_without_a_run() -> None:
    """Removing it twice finds nothing."""
    gone = Job("gone", deadline_s=1)
    queue = queue_of(gone, Job("stays"))

    assert queue.remove(gone)
    assert not queue.remove(gone)
    assert drained(queue) == ["stays"]


def test_those_of_one_line_never_overtake_each_other() -> None:
    """A sequence's state depends on the order; others may pass."""
    queue = queue_of(
        Job("s1", line="s", deadline_s=30),
        Job("s2", line="s", deadline_s=5),
        Job("s3", line="s", priority=1),
        Job("free", deadline_s=6),
        Job("t1", line="t", deadline_s=7),
    )

    assert drained(queue) == ["free", "t1", "s1", "s2", "s3"]


def test_what_is_ahead_of_a_newcomer_is_fair_too() -> None:
    """One turn of each other peer, and all of its own, and all more urgent ones."""
    queue = queue_of(
        *[Job(f"g{n}", peer="greedy") for n in range(50)],
        Job("mine", peer="me"),
        Job("other", peer="other"),
        Job("urgent", peer="greedy", priority=1),
        Job("low", peer="greedy", priority=5),
    )

    assert queue.ahead("new", 0) == 1 + 0 + 3
    assert queue.ahead("me", 0) == 1 + 1 + 2 + 1
    assert queue.ahead("greedy", 0) == 1 + 50 + 2
    assert queue.ahead("me", 1) == 0 + 0 + 1
    assert repr(queue) == "54 waiting of 3 peers"


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(1, 5)),
        max_size=30,
    )
)
def test_nobody_is_lost_and_classes_never_mix(rows: list[tuple[str, int, int]]) -> None:
    """Every request leaves once; a less urgent one never before a more urgent one."""
    jobs = [
        Job(str(n), peer=peer, priority=priority, deadline_s=deadline)
        for n, (peer, priority, deadline) in enumerate(rows)
    ]

    order = drained(queue_of(*jobs))

    classes = [jobs[int(name)].priority or 2 for name in order]
    assert sorted(order, key=int) == [job.name for job in jobs]
    assert classes == sorted(classes)
