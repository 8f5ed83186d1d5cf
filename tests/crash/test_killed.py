"""The real daemon killed, or refused by its disk, at every call that changes its store.

Those are the calls of one install: it comes in, is proved, goes live, is committed, and
the oldest release is deleted. A plain run counts them; every strike must hit, and hit
what was planned.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.killing import WORDS, WRITERS, hit, plan, prepared
from tests.crash.strikes import KILL, Call
from tests.fakes.daemon import short_home

#: Every so many-th call; `make crash` takes every one.
STRIDE = int(os.environ.get("EDGED_CRASH_STRIDE", "6"))

#: Plain runs until two are the same: the first may compile a module, others do not.
PLAIN_RUNS = 4
#: A strike that missed is tried again: another thread's doings can shift a count.
TRIES = 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing"),
    pytest.mark.skipif(os.geteuid() != 0, reason="tracing a process needs root here"),
]


class Bench(NamedTuple):
    """A store to be copied, and the calls of an install into it."""

    work: Path
    template: Path
    calls: list[Call]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Return the store, and calls that two plain runs in a row have made."""
    with short_home() as work:
        template, before = prepared(work / "t"), list[Call]()
        for _ in range(PLAIN_RUNS):
            calls = plan(template, work / "h")
            if calls == before:
                yield Bench(work, template, calls)
                return
            before = calls
    raise AssertionError("no two plain runs make the same calls")


def explore(bench: Bench, how: str, first: int) -> tuple[int, list[str]]:
    """Strike every STRIDE-th call; return how many were hit, and faults."""
    hits, faults = 0, []
    for call in bench.calls[first % STRIDE :: STRIDE]:
        for _ in range(TRIES):
            outcome = hit(bench.template, bench.work / "h", call, how)
            if outcome.wrong:
                faults.append(f"{call}: {outcome.wrong} (said: {outcome.said!r})")
            if outcome.hit:
                hits += 1
                break
    print(f"{how}: {hits} hits")  # noqa: T201  # shown with -s
    return hits, faults


def wanted(bench: Bench, first: int) -> int:
    """Return how many calls a plain run says there are to strike."""
    return len(range(first % STRIDE, len(bench.calls), STRIDE))


def test_all_who_change_the_store_are_struck(bench: Bench) -> None:
    """A plain run of everybody finds no call of any other thread, or of a child."""
    print(f"{len(bench.calls)} calls")  # noqa: T201  # shown with -s

    assert {call.thread for call in bench.calls} == WRITERS
    assert len(bench.calls) >= 50


def test_a_kill_at_any_call_leaves_the_old_or_the_new_release(bench: Bench) -> None:
    """Never a mixture, always one that serves; and the next install succeeds."""
    hits, faults = explore(bench, KILL, 0)

    assert faults == []
    assert hits == wanted(bench, 0)


@pytest.mark.parametrize("how", WORDS)
def test_a_disk_that_refuses_any_call_takes_nobody_down(bench: Bench, how: str) -> None:
    """It is told so, the same daemon serves on, and installs when the fault is gone."""
    first = 1 + list(WORDS).index(how)

    hits, faults = explore(bench, how, first)

    assert faults == []
    assert hits == wanted(bench, first)
