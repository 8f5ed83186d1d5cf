"""What is told without being asked."""

import asyncio
import errno
import logging
from pathlib import Path

import msgspec
import pytest

from edged.api.board import Board
from edged.api.pulse import Announcer, Pulse
from edged.host.clock import SystemClock
from edged.host.files import Site
from edged.host.notify import Notifier
from edged.serve.registry import Registry
from edged.watch import Owned
from edged.wire.messages import Phase, Status
from tests.fakes.box import LIMITS
from tests.fakes.files import RecordingFiles


def nothing(_name: str) -> None:
    """Return no change."""


class Room:
    """A pulse and all that it touches."""

    def __init__(self, folder: Path, *, watchdog_us: int | None = None) -> None:
        self.said: list[str] = []
        environ = {"NOTIFY_SOCKET": "@nobody"}
        if watchdog_us:
            environ["WATCHDOG_USEC"] = str(watchdog_us)
        self.notifier = Notifier(environ, send=self.said.append)
        self.registry = Registry(LIMITS, SystemClock())
        self.phase = Owned(Phase.STARTING)
        self.files = RecordingFiles()
        self.snapshot = folder / "status.json"
        self.board = Board(
            registry=self.registry,
            phase=self.phase.watch,
            clock=SystemClock(),
            troubles=tuple,
            conditions=tuple,
            open_change=nothing,
            setback=nothing,
            default_timeout_s=60.0,
            state_dir=folder,
        )
        self.pulse = Pulse(
            board=self.board,
            revision=self.registry.revision,
            snapshot=self.snapshot,
            files=self.files,
            notifier=self.notifier,
        )

    def told(self) -> Status:
        """Return what the snapshot says."""
        return msgspec.json.decode(self.snapshot.read_bytes(), type=Status)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a pulse without a watchdog."""
    return Room(tmp_path)


async def until(text: str, said: list[str]) -> None:
    """Wait until something was said."""
    async with asyncio.timeout(5):
        while not any(text in one for one in said):  # noqa: ASYNC110  # a list, no event
            await asyncio.sleep(0.01)


async def test_a_change_of_a_model_is_told_at_once(room: Room) -> None:
    """Long before the next period."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(room.pulse.run(lambda: None))
        await asyncio.sleep(0)
        room.registry.loading("digits")
        async with asyncio.timeout(5):
            while not room.told().models:  # noqa: ASYNC110  # a file, no event
                await asyncio.sleep(0.01)
        task.cancel()

    assert room.told().models[0].name == "digits"


async def test_the_last_word_is_written_at_the_end(room: Room) -> None:
    """The snapshot of a stopped daemon says that it was stopping."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(room.pulse.run(lambda: None))
        await asyncio.sleep(0)
        room.phase.set(Phase.DRAINING)
        task.cancel()

    assert room.told().phase is Phase.DRAINING


async def test_the_watchdog_is_fed_in_time(tmp_path: Path) -> None:
    """Also when nothing changes."""
    room = Room(tmp_path, watchdog_us=100_000)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(room.pulse.run(lambda: None))
        await until("WATCHDOG=1", room.said)
        task.cancel()


async def test_a_snapshot_that_cannot_be_written_is_one_warning(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    """Serving goes on, and the log does not fill."""
    room.files.fail(Site.STATUS_SNAPSHOT, OSError(errno.ENOSPC, "full"))

    with caplog.at_level(logging.WARNING):
        room.pulse.tell()
        room.pulse.tell()
        first = len(caplog.records)
        room.files.mend()
        room.pulse.tell()

    assert first == 1
    assert room.told().phase is Phase.STARTING


async def test_ready_is_said_after_all_and_stopping_before_all(room: Room) -> None:
    """The phase goes with the words."""
    announcer = Announcer(room.phase, room.notifier, room.board, room.pulse)

    async with asyncio.TaskGroup() as group:
        usable = asyncio.Event()
        task = group.create_task(announcer.run(usable.set))
        await usable.wait()
        serving = room.phase.watch.value
        task.cancel()

    assert serving is Phase.READY
    assert room.told().phase is Phase.DRAINING
    assert "READY=1" in room.said[0]
    assert any("STOPPING=1" in said for said in room.said)
    assert room.phase.watch.value is Phase.DRAINING
