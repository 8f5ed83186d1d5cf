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

from tests.crash.campaign import WORDS, explore, settled, stride
from tests.crash.killing import WRITERS, hit, plan, prepared
from tests.crash.strikes import KILL, Call
from tests.fakes.daemon import short_home

#: Every so many-th call; `make crash` takes every one.
STRIDE = stride(6)

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
        template = prepared(work / "t")
        calls = settled(lambda: plan(template, work / "h"))
        yield Bench(work, template, calls)


def struck(bench: Bench, how: str, first: int) -> None:
    """Strike every STRIDE-th call; nothing may be wrong, and no strike miss."""
    calls = bench.calls[first % STRIDE :: STRIDE]

    hits, faults = explore(
        calls, how, lambda call, by: hit(bench.template, bench.work / "h", call, by)
    )

    assert faults == []
    assert hits == len(calls)


def test_all_who_change_the_store_are_struck(bench: Bench) -> None:
    """A plain run of everybody finds no call of any other thread, or of a child."""
    print(f"{len(bench.calls)} calls")  # noqa: T201  # shown with -s

    assert {call.thread for call in bench.calls} == WRITERS
    assert len(bench.calls) >= 50


def test_a_kill_at_any_call_leaves_the_old_or_the_new_release(bench: Bench) -> None:
    """Never a mixture, always one that serves; and the next install succeeds."""
    struck(bench, KILL, 0)


@pytest.mark.parametrize("how", WORDS)
def test_a_disk_that_refuses_any_call_takes_nobody_down(bench: Bench, how: str) -> None:
    """It is told so, the same daemon serves on, and installs when the fault is gone."""
    struck(bench, how, 1 + list(WORDS).index(how))
