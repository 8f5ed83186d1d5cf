"""Calls over a Unix socket, blocking.

Law: every call has a deadline. A connection is kept for the next call; a call is sent
again only when the daemon cannot have seen it, or when it is a GET. Nothing but
`EdgedError` comes out (and what an iterable body raises). Safe in any thread: each
call has a connection of its own. Safe after a fork: the child begins anew.

Imports stay light: `edgectl status` runs on this.
"""

import array
import os
import select
import socket
import threading
import time
import weakref
from collections.abc import Iterable

from edged.client.http import SCRATCH_BYTES, Answer, Call, Reader
from edged.client.reach import hung_up, timed_out, unreachable
from edged.errors import EdgedError

#: Connections kept for reuse; more may be open while more threads call.
MAX_IDLE = 4

#: How often a full queue of the daemon's is tried again: connect(2) on a Unix socket
#: cannot wait for a place with a deadline.
_RETRY_S = 0.01

#: With the default of 208 KiB a body of 602 KB waits for its reader, and each time
#: costs a wake-up. 208 KiB, 512 KiB, 1 MiB take 171, 189, 190 us where both share a
#: core, 313, 265, 262 where each has its own, 308, 256, 253 as the kernel places them;
#: 256 B take the same (medians of 102 interleaved rounds, Linux 6.18, virtual machine).
#: The kernel mostly keeps them apart, and 512 KiB are enough for that.
SEND_BUFFER_BYTES = 1 << 19

_MAX_PARTS = 64  # of one sendmsg(2); the kernel's bound is 1024


class Transport:
    """A way to one socket; see `Control` and `Client` for what to say there."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._begin()
        _ALL.add(self)

    def _begin(self) -> None:
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Transport({self.path!r}, {len(self._idle)} idle)"

    def call(self, call: Call, *, timeout_s: float) -> Answer:
        """Send a request and return its answer, whatever its status.

        Args:
            call: what to send.
            timeout_s: for all of it: connecting, sending, waiting, receiving.

        Raises:
            NoDaemon: nobody is there, or it went away.
            NoAccess: the caller may not connect.
            TimedOut: the deadline passed.
            ProtocolError: the answer is no HTTP.
        """
        deadline = _Deadline(self.path, timeout_s)
        while True:
            connection = self._take()
            fresh = connection is None
            if connection is None:
                connection = _Connection(self.path, deadline)
            try:
                answer = connection.exchange(call, deadline)
            except _Stale:
                connection.close()
                # What had been idle may have been closed: only that is tried again.
                if fresh:
                    raise hung_up(self.path) from None
                continue
            except BaseException:
                connection.close()
                raise
            self._put(connection)
            return answer

    def close(self) -> None:
        """Close idle connections. Another call would open a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def after_fork(self) -> None:
        """Begin anew in a child: the connections are its parent's."""
        self._begin()

    def _take(self) -> "_Connection | None":
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.is_quiet():
                return connection
            connection.close()

    def _put(self, connection: "_Connection") -> None:
        with self._lock:
            if connection.keeps and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()


_ALL: "weakref.WeakSet[Transport]" = weakref.WeakSet()


def _after_fork() -> None:
    for transport in _ALL:
        transport.after_fork()


os.register_at_fork(after_in_child=_after_fork)


class _Stale(Exception):
    """The connection was gone before the daemon can have taken the call up."""


class _Deadline:
    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._at = time.monotonic() + timeout_s

    def left(self) -> float:
        """Return seconds, more than 0.

        Raises:
            TimedOut: none are left.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> EdgedError:
        return timed_out(self._path, self._timeout_s)


class _Connection:
    def __init__(self, path: str, deadline: _Deadline) -> None:
        self.keeps = True
        self._path = path
        self._socket = _connect(path, deadline)
        self._scratch = memoryview(bytearray(SCRATCH_BYTES))
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def is_quiet(self) -> bool:
        """Whether nothing came since the last answer, not even the end."""
        return not self._poll.poll(0)

    def close(self) -> None:
        self._socket.close()

    def exchange(self, call: Call, deadline: _Deadline) -> Answer:
        """Send a call and receive its answer.

        The daemon may answer before it has read all (a body that is too large, no
        permission) and hang up; so there may be an answer although sending failed.
        """
        unsent = [memoryview(part).cast("B") for part in (call.head(), *call.body)]
        length = sum(map(len, unsent))
        complete = self._send(unsent, deadline, call.fds)
        untouched = sum(map(len, unsent)) == length
        if complete and call.stream is not None:
            complete = self._stream(call.stream, deadline)
        reader = Reader(self._scratch)
        answer = self._receive(reader, deadline)
        if answer is None:
            if untouched or (call.repeatable and not reader.begun):
                raise _Stale
            raise hung_up(self._path)
        self.keeps = complete and reader.keeps
        return answer

    def _send(
        self,
        unsent: list[memoryview],
        deadline: _Deadline,
        fds: tuple[int, ...] = (),
    ) -> bool:
        """Send these parts and remove them; tell whether all could be sent."""
        rights = ancillary(fds)
        while unsent:
            self._socket.settimeout(deadline.left())
            try:
                _drop(unsent, self._socket.sendmsg(unsent[:_MAX_PARTS], rights))
                rights = []
            except ConnectionError:
                return False
            except TimeoutError:
                raise deadline.passed() from None
        return True

    def _stream(self, chunks: Iterable[bytes], deadline: _Deadline) -> bool:
        for chunk in chunks:
            if not self.is_quiet():
                return False
            if not chunk:  # it would end the body
                continue
            framed = (b"%x\r\n" % len(chunk), chunk, b"\r\n")
            if not self._send([memoryview(part) for part in framed], deadline):
                return False
        return self._send([memoryview(b"0\r\n\r\n")], deadline)

    def _receive(self, reader: Reader, deadline: _Deadline) -> Answer | None:
        while reader.answer is None:
            self._socket.settimeout(deadline.left())
            try:
                count = self._socket.recv_into(reader.buffer())
            except ConnectionError:
                return None
            except TimeoutError:
                raise deadline.passed() from None
            if count:
                reader.received(count)
            else:
                reader.ended()
                break
        return reader.answer


def _connect(path: str, deadline: _Deadline) -> socket.socket:
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        widen(sock)
        try:
            sock.settimeout(deadline.left())
            sock.connect(path)
        except BlockingIOError:  # EAGAIN: the queue is full
            sock.close()
            time.sleep(min(_RETRY_S, deadline.left()))
        except OSError as exc:
            sock.close()
            raise unreachable(path, exc) from exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock


def widen(sock: socket.socket) -> None:
    """Let a large request leave in one go; a refusal costs only speed."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    except OSError:
        return


def ancillary(fds: tuple[int, ...]) -> list[tuple[int, int, bytes]]:
    """Return what sends descriptors along; see unix(7), SCM_RIGHTS."""
    if not fds:
        return []
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())]


def _drop(views: list[memoryview], count: int) -> None:
    """Remove the first `count` bytes."""
    while views and count >= len(views[0]):
        count -= len(views.pop(0))
    if count:
        views[0] = views[0][count:]
