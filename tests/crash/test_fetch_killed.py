"""The calls of one update that change edged-updater's folder, counted.

From a person's `resume` to the end: see `fetching`, which can strike each of them.
"""

import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.crash.campaign import settled
from tests.crash.fetching import WRITERS, World, plan, world
from tests.crash.strikes import Call
from tests.fakes.daemon import short_home

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
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


def test_all_who_change_the_updaters_folder_are_struck(bench: Bench) -> None:
    """A plain run of everybody finds no call of any other thread, or of a child."""
    print(f"{len(bench.calls)} calls")  # noqa: T201  # shown with -s

    assert {call.thread for call in bench.calls} == WRITERS
    assert len(bench.calls) >= 100
