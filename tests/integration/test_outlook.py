"""How the box is doing, as far as a download must know."""

import asyncio
from pathlib import Path

import pytest

from edged.adapt.sensors import Sensors
from edged.outlook import Outlook, conditions
from edged.update.offers import Conditions
from tests.fakes.board import Board


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


async def test_a_change_is_seen_at_the_next_look(tmp_path: Path) -> None:
    """And nobody is woken for none."""
    board = Board("pi4-throttled", tmp_path)
    zone = next(path for path in board.files if path.endswith("zone0/temp"))
    board.set(zone, "50000")
    outlook, usable = Outlook(tmp_path, period_s=0.01), asyncio.Event()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        life = group.create_task(outlook.run(usable.set))
        await usable.wait()
        cool = outlook.watch.value.hot
        board.set(zone, "79000")
        hot = await outlook.watch.until(lambda seen: bool(seen.hot))
        life.cancel()

    assert cool is False
    assert hot.hot is True
