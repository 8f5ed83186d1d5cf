"""The real daemon killed, or refused by its disk, at system calls of an install."""

import os
import shutil

import pytest

from tests.crash.killing import CALLS, Hit, hit, prepared
from tests.fakes.daemon import short_home

#: Every so many-th call; `make crash` takes every one.
STRIDE = int(os.environ.get("EDGED_CRASH_STRIDE", "9"))

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing"),
    pytest.mark.skipif(os.geteuid() != 0, reason="tracing a process needs root here"),
]

ERRORS = ("error=ENOSPC", "error=EIO", "error=EROFS")


def explore(how: str, first: int) -> tuple[int, list[str]]:
    """Hit calls until there are no more of a kind; return how many, and faults."""
    hits, faults = 0, []
    with short_home() as work:
        template = prepared(work / "t")
        position = first
        for call in CALLS:
            when = 1 + position % STRIDE
            while True:
                what = Hit(call, when, how)
                outcome = hit(template, work / "h", what)
                if not outcome.hit:
                    break
                hits += 1
                if outcome.wrong:
                    faults.append(f"{what}: {outcome.wrong} (said: {outcome.said!r})")
                when += STRIDE
            position += 3
    return hits, faults


def test_a_kill_at_any_call_leaves_the_old_or_the_new_release() -> None:
    """Never a mixture, always one that serves; and the next install succeeds."""
    hits, faults = explore("signal=SIGKILL", 0)

    print(f"{hits} kills")  # noqa: T201  # shown with -s
    assert faults == []
    assert hits > 0


@pytest.mark.parametrize("how", ERRORS)
def test_a_disk_that_refuses_any_call_takes_nobody_down(how: str) -> None:
    """The same daemon serves on, and installs when the fault is gone."""
    hits, faults = explore(how, ERRORS.index(how))

    print(f"{hits} times {how}")  # noqa: T201  # shown with -s
    assert faults == []
    assert hits > 0
