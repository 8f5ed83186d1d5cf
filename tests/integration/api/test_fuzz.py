"""No bytes take the server down, or keep a connection that has ended."""

import contextlib
import socket
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.serving import served

GOOD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\n\r\n"
)


def app() -> web.Application:
    """Return an application that echoes."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    made = web.Application(client_max_size=1000)
    made.router.add_post("/", echo)
    return made


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a request, or two, with a few bytes replaced, added or lost."""
    raw = draw(st.sampled_from([GOOD, CHUNKED, GOOD + CHUNKED]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        lost = draw(st.integers(0, 3))
        raw = raw[:at] + draw(st.binary(max_size=4)) + raw[at + lost :]
    return raw


def ask(path: Path, raw: bytes) -> bytes:
    """Send bytes and the end; return everything that comes back."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        got = b""
        with contextlib.suppress(ConnectionError):
            sock.sendall(raw)
            sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(65536):
                got += piece
        return got


@pytest.mark.timeout(60)
def test_whatever_comes_the_connection_ends_and_the_next_is_served() -> None:
    """An answer is an HTTP answer; its end is the client's end."""
    with served(app) as path:

        @settings(max_examples=200, deadline=None)
        @given(raw=st.one_of(damaged(), st.binary(max_size=200)))
        def holds(raw: bytes) -> None:
            answer = ask(path, raw)
            assert answer == b"" or answer.startswith(b"HTTP/"), (raw, answer)

        holds()
        after = ask(path, GOOD)

    assert after.startswith(b"HTTP/1.1 200")
