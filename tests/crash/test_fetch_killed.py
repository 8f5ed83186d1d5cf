"""edged-updater killed, or refused by its disk, at every call that changes its folder.

Those are the calls of one update, from a person's `resume` to the end: see `fetching`.
A plain run counts them; every strike must hit, and hit what was planned.
"""

import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.crash.campaign import WORDS, explore, settled, stride
from tests.crash.fetching import WRITERS, World, hit, plan, world
from tests.crash.strikes import KILL, Call
from tests.fakes.daemon import short_home

#: Every so many-th call; `make crash` takes every one.
STRIDE = stride(24)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3 * 3600),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing"),
    pytest.mark.skipif(os.geteuid() != 0, reason="tracing a process needs root here"),
]


class Bench(NamedTuple):
    """A publisher, a daemon, an updater in the middle of it, and its calls."""

    world: World
    calls: list[Call]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Return calls that two plain runs in a row have made."""
    with short_home() as home, world(home) as made:
        yield Bench(made, settled(lambda: plan(made)))


def struck(bench: Bench, how: str, first: int) -> None:
    """Strike every STRIDE-th call; nothing may be wrong, and no strike miss."""
    calls = bench.calls[first % STRIDE :: STRIDE]

    hits, faults = explore(calls, how, lambda call, by: hit(bench.world, call, by))

    assert faults == []
    assert hits == len(calls)


def test_all_who_change_the_updaters_folder_are_struck(bench: Bench) -> None:
    """A plain run of everybody finds no call of any other thread, or of a child."""
    print(f"{len(bench.calls)} calls")  # noqa: T201  # shown with -s

    assert {call.thread for call in bench.calls} == WRITERS
    assert len(bench.calls) >= 100


def test_a_kill_at_any_call_costs_a_flush_unit_at_most(bench: Bench) -> None:
    """The next life goes on: nothing mixed, nothing left over, no less believed."""
    struck(bench, KILL, 0)


@pytest.mark.parametrize("how", WORDS)
def test_a_disk_that_refuses_any_call_ends_no_update(bench: Bench, how: str) -> None:
    """It is told with its reason, and the same updater goes on when it can."""
    struck(bench, how, 1 + list(WORDS).index(how))
