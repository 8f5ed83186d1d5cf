"""What an express connection reads: bytes and descriptors, and where a request is.

Law: bytes stay where the kernel put them; a request's tensors stand aligned there, if
the request before was like it. Nothing is lost: `unread` is every byte of the request
that is being read. Descriptors that nobody took are closed.
"""

import array
import os
import socket

from edged.api import body as bodies
from edged.api.express_head import Head, Kind
from edged.wire.oip import ALIGNMENT

#: A request that fits is read where it stays; a larger body gets memory of its own.
BUFFER_BYTES = 16 * 1024

#: Descriptors that a request may carry. One is needed; more are told, and closed.
MOST_FDS = 4

#: Bytes of a body that are read before others have their turn: about 200 us.
TURN_BYTES = 1 << 20

_CONTROL_BYTES = socket.CMSG_SPACE(MOST_FDS * array.array("i").itemsize)
# As plain numbers: operators of the enum take longer than reading.
_CLOEXEC, _TRUNCATED = int(socket.MSG_CMSG_CLOEXEC), int(socket.MSG_CTRUNC)
_END = b"\r\n\r\n"


class TooManyDescriptors(Exception):  # not an error of ours: see `Line`
    """More came than there is room for."""


class Intake:
    """The reading half of a connection.

    Args:
        sock: connected, does not block.
    """

    __slots__ = (
        "_at",
        "_base",
        "_body",
        "_body_at",
        "_buffer",
        "_end",
        "_fds",
        "_got",
        "_next",
        "_room",
        "_sock",
    )

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._at = self._end = 0  # what was read and not answered, in the buffer
        self._body_at = 0  # where the present request's body begins in the buffer
        self._body: memoryview | None = None  # its body, where it is not in the buffer
        self._got = 0  # bytes of `_body` that are there
        self._next = 0  # where the next request begins in the buffer
        self._fds: list[int] = []
        self._take_buffer()

    def _take_buffer(self) -> None:
        self._buffer = bytearray(BUFFER_BYTES)
        self._room = memoryview(self._buffer)
        self._base = bodies.address(self._room)

    def __repr__(self) -> str:
        return f"{self._end - self._at} bytes read, {len(self._fds)} descriptors"

    # --- heads -------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a next request has come."""
        return self._at == self._end

    def receive(self) -> int:
        """Read what there is; return how many bytes, 0 for the peer's end.

        Raises:
            OSError: BlockingIOError for nothing yet; else the peer is gone.
            TooManyDescriptors: they are closed.
        """
        got, control, flags, _ = self._sock.recvmsg_into(
            (self._room[self._end :],), _CONTROL_BYTES, _CLOEXEC
        )
        if control:
            self._fds += _descriptors(control)
        if flags & _TRUNCATED:
            self.close_fds()
            raise TooManyDescriptors
        self._end += got
        return got

    def head(self) -> bytes | None:
        """Return the next request's head without its empty line; None for not yet."""
        stop = self._buffer.find(_END, self._at, self._end)
        if stop < 0:
            return None
        self._body_at = stop + len(_END)
        return bytes(self._room[self._at : stop])

    def make_room(self) -> bool:
        """Have room behind what was read; tell whether there is any."""
        if self._end == BUFFER_BYTES:
            rest = bytes(self._room[self._at : self._end])
            self._at, self._end = 0, len(rest)
            self._room[: self._end] = rest
        return self._end < BUFFER_BYTES

    # --- bodies ------------------------------------------------------------------

    def has(self, length: int) -> bool:
        """Tell whether a body of this length is there."""
        return self._end - self._body_at >= length

    def body(self, length: int) -> memoryview:
        """Return the whole body, and the request is read; see `has` and `fill`."""
        if self._body is not None:
            self._next = self._end
            return self._body
        self._next = self._body_at + length
        return self._room[self._body_at : self._next]

    def expect(self, head: Head) -> bool:
        """Find memory for a body that is not whole.

        Returns:
            Whether to go on here: a large JSON is parsed for longer than aiohttp
            takes to read it.
        """
        if self._body_at + head.length <= BUFFER_BYTES:
            return True
        if head.json_bytes is None or head.kind is not Kind.INFER:
            return False
        self._body = bodies.aligned(head.length, head.json_bytes)
        self._got = self._end - self._body_at
        self._body[: self._got] = self._room[self._body_at : self._end]
        return True

    def fill(self, length: int) -> bool:
        """Read what there is of a body, within bounds; tell whether it is whole.

        The kernel drops descriptors that come with it.

        Raises:
            EOFError: it ends early.
            OSError: the peer is gone.
        """
        body = self._room if self._body is None else self._body
        have = self._end if self._body is None else self._got
        need = self._body_at + length if self._body is None else length
        stop = min(need, have + TURN_BYTES)
        try:
            while have < stop:
                got = self._sock.recv_into(body[have:stop])
                if not got:
                    raise EOFError
                have += got
        except (BlockingIOError, InterruptedError):
            return False
        finally:
            if self._body is None:
                self._end = have
            else:
                self._got = have
        return have >= need

    def unread(self) -> bytes:
        """Return every byte of the present request and behind it."""
        if self._body is None:
            return bytes(self._room[self._at : self._end])
        head = self._room[self._at : self._body_at]
        return b"".join((head, self._body[: self._got]))

    # --- going on ----------------------------------------------------------------

    def advance(self, json_bytes: int) -> bool:
        """Go on to the next request; tell whether something of it is there.

        Args:
            json_bytes: of the present one: where the next one's tensors should stand.
        """
        self._body = None
        if self._next < self._end:
            self._at = self._next
            return True
        tensors = self._body_at - self._at + json_bytes
        self._at = self._end = -(self._base + tensors) % ALIGNMENT
        if self._fds:
            self.close_fds()
        return False

    def renew(self) -> None:
        """Read on in another buffer; somebody may still look into this one."""
        rest = bytes(self._room[self._next : self._end])
        tensors = self._body_at - self._at
        self._take_buffer()
        self._room[: len(rest)] = rest
        self._at, self._body_at, self._next, self._end = 0, tensors, 0, len(rest)

    # --- descriptors -------------------------------------------------------------

    def take_fds(self) -> list[int]:
        """Give away the descriptors; whoever takes them closes them."""
        fds, self._fds = self._fds, []
        return fds

    def close_fds(self) -> None:
        """Close the descriptors that nobody took."""
        close(self.take_fds())

    def drop_strays(self, length: int) -> None:
        """Close descriptors of a request with such a body that has no use for them.

        If more follows it in the buffer, they may be for that.
        """
        if self._fds and self._end - self._body_at <= length:
            self.close_fds()


def close(fds: list[int]) -> None:
    """Close descriptors."""
    for fd in fds:
        os.close(fd)


def _descriptors(control: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return fds.tolist()
