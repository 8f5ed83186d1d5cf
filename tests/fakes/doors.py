"""The data socket twice over one registry: with the express door, and without.

What both must answer alike is asked of both. The registry is real, its models are
functions; the sockets are real, on the test's own loop.
"""

import asyncio
import os
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Self

import msgspec

from edged.api import problems
from edged.api.connection import Limits
from edged.api.data import data_app
from edged.api.door import Door
from edged.api.express import Line
from edged.api.express_desk import Desk
from edged.api.server import Server
from edged.host.clock import SystemClock
from edged.host.listen import unix_listener
from edged.serve.live import Live
from edged.serve.regions import Regions
from edged.serve.registry import Registry
from edged.watch import Owned
from edged.wire import oip
from edged.wire.messages import Phase
from edged.wire.tensorbytes import Array
from tests.fakes.models import protocol_models, registry_of
from tests.fakes.serving import QUICK

MAX_BODY = 4 << 20


class Doors:
    """Two doors in operation.

    Attributes:
        express: path of the socket that has the express door.
        plain: path of the one where aiohttp has all.
        registry: behind both.
        desk: of the express door.
    """

    def __init__(self, folder: Path, registry: Registry, limits: Limits) -> None:
        self.express, self.plain = folder / "express", folder / "plain"
        self.registry = registry
        self.regions = Regions()
        self.desk = Desk(self.registry, self.regions, SystemClock(), max_body=MAX_BODY)
        self._limits = limits
        self.servers = [
            self._server(self.express, self.regions, self.desk),
            self._server(self.plain, Regions(), None),
        ]

    def _server(self, path: Path, regions: Regions, desk: Desk | None) -> Server:
        app = data_app(
            self.registry,
            Owned(Phase.READY).watch,
            regions=regions,
            clock=SystemClock(),
            max_body=MAX_BODY,
        )
        door = Door(
            name=path.name,
            app=app,
            refuse=problems.data_answer,
            own=(unix_listener(path, 0o600, None),),
            express=desk,
            asks=True,
        )
        return Server([door], self._limits)

    @property
    def is_express(self) -> bool:
        """Whether somebody is connected, and all are still with the express door."""
        (gate,) = self.servers[0]._gates
        here = gate._here
        return bool(here) and all(isinstance(one, Line) for one in here)

    async def emptied(self) -> int:
        """Wait until nobody is connected; return how many descriptors are open."""
        for _ in range(2000):
            if not any(gate.connections for s in self.servers for gate in s._gates):
                break
            await asyncio.sleep(0.005)
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # fast: no disk


@asynccontextmanager
async def doors(
    *models: Live, limits: Limits = QUICK, registry: Registry | None = None
) -> AsyncIterator[Doors]:
    """Open both doors until the block ends; the protocol's models by default."""
    behind = registry or registry_of(*(models or protocol_models()))
    with tempfile.TemporaryDirectory(prefix="edged", dir="/tmp") as folder:
        made = Doors(Path(folder), behind, limits)
        async with asyncio.TaskGroup() as group:
            tasks = []
            for server in made.servers:
                up = asyncio.Event()
                tasks.append(group.create_task(server.run(up.set)))
                await up.wait()
            try:
                yield made
            finally:
                for task in tasks:
                    task.cancel()
        for name in made.registry.names():
            made.registry.forget(name)


@contextmanager
def doors_in_thread(
    *models: Live,
) -> Iterator[tuple[Doors, asyncio.AbstractEventLoop]]:
    """Open both doors on a thread's loop until the block ends."""
    made: Future[tuple[Doors, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        async with doors(*models) as here:
            over = asyncio.Event()
            made.set_result((here, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    here, loop, over = made.result(10)
    try:
        yield here, loop
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


class Reply(msgspec.Struct, frozen=True):
    """What of an answer both doors must give alike.

    Attributes:
        framing: the headers that say how to read it, and what became of it.
        closes: whether it says that the connection ends.
    """

    status: int
    framing: tuple[tuple[str, str], ...]
    body: bytes
    closes: bool


class Caller:
    """A client with a bare socket, on the test's own loop."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        )
        self.sock.connect(str(path))
        self._read = b""

    async def send(self, *pieces: bytes) -> None:
        """Send pieces one by one, with turns of the loop in between."""
        loop = asyncio.get_running_loop()
        for piece in pieces:
            await loop.sock_sendall(self.sock, piece)
            for _ in range(3 if len(pieces) > 1 else 0):
                await asyncio.sleep(0)

    async def reply(self) -> Reply | None:
        """Read one answer; None where the connection ends before its first byte.

        `100 Continue` is passed over.
        """
        while b"\r\n\r\n" not in self._read:
            if not await self._more():
                assert self._read == b"", f"half an answer: {self._read!r}"
                return None
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status == 100:
            return await self.reply()
        pairs = (line.partition(":") for line in lines)
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        length = int(fields["content-length"])
        while len(self._read) < length:
            assert await self._more(), f"half an answer: {head!r} {self._read!r}"
        body, self._read = self._read[:length], self._read[length:]
        return Reply(
            status=status,
            framing=tuple(sorted((k, v) for k, v in fields.items() if k in _FRAMING)),
            body=body,
            closes=fields.get("connection", "").lower() == "close",
        )

    async def replies(self) -> list[Reply]:
        """Read answers until the connection ends."""
        found = []
        while (reply := await self.reply()) is not None:
            found.append(reply)
        return found

    def end(self) -> None:
        """Say that no more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    async def talk(self, quiet_s: float) -> tuple[list[Reply], bool]:
        """Read answers until nothing comes for a while; tell also whether it ended."""
        found: list[Reply] = []
        try:
            while True:
                async with asyncio.timeout(quiet_s):
                    reply = await self.reply()
                if reply is None:
                    return found, True
                found.append(reply)
        except TimeoutError:
            return found, False

    async def _more(self) -> bool:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            try:
                piece = await loop.sock_recv(self.sock, 1 << 20)
            except ConnectionResetError:
                piece = b""
        self._read += piece
        return piece != b""

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_FRAMING = {
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "inference-header-content-length",
    "edged-code",
    "retry-after",
    "allow",
}


async def exchange(path: Path, *pieces: bytes) -> Reply:
    """Send one request on a connection of its own; return its answer."""
    with Caller(path) as caller:
        await caller.send(*pieces)
        reply = await caller.reply()
    assert reply is not None, "the connection ended"
    return reply


async def ask(path: Path, *pieces: bytes, end: bool = True) -> list[Reply]:
    """Send on a connection of its own; return all answers until it ends."""
    with Caller(path) as caller:
        await caller.send(*pieces)
        if end:
            caller.end()
        return await caller.replies()


def post(
    body: bytes, *fields: str, model: str = "digits", json_bytes: int | None = None
) -> bytes:
    """Write an infer request as stock clients do."""
    lines = [f"POST /v2/models/{model}/infer HTTP/1.1", "Host: edged", *fields]
    if json_bytes is not None:
        lines.append(f"{oip.JSON_LENGTH_HEADER}: {json_bytes}")
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def binary(
    inputs: dict[str, Array],
    *fields: str,
    model: str = "digits",
    **options: oip.Parameter,
) -> bytes:
    """Write an infer request with binary tensors."""
    encoded = oip.encode_request(inputs, parameters=options)
    body = b"".join(encoded.buffers)
    return post(body, *fields, model=model, json_bytes=encoded.json_bytes)
