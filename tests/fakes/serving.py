"""The real server on a real Unix socket, for tests of the server and of clients.

`serving` runs on the test's own loop; `served` on a thread's, for blocking clients.
"""

import asyncio
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec
from aiohttp import web

from edged.api import problems
from edged.api.connection import Limits, Refuse
from edged.api.door import Door
from edged.api.server import Server
from edged.host.listen import unix_listener

QUICK = Limits(
    max_connections=64,
    head_timeout_s=0.3,
    body_timeout_s=0.3,
    keep_alive_s=5.0,
    drain_timeout_s=5.0,
)


class Answered(msgspec.Struct, frozen=True):
    """An answer as it came: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Served:
    """A running server.

    Attributes:
        path: of its socket.
    """

    def __init__(
        self,
        path: Path,
        listener: socket.socket,
        server: Server,
        task: "asyncio.Task[None]",
    ) -> None:
        self.path = path
        self._listener = listener
        self.server = server
        self.task = task

    def keep_listening(self) -> socket.socket:
        """Return another hold on the listening socket, as the service manager has."""
        return self._listener.dup()

    async def drain(self) -> None:
        """Ask it to stop and wait until it is gone."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def ask(self, raw: bytes, *, end: bool = False) -> bytes:
        """Send bytes on a connection of their own; return all that comes back."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        writer.write(raw)
        if end:
            writer.write_eof()
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    app: web.Application,
    *,
    limits: Limits = QUICK,
    refuse: Refuse = problems.data_answer,
    inherited: bool = False,
    asks: bool = False,
) -> AsyncIterator[Served]:
    """Serve `app` until the block ends.

    An `inherited` socket is treated as the service manager's; `asks` is the door's.
    """
    with tempfile.TemporaryDirectory(prefix="edged", dir="/tmp") as folder:
        path = Path(folder) / "t.sock"
        listener = unix_listener(path, 0o666, None)
        if inherited:
            listener = msgspec.structs.replace(listener, inode=None)
        listeners = {"inherited" if inherited else "own": (listener,)}
        door = Door(name="test", app=app, refuse=refuse, asks=asks, **listeners)
        server = Server([door], limits)
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(server.run(ready.set))
            await ready.wait()
            served_here = Served(path, listener.socket, server, task)
            try:
                yield served_here
            finally:
                await served_here.drain()


@contextmanager
def served(
    make_app: Callable[[], web.Application],
    *,
    limits: Limits = QUICK,
    refuse: Refuse = problems.data_answer,
) -> Iterator[Path]:
    """Serve an application in a thread until the block ends; yield the socket."""
    up, stop = threading.Event(), asyncio.Event()
    found: list[tuple[Path, asyncio.AbstractEventLoop]] = []

    async def run() -> None:
        async with serving(make_app(), limits=limits, refuse=refuse) as here:
            found.append((here.path, asyncio.get_running_loop()))
            up.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert up.wait(10), "the server did not come up"
        yield found[0][0]
    finally:
        found[0][1].call_soon_threadsafe(stop.set)
        thread.join()


def parse(raw: bytes) -> Answered:
    """Take one answer with a Content-Length apart."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    pairs = (field.partition(":") for field in fields)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    assert int(headers["content-length"]) == len(body), raw
    return Answered(int(first.split()[1]), headers, body)
