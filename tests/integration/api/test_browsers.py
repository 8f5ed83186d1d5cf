"""A web page cannot use the loopback port; a Unix socket takes any Host."""

import asyncio

import pytest
from aiohttp import web

from edged.api import problems
from edged.api.connection import Limits
from edged.api.door import Door
from edged.api.server import Server
from edged.host.listen import tcp_listener
from tests.fakes.serving import Answered, parse, serving


def app() -> web.Application:
    """Return an application that always answers."""

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(body=b"hello")

    made = web.Application()
    made.router.add_get("/", hello)
    return made


async def ask_over_tcp(request: bytes) -> Answered:
    """Serve on a loopback port and send one request there."""
    listener = tcp_listener("127.0.0.1:0")
    port = listener.socket.getsockname()[1]
    door = Door(name="tcp", app=app(), refuse=problems.data_answer, own=(listener,))
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Server([door], Limits()).run(ready.set))
        await ready.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = parse(await reader.read())
        writer.close()
        task.cancel()
    return answer


def get(host: str, *headers: str) -> bytes:
    """Write a GET."""
    lines = ["GET / HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("127.0.0.1:8000"), 200),
        (get("localhost"), 200),
        (get("[::1]:8000"), 200),
        (get("LOCALHOST:1"), 200),
        (get("evil.example"), 403),
        (get("127.0.0.1.evil.example:8000"), 403),
        (get("localhost", "Origin: http://evil.example"), 403),
        (get("localhost", "Origin: null"), 403),
        (get("localhost", "Referer: http://evil.example/"), 403),
    ],
)
async def test_on_loopback_what_a_page_sends_is_refused(
    request_: bytes, status: int
) -> None:
    """Cross-site requests and rebound names."""
    answer = await ask_over_tcp(request_)

    assert status == answer.status


@pytest.mark.parametrize(
    "request_", [get("evil.example"), get("x", "Origin: http://evil.example")]
)
async def test_on_a_unix_socket_any_host_is_fine(request_: bytes) -> None:
    """Clients invent one, and no browser comes this way."""
    async with serving(app()) as here:
        answer = parse(await here.ask(request_))

    assert 200 == answer.status
