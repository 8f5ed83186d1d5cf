"""`edgectl update watch`: a story from its first state to its end."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from edged.api import problems
from edged.api.access import Roles
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.output import Screen
from edged.cli.place import Place
from edged.cli.update_watch import Watcher, bar_line
from edged.client.control import Control
from edged.client.updater import UpdaterControl
from edged.errors import NoDaemon
from edged.wire.endpoints import UPDATE_HISTORY
from edged.wire.updates import (
    Activity,
    Attempt,
    Attempts,
    Outcome,
    Reason,
    Transfer,
    UpdateStatus,
    WhyNot,
)
from tests.fakes.agent import FakeAgent, fake_app
from tests.fakes.serving import served
from tests.fakes.updater import FakeUpdater

Edgectl = Callable[..., tuple[int, str, str]]

AT = "2026-11-24T07:00:00Z"
DIGITS: dict[str, Any] = {"model": "digits", "version": "1.5.0", "seq": 15}
ENDED = Attempt(at_utc=AT, source="main", outcome=Outcome.INSTALLED, **DIGITS)


@pytest.fixture
def updater() -> FakeUpdater:
    """Return the updater inside the daemon."""
    return FakeUpdater()


@pytest.fixture
def ctl(edgectl: Edgectl, updater: FakeUpdater) -> Iterator[Edgectl]:
    """Return `edgectl update watch`, told where the socket is."""

    def app() -> web.Application:
        return fake_app(FakeAgent(), Roles(), updater)

    with served(app, refuse=problems.control_answer) as path:
        yield lambda *words: edgectl("update", "watch", *words, "--socket", path)


def story(updater: FakeUpdater, attempt: Attempt | None) -> None:
    """Let the updater check, fetch, hand in and rest."""

    def rest() -> None:
        updater.attempts = () if attempt is None else (attempt,)
        updater.become(activity=Activity.IDLE, text="up to date", transfer=None)

    def fetch(done: int) -> None:
        updater.become(
            activity=Activity.DOWNLOADING,
            text="digits 1.5.0 (seq 15): fetches 1000 B",
            transfer=Transfer(total_bytes=1000, done_bytes=done, rate_bytes_s=100.0),
            **DIGITS,
        )

    updater.become(activity=Activity.CHECKING, text="asks main", since_utc=AT)
    updater.ahead = [
        lambda: fetch(50),
        lambda: fetch(420),
        lambda: fetch(440),
        lambda: updater.become(
            activity=Activity.STAGED,
            text="digits 1.5.0 (seq 15): the daemon proves it, change 7",
        ),
        rest,
    ]


def test_an_update_is_followed_to_where_it_serves(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """A line a state, and without a terminal a line a tenth of the download."""
    story(updater, ENDED)

    code, out, err = ctl()

    lines = out.splitlines()
    assert (
        0,
        [
            f"{AT}  checking: asks main",
            f"{AT}  downloading: digits 1.5.0 (seq 15): fetches 1000 B",
            "downloading: digits 1.5.0 (seq 15): 42 % of 1000 B, 100 B/s, 5 s left",
            f"{AT}  staged: digits 1.5.0 (seq 15): the daemon proves it, change 7",
            f"{AT}  idle: up to date",
            "digits 1.5.0 (seq 15) installed",
        ],
        "",
    ) == (code, [*lines[:2], lines[2].partition("  ")[2], *lines[3:]], err)


def test_each_state_is_a_document(ctl: Edgectl, updater: FakeUpdater) -> None:
    """A script reads line by line."""
    story(updater, ENDED)

    _, out, _ = ctl("--json")

    told = [json.loads(line) for line in out.splitlines()]
    assert {"edged.update/1"} == {one["schema"] for one in told}
    assert ["checking", "downloading", "downloading", "staged", "idle"] == [
        one["activity"] for one in told
    ]


@pytest.mark.parametrize(
    ("outcome", "number"),
    [(Outcome.REFUSED, 65), (Outcome.FAILED, 75), (Outcome.GIVEN_UP, 1)],
)
def test_what_brings_nothing_ends_with_a_number(
    ctl: Edgectl, updater: FakeUpdater, outcome: Outcome, number: int
) -> None:
    """And with what to ask next."""
    ended = Attempt(at_utc=AT, source="main", outcome=outcome, text="why", **DIGITS)
    story(updater, ended)

    code, out, err = ctl()

    assert (
        number,
        f"digits 1.5.0 (seq 15) {outcome.value}: why",
        "  try: edgectl update why\n",
    ) == (code, out.splitlines()[-1], err)


def test_what_rests_already_is_nothing_to_follow(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """An attempt from before is no news."""
    updater.attempts = (ENDED,)

    code, out, _ = ctl()

    assert (11, 1) == (code, len(out.splitlines()))


def test_where_a_source_is_silent_it_may_work_later(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """Nobody knows whether there is something to follow."""
    silent = WhyNot(
        reason=Reason.UNREACHABLE, source="main", text="no way to it", since_utc=AT
    )
    updater.become(reasons=(silent,))

    assert 75 == ctl()[0]


@pytest.mark.parametrize("activity", [Activity.HELD, Activity.PAUSED])
def test_what_waits_for_a_reason_is_not_waited_for(
    ctl: Edgectl, updater: FakeUpdater, activity: Activity
) -> None:
    """It may last for days; the same command may work later."""
    updater.become(activity=activity, text="held by somebody")

    assert 75 == ctl()[0]


@pytest.mark.parametrize(
    ("until", "number"),
    [("2126-11-24T07:00:00Z", 75), (None, 75), ("2020-11-24T07:00:00Z", 11)],
    ids=["far away", "unknown", "at once"],
)
def test_a_back_off_is_waited_for_where_it_is_short(
    ctl: Edgectl, updater: FakeUpdater, until: str | None, number: int
) -> None:
    """A cut is mended within minutes; a host that is down is not."""
    updater.become(activity=Activity.BACK_OFF, text="cut", until_utc=until)
    updater.ahead = [lambda: updater.become(activity=Activity.IDLE, text="up to date")]

    assert number == ctl()[0]


def test_a_limit_ends_the_watching_alone(ctl: Edgectl, updater: FakeUpdater) -> None:
    """The update goes on."""
    updater.become(activity=Activity.CHECKING, text="asks main")

    code, _, err = ctl("--timeout", "0.2")

    assert (124, True) == (code, "the update goes on" in err)


def test_a_daemon_that_does_not_come_back_is_told(edgectl: Edgectl, home: Path) -> None:
    """From the beginning: nobody is waited for who never was there."""
    assert 69 == edgectl("update", "watch", "--runtime-dir", home)[0]


@pytest.mark.parametrize(
    ("transfer", "drawn"),
    [
        (
            Transfer(total_bytes=0, done_bytes=0),
            "digits 1.5.0 [....................] 100 %  0 B of 0 B  nothing arrives",
        ),
        (
            Transfer(
                total_bytes=2000, done_bytes=1000, kept_bytes=250, rate_bytes_s=10.0
            ),
            (
                "digits 1.5.0 [==########..........] 50 %  1000 B of 2.0 KiB  10 B/s"
                "  1 min 40 s left  250 B kept"
            ),
        ),
        (
            Transfer(total_bytes=10, done_bytes=10, kept_bytes=10, rate_bytes_s=1.0),
            (
                "digits 1.5.0 [====================] 100 %  10 B of 10 B  1 B/s"
                "  0 s left  10 B kept"
            ),
        ),
    ],
    ids=["nothing", "half", "all was there"],
)
def test_a_bar_shows_what_was_kept_and_what_came(
    transfer: Transfer, drawn: str
) -> None:
    """In signs that a serial console has."""
    told = UpdateStatus(
        activity=Activity.DOWNLOADING,
        text="",
        since_utc=AT,
        transfer=transfer,
        **DIGITS,
    )

    assert drawn == bar_line(told, transfer, 100)


def test_a_bar_gives_way_where_a_line_is_short() -> None:
    """Then its end is cut; a line that wraps cannot be rewritten in its place."""
    told = UpdateStatus(activity=Activity.DOWNLOADING, text="", since_utc=AT, **DIGITS)
    transfer = Transfer(total_bytes=4 << 20, done_bytes=1 << 20, rate_bytes_s=100 << 10)

    assert (
        "digits 1.5.0 [##......] 25 %  1.0 MiB of 4.0 MiB  100.0 KiB/s  30 s left"
    ) == bar_line(told, transfer, 72)
    assert ("digits 1.5.0 [#....] 25 %  1.0 MiB of 4.0 MiB  …") == bar_line(
        told, transfer, 48
    )


class Scripted(UpdaterControl):
    """An updater that answers in turn; where an error stands, it raises that."""

    def __init__(self, *turns: UpdateStatus | Exception) -> None:
        super().__init__(Control("/nowhere"), "/nowhere")
        self._turns = list(turns)

    def told(self) -> UpdateStatus:
        """Answer what comes next."""
        turn = self._turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn

    def call(self, endpoint: Any, *_: object, **__: object) -> Any:
        """Answer no attempts, or what comes next."""
        return Attempts() if endpoint is UPDATE_HISTORY else self.told()


class Terminal(io.StringIO):
    """Somebody watches."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def desk_at(err: io.StringIO) -> tuple[Desk, io.StringIO]:
    """Return a desk that talks to `err`, and where its data goes."""
    out = io.StringIO()
    place = Place(control_socket="/nowhere", data_socket="/nowhere")
    return Desk(
        screen=Screen(out=out, err=err, env={}), place=place, as_json=False
    ), out


