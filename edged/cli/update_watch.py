"""`edgectl update watch`: follow a release from its source to where it serves.

Law: what the updater does is a line of data, and how far it is is talk, rewritten in
its place; without a terminal every tenth of a download is a line. Leaving has no effect
on the update. A daemon that is away for a moment is waited for.
"""

import argparse
import time

from edged.cli.desk import READ_S, Desk
from edged.cli.exits import Exit
from edged.cli.output import clip, fold
from edged.cli.updating import UNDER_WAY, age, headline, left_s, percent, rate_text
from edged.client.updater import UpdaterControl
from edged.errors import NoDaemon, TimedOut
from edged.wire.endpoints import UPDATE, UPDATE_HISTORY
from edged.wire.updates import (
    Activity,
    Attempt,
    AttemptsRequest,
    Outcome,
    Transfer,
    UpdateRequest,
    UpdateStatus,
)
from edged.wire.words import size_text, span_text, utc_text

#: How long a person watches a pause between two tries; a longer one is told and left.
PATIENCE_S = 300.0

#: A daemon that crashed is back within seconds, or systemd has given it up.
AWAY_S = 30.0

_RETRY_S = 0.5
_POLL_S = 30.0
_LIVE_S, _PLAIN_S = 0.5, 2.0  # between two looks at a download
_BAR, _LEAST_BAR = 20, 5

_EXIT = {
    Outcome.INSTALLED: Exit.FINE,
    Outcome.REFUSED: Exit.BAD_DATA,
    Outcome.FAILED: Exit.TRY_AGAIN,
    Outcome.GIVEN_UP: Exit.FAILED,
}


