"""What edged-updater tells the service manager."""

import asyncio
from collections.abc import Awaitable, Callable

from edged.host.notify import Notifier
from edged.updater import Announcer


async def _told(moves: Callable[[], Awaitable[None]], watchdog_us: str) -> list[str]:
    """Return the first lines that are told while it lives, and as it ends."""
    told: list[str] = []
    environ = {"NOTIFY_SOCKET": "/nobody", "WATCHDOG_USEC": watchdog_us}
    notifier = Notifier(environ, send=told.append)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        life = tasks.create_task(Announcer(notifier, 2, moves).run(ready.set))
        await ready.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        life.cancel()
    return [text.partition("\n")[0] for text in told]


async def test_the_watchdog_is_fed_while_every_part_moves() -> None:
    """READY comes first, STOPPING last."""

    async def moves() -> None:
        await asyncio.sleep(0)

    told = await _told(moves, "600000000")

    assert ["READY=1", "WATCHDOG=1", "STOPPING=1"] == told


async def test_a_part_that_hangs_leaves_the_watchdog_hungry() -> None:
    """So that systemd starts it anew."""

    async def hangs() -> None:
        await asyncio.Event().wait()

    told = await _told(hangs, "600000000")

    assert ["READY=1", "STOPPING=1"] == told


async def test_without_a_watchdog_nobody_is_asked_to_move() -> None:
    """An idle updater sleeps."""

    async def moves() -> None:
        raise AssertionError

    told = await _told(moves, "")

    assert ["READY=1", "STOPPING=1"] == told
