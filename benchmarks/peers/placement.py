"""On which cores client and server run while one client asks.

Law: what is moved is put back. Only this process and a server's own tree are moved.

A virtual core that sleeps is woken by an interrupt through the hypervisor, which takes
longer than most requests here. So whether client and server share a core decides more
than any server does, and the kernel decides it anew in each turn.
Source: sched_setaffinity(2), proc_pid_task(5).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from process import tree


class Where(Enum):
    """Where client and server run."""

    ONE_CORE = "on one core"
    FREE = "as the kernel places them"


@contextmanager
def placed(pid: int, where: Where) -> Iterator[None]:
    """Keep this process and all of a server's on one core, or let them be.

    Args:
        pid: of the server's first process.
        where: what is wanted.
    """
    if where is Where.FREE:
        yield
        return
    free = os.sched_getaffinity(0)
    core = {max(free)}
    before: dict[int, set[int]] = {}
    try:
        # Again until nobody is new: a thread may start while its siblings are moved.
        # Those that start later inherit the core.
        while new := [task for task in _tasks(pid) if task not in before]:
            for task in new:
                with suppress(ProcessLookupError):
                    before[task] = os.sched_getaffinity(task)
                    os.sched_setaffinity(task, core)
                before.setdefault(task, free)
        yield
    finally:
        for task in _tasks(pid):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(task, before.get(task, free))


def _tasks(pid: int) -> list[int]:
    """Return every thread of this process and of the server's."""
    found: list[int] = []
    for process in (os.getpid(), *(each.pid for each in tree(pid))):
        with suppress(FileNotFoundError, ProcessLookupError):
            tasks = Path(f"/proc/{process}/task").iterdir()
            found += [int(task.name) for task in tasks]
    return found