def run(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    """Follow until there is nothing to follow; end as the update did."""
    with desk.control() as control:
        updater = desk.updater(control)
        try:
            return Watcher(desk, updater).watch()
        finally:
            desk.screen.progress("")
            updater.close()


class Watcher:
    """Follows the updater.

    Args:
        desk: where to tell; its time limit is for all of it.
        updater: whom to ask.
    """

    def __init__(self, desk: Desk, updater: UpdaterControl) -> None:
        self._desk, self._updater = desk, updater
        self._told: UpdateStatus | None = None
        self._tenth = 0
        limit_s = desk.place.timeout_s
        self._end = None if limit_s is None else time.monotonic() + limit_s

    def watch(self) -> Exit:
        """Follow until it rests.

        Raises:
            NoDaemon: nobody answers, and does not come back.
            TimedOut: the command's own limit has passed; the update goes on.
        """
        told = self._updater.told()
        before = self._newest()
        self._tell(told)
        worked = told.activity in UNDER_WAY
        while not _rests(told):
            told = self._next(told)
            self._tell(told)
            worked = worked or told.activity in UNDER_WAY
        self._desk.screen.progress("")
        attempt = self._newest()
        if attempt is not None and attempt != before:
            return self._ended(attempt)
        silent = any(why.model is None for why in told.reasons)
        if told.activity is not Activity.IDLE or silent:
            return Exit.TRY_AGAIN
        return Exit.FINE if worked else Exit.NOTHING_TO_DO

    def _tell(self, told: UpdateStatus) -> None:
        """Write a line where something is new, and how far a download is."""
        screen = self._desk.screen
        if self._told is None or _line(self._told) != _line(told):
            screen.progress("")
            self._tenth = 0
            if self._desk.as_json:
                screen.json_line(told)
            else:
                self._write(_line(told))
        self._told = told
        if told.transfer is None or told.activity is not Activity.DOWNLOADING:
            screen.progress("" if _rests(told) else told.text)
            return
        screen.progress(bar_line(told, told.transfer, screen.width - 1))
        tenth = percent(told.transfer) // 10
        if tenth > self._tenth and not screen.talks_to_terminal:
            self._tenth = tenth
            self._write_tenth(told)

    def _write_tenth(self, told: UpdateStatus) -> None:
        if self._desk.as_json:
            self._desk.screen.json_line(told)
            return
        self._write(f"{_now_utc()}  {headline(told, _now_utc())}")

    def _write(self, text: str) -> None:
        """Write a record: folded for eyes, in one line for a pipe."""
        screen = self._desk.screen
        lines = fold(text, width=screen.width) if screen.is_terminal else [text]
        for line in lines:
            screen.line(line)
        screen.flush()

    def _ended(self, attempt: Attempt) -> Exit:
        if not self._desk.as_json:
            text = f": {attempt.text}" if attempt.text else ""
            self._desk.screen.line(
                f"{attempt.model} {attempt.version} (seq {attempt.seq}) "
                f"{attempt.outcome.value}{text}"
            )
            if attempt.outcome is not Outcome.INSTALLED:
                self._desk.screen.talk("  try: edgectl update why")
        return _EXIT[attempt.outcome]

    def _newest(self) -> Attempt | None:
        request = AttemptsRequest(limit=1)
        found = self._updater.call(UPDATE_HISTORY, request, timeout_s=READ_S)
        return found.attempts[-1] if found.attempts else None

    def _next(self, told: UpdateStatus) -> UpdateStatus:
        """Return the next state, or the same with how far it is now."""
        wait_s = self._wait_s(told)
        request = UpdateRequest(known=told.revision, wait_s=wait_s)
        answer_s, away_until = wait_s + READ_S, time.monotonic() + AWAY_S
        while True:
            try:
                return self._updater.call(UPDATE, request, timeout_s=answer_s)
            except NoDaemon:
                if time.monotonic() > away_until:
                    raise
            self._desk.screen.progress("the updater is away; waiting for it")
            time.sleep(_RETRY_S)

    def _wait_s(self, told: UpdateStatus) -> float:
        wait_s = _POLL_S
        if told.activity is Activity.DOWNLOADING:
            wait_s = _LIVE_S if self._desk.screen.talks_to_terminal else _PLAIN_S
        if self._end is None:
            return wait_s
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut(
                "cannot wait longer: the update goes on", hint="edgectl update watch"
            )
        return min(left, wait_s)


def bar_line(told: UpdateStatus, transfer: Transfer, width: int) -> str:
    """Draw a download: `=` was kept from before, `#` came, `.` is to come.

    Where a line has no room for all of it, the bar gives way, then the end.
    """
    parts = [
        f"{percent(transfer)} %",
        f"{size_text(transfer.done_bytes)} of {size_text(transfer.total_bytes)}",
        rate_text(transfer),
    ]
    if (left := left_s(transfer)) is not None:
        parts.append(f"{span_text(left)} left")
    if transfer.kept_bytes:
        parts.append(f"{size_text(transfer.kept_bytes)} kept")
    name, rest = f"{told.model} {told.version}", "  ".join(parts)
    bar = max(_LEAST_BAR, min(_BAR, width - len(f"{name} [] {rest}")))
    total = max(1, transfer.total_bytes)
    done = min(bar, bar * transfer.done_bytes // total)
    kept = min(done, bar * transfer.kept_bytes // total)
    drawn = ("=" * kept + "#" * (done - kept)).ljust(bar, ".")
    return clip(f"{name} [{drawn}] {rest}", width)


def _rests(told: UpdateStatus) -> bool:
    """Tell whether nothing moves that a person would wait for."""
    match told.activity:
        case Activity.IDLE if told.model is None:
            return True
        case Activity.HELD | Activity.PAUSED:
            return True
        case Activity.BACK_OFF | Activity.IDLE:  # what a restart cut off goes on
            ahead_s = age(_now_utc(), told.until_utc or "")
            return ahead_s is None or ahead_s > PATIENCE_S
        case _:
            return False


def _line(told: UpdateStatus) -> str:
    text = told.text
    word = told.activity.value
    return f"{told.since_utc}  {text if text.startswith(word) else f'{word}: {text}'}"


def _now_utc() -> str:
    from datetime import UTC, datetime  # noqa: PLC0415  # next to its use

    return utc_text(datetime.now(UTC))
