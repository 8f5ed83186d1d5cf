"""A daemon that stops fails nobody's request."""

import asyncio
import socket
import time

import msgspec
import pytest
from aiohttp import web

from tests.fakes.serving import QUICK, Served, serving

CLIENTS = 8
DRAINS = 30
REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


def app() -> web.Application:
    """Return an application whose answers take a moment."""

    async def echo(request: web.Request) -> web.Response:
        body = await request.read()
        await asyncio.sleep(0.002)
        return web.Response(body=body)

    made = web.Application()
    made.router.add_post("/", echo)
    return made


class Tally:
    """What keep-alive clients saw.

    Attributes:
        failed: how requests that were sent ended without an answer.
        goodbyes: answers that said `Connection: close`.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.goodbyes = 0
        self.failed: list[str] = []


async def ask_on(here: Served, tally: Tally) -> None:
    """Ask on one connection after another, until nobody is there any more."""
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(here.path)
        except (FileNotFoundError, ConnectionRefusedError):
            return
        try:
            while not await _one(reader, writer, tally):
                pass
        finally:
            writer.close()


async def _one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tally: Tally
) -> bool:
    """Ask once; tell whether the connection is over."""
    try:
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(5)
    except (ConnectionError, asyncio.IncompleteReadError) as exc:
        tally.failed.append(repr(exc))
        return True
    assert head.startswith(b"HTTP/1.1 200"), head
    tally.answered += 1
    last = b"connection: close" in head.lower()
    tally.goodbyes += last
    return last


@pytest.mark.timeout(120)
async def test_30_drains_under_8_keep_alive_clients_fail_no_request() -> None:
    """Each connection is told to close before it is closed."""
    tally = Tally()

    for _ in range(DRAINS):
        async with serving(app()) as here, asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(ask_on(here, tally))
            await asyncio.sleep(0.03)
            await here.drain()

    assert [] == tally.failed
    assert tally.goodbyes >= DRAINS * CLIENTS
    assert tally.answered > tally.goodbyes


async def test_a_request_in_flight_is_finished() -> None:
    """It was taken up, so it is answered."""

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(body=b"done")

    made = web.Application()
    made.router.add_get("/", slow)

    async with serving(made) as here, asyncio.TaskGroup() as group:
        asking = group.create_task(here.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await asyncio.sleep(0.1)
        await here.drain()

    answer = asking.result()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    assert answer.endswith(b"done")


def unconnected() -> socket.socket:
    """Return a socket that does not block."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


async def test_who_was_in_the_queue_is_let_in() -> None:
    """They connected before the socket went away."""
    async with serving(app()) as here:
        early = []
        for _ in range(20):  # in one go: the loop accepts none of them meanwhile
            sock = unconnected()
            sock.connect(str(here.path))
            sock.send(REQUEST)
            early.append(sock)
        await here.drain()
        answers = [sock.recv(1000)[:12] for sock in early]
        for sock in early:
            sock.close()

    assert [b"HTTP/1.1 200"] * 20 == answers


async def test_a_connection_that_says_nothing_delays_to_the_deadline_only() -> None:
    """There is no answer to put `close` on."""
    limits = msgspec.structs.replace(QUICK, drain_timeout_s=0.3, head_timeout_s=30.0)

    async with serving(app(), limits=limits) as here:
        reader, writer = await asyncio.open_unix_connection(here.path)
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await here.drain()
        took_s = time.monotonic() - began
        rest = await reader.read()
        writer.close()

    assert b"" == rest
    assert 0.25 < took_s < 2


async def test_a_request_that_outlasts_the_deadline_is_cut() -> None:
    """Somebody has to end it; systemd would use SIGKILL."""
    limits = msgspec.structs.replace(QUICK, drain_timeout_s=0.2)

    async def forever(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    made = web.Application()
    made.router.add_get("/", forever)

    async with serving(made, limits=limits) as here:
        reader, writer = await asyncio.open_unix_connection(here.path)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await here.drain()
        took_s = time.monotonic() - began
        rest = await reader.read()
        writer.close()

    assert b"" == rest
    assert took_s < 2


async def test_the_socket_file_goes_first_and_another_daemons_stays() -> None:
    """A successor may listen at the same path while we still drain."""
    async with serving(app()) as here:
        here.path.unlink()
        here.path.write_text("the successor's")
        await here.drain()

        assert "the successor's" == here.path.read_text()


async def test_an_inherited_sockets_queue_is_left_to_the_next_instance() -> None:
    """The service manager keeps it open: who connects meanwhile waits."""
    async with serving(app(), inherited=True) as here, asyncio.TaskGroup() as group:
        reader, writer = await asyncio.open_unix_connection(here.path)
        with here.keep_listening() as keeper, unconnected() as late:
            writer.write(REQUEST)
            await reader.readuntil(b"hello")
            draining = group.create_task(here.drain())
            await asyncio.sleep(0.05)
            late.connect(str(here.path))
            await asyncio.sleep(0.05)
            writer.write(REQUEST)
            goodbye = await reader.read()
            await draining
            accepted, _ = keeper.accept()  # does not block: it raises if late was taken
            accepted.close()
        writer.close()

        assert b"Connection: close" in goodbye
        assert here.path.exists()
