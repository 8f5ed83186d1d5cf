"""Every call of a plan struck, one after the other, and what came of it."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from edged.host.files import DiskFiles
from edged.store.layout import Layout
from edged.store.links import Links
from edged.store.releases import Releases
from tests.crash.strikes import Call

#: What a technician must read when the disk said so.
WORDS = {
    "error=ENOSPC": "is full",
    "error=EIO": "reports an input/output error",
    "error=EROFS": "is read-only",
}

#: Plain runs until two are the same: the first may compile a module, others do not.
_PLAIN_RUNS = 4
#: A strike that missed is tried again: another thread's doings can shift a count.
_TRIES = 3


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what was struck.

    Attributes:
        hit: whether the planned call was struck.
        said: what whoever wanted it was told; empty if it went well.
        wrong: a promise that was broken; empty for none.
        again_bytes: that had to be fetched once more.
    """

    hit: bool
    said: str
    wrong: str
    again_bytes: int = 0


def stride(every: int) -> int:
    """Return which share of the calls is struck; `make crash` takes every one.

    Args:
        every: so many-th, where nobody says otherwise.
    """
    return int(os.environ.get("EDGED_CRASH_STRIDE", str(every)))


def settled(plan: Callable[[], list[Call]]) -> list[Call]:
    """Return the calls that two plain runs in a row have made.

    Raises:
        AssertionError: no two make the same.
    """
    before = list[Call]()
    for _ in range(_PLAIN_RUNS):
        calls = plan()
        if calls == before:
            return calls
        before = calls
    raise AssertionError("no two plain runs make the same calls")


def explore(
    calls: Sequence[Call], how: str, strike: Callable[[Call, str], Outcome]
) -> tuple[int, list[str]]:
    """Strike each of some calls; return how many were hit, and faults."""
    hits, faults, again = 0, [], 0
    for call in calls:
        for _ in range(_TRIES):
            try:
                outcome = strike(call, how)
            except AssertionError as error:
                error.add_note(f"struck: {call}, {how}")
                raise
            again = max(again, outcome.again_bytes)
            if outcome.wrong:
                faults.append(f"{call}: {outcome.wrong} (said: {outcome.said!r})")
            if outcome.hit:
                hits += 1
                break
    told = f", at most {again} bytes again" if again else ""
    print(f"{how}: {hits} hits{told}")  # noqa: T201  # shown with -s
    return hits, faults


def live(state: Path, model: str) -> tuple[int | None, str]:
    """Return the sequence number of what is live, and what is not whole of it."""
    layout = Layout(state)
    releases = Releases(layout, DiskFiles())
    current = Links(layout, DiskFiles()).current(model)
    if current is None:
        return None, "no link is left"
    release = releases.read(model, current)
    faults = releases.verify(release)
    fault = f"what is live is not whole: {faults[0]}" if faults else ""
    return release.manifest.seq, fault
