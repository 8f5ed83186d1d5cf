"""An asynchronous stream, pulled by a thread."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.activate.pull import Pull
from edged.errors import InvalidRequest
from edged.wire.messages import InstallRequest
from tests.fakes.box import BY, Box, bundle, in_async_pieces
from tests.fakes.bundles import tar_of


@pytest.fixture
def thread() -> ThreadPoolExecutor:
    """Return one thread."""
    return ThreadPoolExecutor(1)


async def stuck() -> AsyncIterator[bytes]:
    """Send a piece, then nothing for ever."""
    yield b"a"
    await asyncio.Event().wait()


async def test_pieces_come_whole_and_in_order(thread: ThreadPoolExecutor) -> None:
    """The end of the stream is the end of the iteration."""
    pull = Pull(in_async_pieces(b"abcdefg", size=3))

    got = await asyncio.get_running_loop().run_in_executor(thread, lambda: [*pull])

    assert got == [b"abc", b"def", b"g"]
    thread.shutdown()


async def test_closing_frees_a_thread_that_waits(thread: ThreadPoolExecutor) -> None:
    """Nothing holds it, also not a caller that is stuck."""
    pull = Pull(stuck())
    waiting = asyncio.get_running_loop().run_in_executor(thread, lambda: [*pull])
    await asyncio.sleep(0.05)

    pull.close()

    with pytest.raises((CancelledError, asyncio.CancelledError, InvalidRequest)):
        await asyncio.wait_for(waiting, 5)
    thread.shutdown()


async def test_an_install_before_the_sweep_waits_for_it(tmp_path: Path) -> None:
    """The control door is open before the models are loaded."""
    box = Box(tmp_path)

    async with asyncio.TaskGroup() as group:
        early = group.create_task(box.install(bundle()))
        await asyncio.sleep(0.05)
        group.create_task(box.start())

    assert early.result().changed
    box.close()


async def test_an_install_that_is_cancelled_leaves_the_agent_free(box: Box) -> None:
    """The next install goes through, and nothing is left of the first."""
    async with asyncio.TaskGroup() as group:
        install = group.create_task(box.agent.install(stuck(), InstallRequest(), BY))
        await asyncio.sleep(0.05)
        install.cancel()

    async with asyncio.timeout(5):
        await box.agent.install(in_async_pieces(tar_of(bundle())), InstallRequest(), BY)

    assert await box.ask() == [2.0] * 4
    assert box.leftovers() == []
