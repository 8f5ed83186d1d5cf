"""How the box is doing, as far as a download must know."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.adapt.sensors import Sensors
from edged.client import Control
from edged.outlook import FarOutlook, Outlook, conditions
from edged.update.offers import Conditions
from edged.watch import Owned
from edged.wire.adapt import (
    Adaptation,
    Caps,
    Errand,
    ForceRequest,
    Permits,
    Strategy,
    StrategyState,
)
from edged.wire.endpoints import STRATEGY_AUTO, STRATEGY_FORCE
from edged.wire.messages import Nothing
from tests.fakes.board import Board
from tests.fakes.control import fake_control
from tests.fakes.daemon import running, short_home


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vm", Conditions()),
        ("pi5-idle", Conditions(hot=False)),
        ("pi4-throttled", Conditions(hot=True)),
        ("laptop", Conditions(battery_pct=95.0, on_mains=False, hot=False)),
    ],
)
def test_a_board_says_what_it_knows(
    tmp_path: Path, name: str, expected: Conditions
) -> None:
    """And nothing of what it does not."""
    board = Board(name, tmp_path)

    look = Sensors(board.root).read()

    assert expected == conditions(look.sensed, before=Conditions())


@pytest.mark.parametrize(
    ("millic", "was_hot", "is_hot"),
    [
        (75_000, False, True),
        (74_900, False, False),
        (74_900, True, True),
        (70_100, True, True),
        (69_900, True, False),
    ],
)
def test_a_hot_box_must_cool_down(
    tmp_path: Path, *, millic: int, was_hot: bool, is_hot: bool
) -> None:
    """Or a download would come and go with every degree."""
    board = Board("pi4-throttled", tmp_path)
    zone = next(path for path in board.files if path.endswith("zone0/temp"))
    board.set(zone, str(millic))

    look = Sensors(board.root).read()

    assert is_hot is conditions(look.sensed, before=Conditions(hot=was_hot)).hot


@pytest.mark.parametrize(
    ("errands", "may_look", "may_fetch"),
    [
        ((Errand.CHECK, Errand.DOWNLOAD), True, True),
        ((Errand.CHECK,), True, False),
        ((), False, False),
    ],
)
async def test_the_governors_word_is_followed(
    errands: tuple[Errand, ...], *, may_look: bool, may_fetch: bool
) -> None:
    """With what a download must know of the box."""
    permits = Owned(Permits(errands=tuple(Errand), strategy="normal (why)"))
    outlook, usable = Outlook(permits.watch), asyncio.Event()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        life = group.create_task(outlook.run(usable.set))
        await usable.wait()
        before = outlook.watch.value
        permits.set(
            Permits(errands=errands, strategy="lean (why)", hot=False, battery_pct=15.0)
        )
        seen = await outlook.watch.until(lambda now: now != before)
        life.cancel()

    assert (True, True) == (before.may_look, before.may_fetch)
    assert (may_look, may_fetch) == (seen.may_look, seen.may_fetch)
    assert ("lean (why)", False, 15.0) == (seen.strategy, seen.hot, seen.battery_pct)


async def test_from_another_process_the_daemon_is_heard(tmp_path: Path) -> None:
    """News come at once, not at the next question."""
    Board("pi4-throttled", tmp_path)
    with (
        short_home() as home,
        running(home) as box,
        Control(box.control) as control,
        ThreadPoolExecutor(1) as person,
    ):
        outlook, usable = FarOutlook(Control(box.control), tmp_path), asyncio.Event()

        async with asyncio.timeout(15), asyncio.TaskGroup() as group:
            life = group.create_task(outlook.run(usable.set))
            await usable.wait()
            before = outlook.watch.value
            request = ForceRequest(strategy=Strategy.LIGHTWEIGHT)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(person, control.call, STRATEGY_FORCE, request)
            seen = await outlook.watch.until(lambda now: not now.may_fetch)
            life.cancel()
            await loop.run_in_executor(person, control.call, STRATEGY_AUTO, Nothing())

    assert before.may_fetch
    assert before.hot is None
    assert seen.strategy.startswith("lightweight (")


async def test_what_is_known_is_not_asked_for_again(tmp_path: Path) -> None:
    """A question waits in the daemon until there are news."""
    told = Adaptation(
        revision=7,
        state=StrategyState(
            strategy=Strategy.NORMAL, because="", since_utc="", own=Strategy.NORMAL
        ),
        caps=Caps(),
        permits=Permits(errands=tuple(Errand), strategy="normal"),
    )
    with short_home() as home, fake_control(home / "control.sock") as daemon:
        daemon.answer("GET /v1/strategy", told)
        outlook = FarOutlook(Control(daemon.path), tmp_path)
        usable = asyncio.Event()

        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            life = group.create_task(outlook.run(usable.set))
            await usable.wait()
            while len(daemon.asked) < 2:  # noqa: ASYNC110  # a thread's list
                await asyncio.sleep(0.01)
            life.cancel()

    assert [
        "GET /v1/strategy?known=-1&wait_s=0.0",
        "GET /v1/strategy?known=7&wait_s=30.0",
    ] == daemon.asked[:2]


async def test_while_no_daemon_answers_the_box_is_looked_at(tmp_path: Path) -> None:
    """Now and then, and nothing is forbidden by a strategy that nobody knows."""
    board = Board("pi4-throttled", tmp_path)
    zone = next(path for path in board.files if path.endswith("zone0/temp"))
    board.set(zone, "50000")
    nobody = Control(tmp_path / "control.sock")
    outlook = FarOutlook(nobody, tmp_path, period_s=0.01)
    usable = asyncio.Event()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        life = group.create_task(outlook.run(usable.set))
        await usable.wait()
        cool = outlook.watch.value
        board.set(zone, "79000")
        hot = await outlook.watch.until(lambda seen: bool(seen.hot))
        life.cancel()

    assert (False, True) == (cool.hot, cool.may_fetch)
    assert hot.hot is True
