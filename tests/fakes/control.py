"""A control socket that answers what a test tells it to.

Law: HTTP/1.1 over a Unix socket and nothing else of the daemon. Answers are values of
`edged.wire`, so that a fake answer cannot have a field that the real one lacks.
"""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec


class FakeControl:
    """What is asked of it, and what it answers.

    Attributes:
        answers: by "METHOD /path" without the query; anything else gets a 404.
        turns: answers that come before those, one after the other.
        asked: "METHOD /path?query" of every request, in order.
        bodies: the bodies of those requests.
        hang: whether it reads requests and never answers.
        garble: whether it answers what is no HTTP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, tuple[int, Any]] = {}
        self.turns: dict[str, list[Any]] = {}
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.hang = False
        self.garble = False
        self.stopping = threading.Event()

    def answer(self, request: str, value: Any, *, status: int = 200) -> None:
        """Answer `request` with a value, as JSON."""
        self.answers[request] = (status, value)

    def answer_in_turn(self, request: str, *values: Any) -> None:
        """Answer `request` with one value after the other; the last one stays."""
        self.turns[request] = [*values[:-1]]
        self.answer(request, values[-1])


@contextmanager
def fake_control(path: Path) -> Iterator[FakeControl]:
    """Listen at `path` until the block ends."""
    fake = FakeControl(path)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _serve(self, fake)

        def do_POST(self) -> None:
            _serve(self, fake)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield fake
        finally:
            fake.stopping.set()
            server.shutdown()
            thread.join()


def _serve(handler: BaseHTTPRequestHandler, fake: FakeControl) -> None:
    body = _body(handler)
    fake.asked.append(f"{handler.command} {handler.path}")
    fake.bodies.append(body)
    if fake.hang:
        fake.stopping.wait()
        handler.close_connection = True
        return
    if fake.garble:
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        handler.close_connection = True
        return
    key = f"{handler.command} {handler.path.partition('?')[0]}"
    status, value = fake.answers.get(key, (404, {"title": "no such endpoint"}))
    if turns := fake.turns.get(key):
        value = turns.pop(0)
    data = msgspec.json.encode(value)
    kind = "application/json" if status < 400 else "application/problem+json"
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        parts = []
        while size := int(handler.rfile.readline(), 16):
            parts.append(handler.rfile.read(size))
            handler.rfile.readline()
        handler.rfile.readline()
        return b"".join(parts)
    return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
