"""Prepared requests out, answers in: the client that measures.

Law: what is timed is a server, so nothing is encoded, decoded or logged here, and
every server is asked by the same code. A connection is kept; each has at most one
request under way. Every wait has a bound.

Concurrency is one loop over many connections: threads of one interpreter would
measure how they wait for each other.
"""

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from edged.client.http import Answer, error_of
from edged.client.reach import unreachable
from edged.client.transport import widen
from edged.errors import EdgedError, NoDaemon, ProtocolError, QueueFull, TimedOut

Connect = Callable[[], socket.socket]

#: For one answer.
TIMEOUT_S = 30.0

_ROOM = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"  # not the Inference-Header-Content-Length
_OK = b"200"


class Bounds(NamedTuple):
    """When a measurement ends: with the first of both."""

    seconds: float
    requests: int

    def part(self, of: int) -> "Bounds":
        """Return one of `of` equal shares."""
        return Bounds(self.seconds / of, max(1, self.requests // of))


class Load(NamedTuple):
    """What many clients at a time got.

    Attributes:
        refused: answers that said that the queue is full.
    """

    clients: int
    answered: int
    refused: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def unix(path: str) -> Connect:
    """Return how to connect to a Unix socket.

    Raises (the result, when called):
        EdgedError: nobody is there, or not for this user.
    """

    def connect() -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        widen(sock)
        try:
            sock.connect(path)
        except OSError as exc:
            sock.close()
            raise unreachable(path, exc) from exc
        return sock

    return connect


def loopback(port: int) -> Connect:
    """Return how to connect to a port of this machine.

    Raises (the result, when called):
        NoDaemon: nobody listens.
    """

    def connect() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.connect(("127.0.0.1", port))
        except OSError as exc:
            sock.close()
            raise NoDaemon(f"cannot reach 127.0.0.1:{port}: {exc.strerror}") from exc
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    return connect


class Line:
    """One keep-alive connection: a request out, its answer in.

    Args:
        sock: connected; owned from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray(_ROOM)
        self._have = self._head = self._end = 0
        self._unsent = memoryview(b"")

    def begin(self, request: bytes) -> bool:
        """Take up a request and send what fits; tell whether that was all."""
        self._have = self._end = 0
        self._unsent = memoryview(request)
        return self.push()

    def push(self) -> bool:
        """Send what the socket takes; tell whether that was all.

        Raises:
            NoDaemon: the connection is gone.
        """
        try:
            sent = self.sock.send(self._unsent)
        except BlockingIOError:
            return False
        except OSError as exc:
            raise _hung_up() from exc
        self._unsent = self._unsent[sent:]
        return not self._unsent

    def pull(self) -> bool:
        """Receive what is there; tell whether the answer is complete.

        Raises:
            NoDaemon: the connection ended.
            ProtocolError: what came is no answer of known length.
            TimedOut: a blocking socket waited for too long.
        """
        try:
            got = self.sock.recv_into(memoryview(self._buffer)[self._have :])
        except BlockingIOError as exc:
            raise TimedOut(f"cannot measure: no answer in {TIMEOUT_S:g} s") from exc
        except OSError as exc:
            raise _hung_up() from exc
        if not got:
            raise _hung_up()
        self._have += got
        if not self._end:
            self._read_head()
        if self._have == len(self._buffer):
            self._buffer += bytes(max(self._end - self._have, 0) + _ROOM)
        return 0 < self._end <= self._have

    @property
    def ok(self) -> bool:
        """Whether the complete answer is a good one."""
        return self._buffer[9:12] == _OK

    @property
    def answer(self) -> Answer:
        """Copy the complete answer."""
        first, *lines = (
            bytes(self._buffer[: self._head]).decode("latin-1").split("\r\n")
        )
        fields = (line.partition(":") for line in lines)
        return Answer(
            status=int(first[9:12]),
            headers={name.strip().lower(): value.strip() for name, _, value in fields},
            body=bytes(self._buffer[self._head + len(_HEAD_END) : self._end]),
        )

    @property
    def error(self) -> EdgedError:
        """Return what the server said instead of a good answer."""
        return error_of(self.answer)

    @property
    def is_over(self) -> bool:
        """Whether the server has hung up since the last answer."""
        try:
            return not self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def _read_head(self) -> None:
        self._head = self._buffer.find(_HEAD_END, 0, self._have)
        if self._head < 0:
            return
        lower = bytes(self._buffer[: self._head]).lower()
        _, found, after = lower.partition(_LENGTH)
        digits = after.split(b"\r", 1)[0].strip()
        if not (found and digits.isdigit() and lower.startswith(b"http/1.1 ")):
            raise ProtocolError("cannot measure: an answer does not tell its length")
        self._end = self._head + len(_HEAD_END) + int(digits)


class Asker:
    """One client that waits for each answer.

    Args:
        connect: how to reach the server.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._line = self._connected()

    def renew(self) -> None:
        """Connect again if the server has hung up: it lets nobody idle for ever."""
        if self._line.is_over:
            self._line.close()
            self._line = self._connected()

    def ask(self, request: bytes) -> None:
        """Send, and wait for the whole answer.

        Raises:
            EdgedError: what the server said instead, or a broken connection.
        """
        line = self._line
        if not line.begin(request):
            self._push()
        while not line.pull():
            pass
        if not line.ok:
            raise line.error

    @property
    def last(self) -> Answer:
        """The last answer, as a copy."""
        return self._line.answer

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _connected(self) -> Line:
        line = Line(self._connect())
        # Kept by the kernel: settimeout() would cost a poll before each call.
        bound = struct.pack("@ll", int(TIMEOUT_S), 0)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            line.sock.setsockopt(socket.SOL_SOCKET, option, bound)
        return line

    def _push(self) -> None:
        """Send the rest, which a blocking socket takes unless nobody reads it."""
        end = time.monotonic() + TIMEOUT_S
        while not self._line.push():
            if time.monotonic() > end:
                raise TimedOut(f"cannot measure: nothing is read in {TIMEOUT_S:g} s")


def latencies(call: Callable[[], object], bounds: Bounds) -> list[float]:
    """Call again and again; return how long each took, seconds. At least one."""
    clock = time.perf_counter
    taken: list[float] = []
    end = clock() + bounds.seconds
    for _ in range(bounds.requests):
        began = clock()
        call()
        ended = clock()
        taken.append(ended - began)
        if ended > end:
            break
    return taken


def load(connect: Connect, request: bytes, *, clients: int, bounds: Bounds) -> Load:
    """Ask over many connections at a time, each anew as soon as it is answered.

    Raises:
        EdgedError: an answer that is neither good nor "the queue is full", or a
            broken connection.
    """
    lines: dict[int, Line] = {}
    try:
        for _ in range(clients):
            line = Line(connect())
            line.sock.settimeout(0)
            lines[line.sock.fileno()] = line
        return _loop(lines, request, bounds)
    finally:
        for line in lines.values():
            line.close()


def _loop(lines: dict[int, Line], request: bytes, bounds: Bounds) -> Load:
    clock = time.perf_counter
    with select.epoll(len(lines)) as poll:
        began = clock()
        end, last, counts = began + bounds.seconds, began, [0, 0]
        for fd, line in lines.items():
            poll.register(fd, _wanted(complete=line.begin(request)))
        under_way = len(lines)
        while under_way:
            ready = poll.poll(TIMEOUT_S)
            if not ready:
                raise TimedOut(f"cannot measure: no answer in {TIMEOUT_S:g} s")
            for fd, event in ready:
                line = lines[fd]
                if event == select.EPOLLOUT:
                    if line.push():
                        poll.modify(fd, select.EPOLLIN)
                    continue
                if not line.pull():
                    continue
                counts[_is_refused(line)] += 1
                last = clock()
                if last > end or sum(counts) >= bounds.requests:
                    under_way -= 1  # those on their way are waited for: none is cut
                elif not line.begin(request):
                    poll.modify(fd, select.EPOLLOUT)
    answered, refused = counts
    return Load(len(lines), answered, refused, last - began)


def _wanted(*, complete: bool) -> int:
    return select.EPOLLIN if complete else select.EPOLLOUT


def _is_refused(line: Line) -> bool:
    if line.ok:
        return False
    error = line.error
    if isinstance(error, QueueFull):
        return True
    raise error


def _hung_up() -> NoDaemon:
    return NoDaemon("cannot measure: the server closed the connection")
