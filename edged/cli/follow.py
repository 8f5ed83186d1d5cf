"""Follow a change by long polls, until it serves or is over.

Law: a daemon that is away for a moment is waited for: a change goes on after a
restart. Leaving has no effect on the change.
"""

import time
from collections.abc import Callable

import msgspec

from edged.cli.desk import READ_S, Desk
from edged.cli.news import SERVES, now
from edged.client.control import Control
from edged.errors import NoDaemon, TimedOut
from edged.wire.changes import Change, ChangeRequest, Step, StepTaken, Which, Wish
from edged.wire.endpoints import CHANGE

#: One poll: the most that the daemon waits.
POLL_S = 30.0

#: A daemon that crashed is back within seconds, or systemd has given it up.
AWAY_S = 30.0

_RETRY_S = 0.5

Tell = Callable[[Change, StepTaken], None]


class StepSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What `watch --json` prints for each step, in a line of its own."""

    schema: str = "edged.step/1"
    change: int
    model: str
    wish: Wish
    release: Which | None = None
    taken: StepTaken


class Follower:
    """Follows one change.

    Args:
        desk: how to reach the daemon; its time limit is for all of it.
        number: the change's id.
        tell: called with every step, once.
    """

    def __init__(self, desk: Desk, number: int, tell: Tell) -> None:
        self._desk = desk
        self._number = number
        self._tell = tell
        self._seen = 0
        self._doing = ""
        limit_s = desk.place.timeout_s
        self._end = None if limit_s is None else time.monotonic() + limit_s

    def follow(self) -> Change:
        """Return the change once it serves, is held or is over.

        One that serves already is followed to its end.

        Raises:
            UnknownChange: there is none of this number.
            NoDaemon: it is away, and does not come back.
            TimedOut: the command's own limit has passed; the change goes on.
        """
        screen = self._desk.screen
        try:
            with self._desk.control() as control:
                change = self._poll(control)
                is_watched = change.last.step is Step.PROBATION
                while not _is_settled(change, is_watched=is_watched):
                    change = self._poll(control)
            return change
        finally:
            screen.progress("")

    def _poll(self, control: Control) -> Change:
        change = self._asked(control)
        news = change.steps[self._seen :]
        if news:
            self._desk.screen.progress("")
        for taken in news:
            self._tell(change, taken)
        self._seen, self._doing = len(change.steps), change.doing
        self._desk.screen.progress(now(change))
        return change

    def _asked(self, control: Control) -> Change:
        away_until = time.monotonic() + AWAY_S
        while True:
            wait_s = self._wait_s() if self._seen else 0.0
            request = ChangeRequest(
                id=self._number, steps=self._seen, doing=self._doing, wait_s=wait_s
            )
            try:
                return control.call(CHANGE, request, timeout_s=wait_s + READ_S)
            except NoDaemon:
                # Before the first answer nobody knows that there ever was a daemon.
                if not self._seen or time.monotonic() > away_until:
                    raise
            self._desk.screen.progress("the daemon is away; waiting for it")
            time.sleep(_RETRY_S)

    def _wait_s(self) -> float:
        if self._end is None:
            return POLL_S
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut(
                f"cannot wait longer: change {self._number} goes on",
                hint=f"edgectl watch {self._number}",
            )
        return min(left, POLL_S)


def _is_settled(change: Change, *, is_watched: bool) -> bool:
    step = change.last.step
    if is_watched and step is Step.PROBATION:
        return False
    return change.is_over or step is Step.HELD or step in SERVES
