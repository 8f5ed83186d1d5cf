"""One writer, many readers."""

import asyncio

from edged.watch import Owned


async def test_a_reader_sees_the_latest_value() -> None:
    """The writer's last word is what everybody reads."""
    owned = Owned(1)
    watch = owned.watch

    owned.set(2)

    assert 2 == watch.value


async def test_until_returns_at_once_when_it_holds() -> None:
    """Nobody waits for what is so already."""
    actual = await Owned("ready").watch.until(lambda value: value == "ready")

    assert "ready" == actual


async def test_until_sleeps_through_other_values() -> None:
    """A reader is woken for each change and goes on waiting for its own."""
    owned = Owned(0)
    seen: list[int] = []

    def is_three(value: int) -> bool:
        seen.append(value)
        return value == 3

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(owned.watch.until(is_three))
        await asyncio.sleep(0)
        for value in (1, 2, 3):
            owned.set(value)
            await asyncio.sleep(0)

    assert (3, [0, 1, 2, 3]) == (waiting.result(), seen)


async def test_a_burst_is_seen_as_its_last_value() -> None:
    """Values in between are nobody's business."""
    owned = Owned(0)
    seen: list[int] = []

    def is_positive(value: int) -> bool:
        seen.append(value)
        return value > 0

    async with asyncio.TaskGroup() as group:
        group.create_task(owned.watch.until(is_positive))
        await asyncio.sleep(0)
        owned.set(1)
        owned.set(2)

    assert [0, 2] == seen


def test_it_can_speak() -> None:
    """Logs and failures show the value."""
    assert "Watch('ready')" == repr(Owned("ready").watch)