def fetching(done: int) -> UpdateStatus:
    """Return a download that is so far."""
    transfer = Transfer(total_bytes=1000, done_bytes=done, rate_bytes_s=100.0)
    return UpdateStatus(
        activity=Activity.DOWNLOADING,
        text="x",
        since_utc=AT,
        transfer=transfer,
        **DIGITS,
    )


RESTS = UpdateStatus(activity=Activity.IDLE, text="up to date", since_utc=AT)


def test_an_updater_that_is_away_for_a_moment_is_waited_for() -> None:
    """It goes on after a restart, from where it was."""
    desk, out = desk_at(io.StringIO())
    updater = Scripted(fetching(100), NoDaemon("cannot reach it"), RESTS)

    code = Watcher(desk, updater).watch()

    assert (Exit.FINE, f"{AT}  idle: up to date") == (
        code,
        out.getvalue().splitlines()[-1],
    )


def test_a_terminal_shows_a_bar_in_place() -> None:
    """Data stays a line a state: a bar is no data."""
    desk, out = desk_at(terminal := Terminal())
    updater = Scripted(fetching(100), fetching(900), RESTS)

    Watcher(desk, updater).watch()

    bars = [line for line in terminal.getvalue().split("\r\x1b[K") if "[" in line]
    assert [
        "digits 1.5.0 [##..................] 10 %  100 B of 1000 B  100 B/s  9 s left",
        "digits 1.5.0 [##################..] 90 %  900 B of 1000 B  100 B/s  1 s left",
    ] == bars
    assert [f"{AT}  downloading: x", f"{AT}  idle: up to date"] == (
        out.getvalue().splitlines()
    )
