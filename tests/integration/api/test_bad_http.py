"""Whatever comes in, the answer is JSON, the connection ends in time, others go on."""

import asyncio
import contextlib
import json
import socket
import time

import pytest
from aiohttp import web

from edged.api.connection import MAX_HEADERS, MAX_LINE_BYTES
from tests.fakes.serving import QUICK, parse, serving

LIMIT = 1000


def small_app() -> web.Application:
    """Return an application with one route of each kind."""

    async def hello(_request: web.Request) -> web.Response:
        return web.json_response({"hello": "world"})

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def bug(_request: web.Request) -> web.Response:
        raise RuntimeError("the secret of the traceback")

    async def silent(_request: web.Request) -> web.Response:
        raise TimeoutError("not ours")

    app = web.Application(client_max_size=LIMIT)
    app.router.add_get("/", hello)
    app.router.add_post("/", echo)
    app.router.add_get("/bug", bug)
    app.router.add_get("/silent", silent)
    return app


def get(path: str, *headers: str) -> bytes:
    """Write a GET that ends its connection."""
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode()


def post(body: bytes, *headers: str) -> bytes:
    """Write a POST that ends its connection."""
    lines = ["POST / HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no method": b"hello there\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/7": b"GET / HTTP/7.0\r\nHost: x\r\n\r\n",
    "a NUL in a header": get("/", "X: a\0b"),
    "a header without a colon": get("/", "nonsense"),
    "a space before the colon": get("/", "X : 1"),
    "a folded header": get("/", "X: 1", " 2"),
    "a bare CR": b"GET / HTTP/1.1\rHost: x\r\r",
    "two lengths": post(b"abc", "Content-Length: 3", "Content-Length: 4"),
    "a negative length": post(b"abc", "Content-Length: -3"),
    "a length that is no number": post(b"abc", "Content-Length: 3x"),
    "chunks and a length": post(
        b"0\r\n\r\n", "Content-Length: 3", "Transfer-Encoding: chunked"
    ),
    "chunks named twice": post(b"0\r\n\r\n", "Transfer-Encoding: chunked, chunked"),
    "an unknown coding": post(b"0\r\n\r\n", "Transfer-Encoding: what"),
    "a chunk size that is no number": post(
        b"xyz\r\n\r\n", "Transfer-Encoding: chunked"
    ),
    "a chunk longer than it says": post(
        b"1\r\nab\r\n0\r\n\r\n", "Transfer-Encoding: chunked"
    ),
    "a long request line": get("/" + "a" * MAX_LINE_BYTES),
    "a long header": get("/", "X: " + "a" * (MAX_LINE_BYTES + 1)),
    "many headers": get("/", *(f"X{n}: 1" for n in range(MAX_HEADERS))),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_http_is_told_as_json_and_ends_the_connection(
    raw: bytes,
) -> None:
    """A 400 with a sentence, never a page, a hang or a second answer."""
    async with serving(small_app()) as here:
        answer = parse(await here.ask(raw))
        after = parse(await here.ask(get("/")))

    assert (400, "application/json", "invalid-request", 200) == (
        answer.status,
        answer.headers["content-type"],
        answer.headers["edged-code"],
        after.status,
    )
    assert json.loads(answer.body)["error"].startswith("cannot read")


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (get("/nowhere"), 404, "unknown-endpoint"),
        (b"PUT" + get("/")[3:], 405, "wrong-method"),
        (post(b"x" * (LIMIT + 1), f"Content-Length: {LIMIT + 1}"), 413, "too-large"),
        (get("/", "Expect: a miracle"), 400, "invalid-request"),
        (get("/bug"), 500, "error"),
        (get("/silent"), 500, "error"),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, None),
    ],
)
async def test_what_the_framework_refuses_is_json_too(
    raw: bytes, status: int, code: str | None
) -> None:
    """Its own answers are text, and a stock client chokes on them."""
    async with serving(small_app()) as here:
        answer = parse(await here.ask(raw))

    assert (status, "application/json") == (
        answer.status,
        answer.headers["content-type"],
    )
    assert code in {None, answer.headers["edged-code"]}


