"""A real server on real sockets, in a thread of its own.

The stock sync client runs on gevent, which does not live in a thread with asyncio.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from edged.api import problems
from edged.api.connection import Limits
from edged.api.data import data_app
from edged.api.door import Door
from edged.api.express_desk import Desk
from edged.api.server import Server
from edged.host.clock import SystemClock
from edged.host.listen import tcp_listener, unix_listener
from edged.serve.regions import Regions
from edged.watch import Owned
from edged.wire.messages import Phase
from tests.fakes.models import protocol_models, registry_of

MAX_BODY = 4 * 1024 * 1024


class Served(msgspec.Struct, frozen=True):
    """Where it listens."""

    socket: Path
    tcp: str


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """Serve the protocol's models until the last test is done."""
    with TemporaryDirectory(prefix="edged-", dir="/tmp") as folder:
        path = Path(folder) / "s"
        unix = unix_listener(path, 0o600, None)
        tcp = tcp_listener("127.0.0.1:0")
        ready = threading.Event()
        stop: Future[Callable[[], None]] = Future()

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            stopped = asyncio.Event()
            stop.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
            registry = registry_of(*protocol_models())
            regions, clock = Regions(), SystemClock()
            app = data_app(
                registry,
                Owned(Phase.READY).watch,
                regions=regions,
                clock=clock,
                max_body=MAX_BODY,
            )
            door = Door(
                name="data",
                asks=True,
                app=app,
                refuse=problems.data_answer,
                own=(unix, tcp),
                express=Desk(registry, regions, clock, max_body=MAX_BODY),
            )
            async with asyncio.TaskGroup() as group:
                server = Server((door,), Limits(drain_timeout_s=1.0))
                serving = group.create_task(server.run(ready.set))
                await stopped.wait()
                serving.cancel()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        assert ready.wait(5.0)
        port = tcp.socket.getsockname()[1]
        try:
            yield Served(path, f"127.0.0.1:{port}")
        finally:
            stop.result()()
            thread.join()
