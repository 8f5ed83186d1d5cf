"""A static web host on loopback that knows what its clients have read.

    with counting_host(folder) as host: ...

It sends a piece, and the next one when the client has read it: what it has counted is
what the client has, but for one piece. So a client that is killed takes no more with it
than it had. Knows ranges, ETags and If-Range as nginx does.
"""

import hashlib
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

#: Bytes that are sent at once.
PIECE = 64 << 10

#: A client that reads nothing for so long, in seconds, has it all the same.
_PATIENCE_S = 5.0

_ESTABLISHED = "01"

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class CountingHost:
    """What is served, and to whom it went.

    Attributes:
        root: the folder; may be exchanged while it runs.
        url: without a slash at the end.
        sent: bytes of bodies, by name below the root.
        stalls_at: how many bytes of blobs go out in all before it stands still.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self.sent: Counter[str] = Counter()
        self.stalls_at: int | None = None
        self.over = threading.Event()

    def blobs(self) -> int:
        """Return how many bytes of releases' files were sent."""
        return sum(n for name, n in self.sent.items() if name.startswith("blobs/"))

    def may_send(self, name: str) -> bool:
        """Wait while it stands still; tell whether to go on."""
        while self.stalls_at is not None and name.startswith("blobs/"):
            if self.blobs() < self.stalls_at:
                return True
            if self.over.wait(0.02):
                return False
        return not self.over.is_set()


@contextmanager
def counting_host(root: Path) -> Iterator[CountingHost]:
    """Serve a folder until the block ends."""
    host = CountingHost(root)

    class Handler(_Handler):
        serves = host

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        host.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    serves: CountingHost

    def do_GET(self) -> None:
        """Answer a file or a part of it."""
        name = unquote(self.path.removeprefix("/"))
        path = self.serves.root / name
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        at, until = self._range(len(data), etag)
        self.send_response(200 if (at, until) == (0, len(data)) else 206)
        if (at, until) != (0, len(data)):
            self.send_header("Content-Range", f"bytes {at}-{until - 1}/{len(data)}")
        self.send_header("Content-Length", str(until - at))
        self.send_header("ETag", etag)
        self.end_headers()
        self._send(name, data[at:until])

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _range(self, size: int, etag: str) -> tuple[int, int]:
        found = _RANGE.fullmatch(self.headers.get("Range", ""))
        if found is None or self.headers.get("If-Range", etag) != etag:
            return 0, size
        return int(found[1]), min(int(found[2] or size - 1) + 1, size)

    def _send(self, name: str, data: bytes) -> None:
        host = self.serves
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            if not host.may_send(name):
                self.close_connection = True
                return
            host.sent[name] += len(piece)
            try:
                self.wfile.write(piece)
            except ConnectionError:  # it was killed
                self.close_connection = True
                return
            _wait_until_read(self.connection)


def _wait_until_read(connection: socket.socket) -> None:
    """Return when nothing of ours is under way to the other end, on this machine."""
    try:
        ends = _hex(connection.getsockname()), _hex(connection.getpeername())
    except OSError:  # it is gone
        return
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and _queued(*ends):
        time.sleep(0.001)


def _queued(ours: str, theirs: str) -> int:
    """Return how many bytes wait to be sent here or read there; see proc_pid_net(5)."""
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        sending, reading = (int(word, 16) for word in queues.split(":"))
        if state != _ESTABLISHED:
            continue
        if (local, remote) == (ours, theirs):
            count += sending
        if (local, remote) == (theirs, ours):
            count += reading
    return count


def _hex(address: tuple[str, int]) -> str:
    packed = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{packed:08X}:{address[1]:04X}"