async def test_a_bug_shows_an_id_and_not_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The id in the answer finds the traceback in the log."""
    async with serving(small_app()) as here:
        answer = parse(await here.ask(get("/bug")))

    text = json.loads(answer.body)["error"]
    request_id = text.partition("request ")[2].split()[0]
    assert "secret" not in text
    assert request_id in caplog.text
    assert "the secret of the traceback" in caplog.text


async def test_no_answer_names_the_server() -> None:
    """What runs here is nobody's business."""
    async with serving(small_app()) as here:
        good = parse(await here.ask(get("/")))
        bad = parse(await here.ask(b"nonsense\r\n\r\n"))

    assert ("", "") == (good.headers.get("server", ""), bad.headers.get("server", ""))


async def test_a_slow_head_is_told_and_closed() -> None:
    """A request line came, so somebody waits for an answer."""
    async with serving(small_app()) as here:
        began = time.monotonic()
        answer = parse(await here.ask(b"GET / HTTP/1.1\r\nHost: x\r\n"))
        took_s = time.monotonic() - began

    assert (408, "close") == (answer.status, answer.headers["connection"])
    assert 0.2 < took_s < 2


@pytest.mark.parametrize("raw", [b"", b"GET / HTT"])
async def test_without_a_request_line_the_connection_is_just_closed(raw: bytes) -> None:
    """Nobody asked anything."""
    async with serving(small_app()) as here:
        answer = await here.ask(raw)

    assert b"" == answer


async def test_a_trickled_head_does_not_win_time() -> None:
    """The deadline is for the whole head, not for each byte."""
    async with serving(small_app()) as here:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)  # noqa: FBT003  # the library's signature
            sock.connect(str(here.path))
            sock.send(b"GET / HTTP/1.1\r\nX: ")
            began = time.monotonic()
            while time.monotonic() - began < 3:
                await asyncio.sleep(0.02)
                with contextlib.suppress(BlockingIOError):
                    answer = parse(sock.recv(10_000))
                    break
                sock.send(b"a")
            took_s = time.monotonic() - began

    assert 408 == answer.status
    assert took_s < 2


async def test_a_slow_body_is_told_and_closed() -> None:
    """Half a body holds no memory for ever."""
    async with serving(small_app()) as here:
        answer = parse(await here.ask(post(b"abc", "Content-Length: 10")))

    assert (408, "slow-request", "close") == (
        answer.status,
        answer.headers["edged-code"],
        answer.headers["connection"],
    )


async def test_a_head_that_ends_early_is_told() -> None:
    """The client half-closed in the middle of the head."""
    async with serving(small_app()) as here:
        answer = parse(await here.ask(b"GET / HTTP/1.1\r\nHo", end=True))

    assert (400, "close") == (answer.status, answer.headers["connection"])


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
async def test_a_body_that_ends_early_is_told(pause_s: float) -> None:
    """The client half-closed in the middle of the body, at once or a moment later."""
    async with serving(small_app()) as here:
        reader, writer = await asyncio.open_unix_connection(here.path)
        writer.write(post(b"abc", "Content-Length: 10"))
        await asyncio.sleep(pause_s)
        began = time.monotonic()
        writer.write_eof()
        answer = parse(await reader.read())
        took_s = time.monotonic() - began
        writer.close()

    assert took_s < QUICK.body_timeout_s / 2  # nobody waits for what will not come
    assert (400, "invalid-request") == (answer.status, answer.headers["edged-code"])
    assert b"ended early" in answer.body


async def test_a_half_closed_client_gets_its_answer() -> None:
    """It said all that it had to say, and still listens."""
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"

    async with serving(small_app()) as here:
        answer = parse(await here.ask(request, end=True))

    assert (200, b"abc", "close") == (
        answer.status,
        answer.body,
        answer.headers["connection"],
    )


async def test_an_early_answer_to_a_large_body_is_read_by_who_sends_first() -> None:
    """A stock client sends everything before it reads."""
    body = b"x" * 4_000_000

    async with serving(small_app()) as here:
        reader, writer = await asyncio.open_unix_connection(here.path)
        writer.write(b"PUT / HTTP/1.1\r\nHost: x\r\n")
        writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode())
        writer.write(body)
        await writer.drain()
        answer = parse(await reader.read())
        writer.close()

    assert (405, "close") == (answer.status, answer.headers["connection"])
