"""Fuzz the express door's reader: bytes in pieces, as a socket brings them.

    make fuzz

Law: what `check` says must hold of any bytes whatever. It needs no fuzzer: the tests
run it on the corpus and on what hypothesis draws; atheris, where it is installed, looks
for new ways through the code.
"""

import http.client
import importlib
import io
import socket
import sys
from collections.abc import Iterator

import msgspec

from edged.api import express_head
from edged.api.express_head import Head, read_head
from edged.api.express_intake import Intake

_END = b"\r\n\r\n"
_QUIET = (BlockingIOError, InterruptedError)


class Taken(msgspec.Struct, frozen=True):
    """A request that the reader took."""

    head: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return self.head + _END + self.body


def check(data: bytes) -> int:
    """Hold the reader against the bytes themselves, and against another reader.

    Args:
        data: its first byte tells the length of the pieces that follow it.

    Returns:
        How many requests the reader took.

    Raises:
        AssertionError: a byte was lost or read twice, or two readers disagree.
    """
    size, raw = (data[0] or 4096, data[1:]) if data else (1, b"")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)  # noqa: FBT003  # the standard library's signature
        reader = _Reader(ours)
        rest = b""
        for at in range(0, len(raw), size):
            theirs.sendall(raw[at : at + size])
            if not reader.go_on():
                rest = raw[at + size :]
                break
        theirs.shutdown(socket.SHUT_WR)
        reader.go_on()
        left = reader.left() + rest

    assert b"".join(one.raw for one in reader.taken) + left == raw
    assert reader.taken == list(_requests(raw))[: len(reader.taken)]
    for one in reader.taken:
        _agree(one.head)
    return len(reader.taken)


class _Reader:
    """Reads as `api.express.Line` does; takes requests until one is not for it."""

    def __init__(self, sock: socket.socket) -> None:
        self.taken: list[Taken] = []
        self._sock = sock
        self._intake = Intake(sock)
        self._raw: bytes | None = None  # the head whose body is awaited
        self._head: Head
        self._over = False

    def go_on(self) -> bool:
        """Read what has come; tell whether the connection is still the reader's."""
        try:
            while not self._over and self._step():
                pass
        except _QUIET:
            pass
        except EOFError:
            self._over = True
        return not self._over

    def left(self) -> bytes:
        """Return what aiohttp would get."""
        rest = self._intake.unread()
        while True:
            try:
                more = self._sock.recv(1 << 16)
            except _QUIET:
                return rest
            if not more:
                return rest
            rest += more

    def _step(self) -> bool:
        intake = self._intake
        if self._raw is None:
            self._begin()
            return True
        if not intake.has(self._head.length) and not intake.fill(self._head.length):
            return False
        self.taken.append(Taken(self._raw, bytes(intake.body(self._head.length))))
        self._raw = None
        intake.advance(self._head.json_bytes or 0)
        return True

    def _begin(self) -> None:
        intake = self._intake
        if intake.is_empty and not intake.receive():
            raise EOFError
        raw = intake.head()
        if raw is None and intake.make_room():
            intake.receive()
            raw = intake.head()
        head = None if raw is None else read_head(raw)
        if raw is None or head is None:
            self._over = True
            return
        self._raw, self._head = raw, head
        if not intake.has(head.length) and not intake.expect(head):
            self._over = True


def _requests(raw: bytes) -> Iterator[Taken]:
    """Take requests out of all the bytes at once."""
    while True:
        text, end, rest = raw.partition(_END)
        head = read_head(text) if end else None
        if head is None or len(rest) < head.length:
            return
        yield Taken(text, rest[: head.length])
        raw = rest[head.length :]


def _agree(raw: bytes) -> None:
    """Hold a head that was taken against the standard library's reader."""
    head = read_head(raw)
    assert head is not None
    line, _, fields = raw.partition(b"\r\n")
    said = http.client.parse_headers(io.BytesIO(fields + _END))
    assert line == f"POST {head.path} HTTP/1.1".encode()
    assert [str(head.length)] == [
        value.strip().lstrip("0") or "0" for value in said.get_all("Content-Length", [])
    ]
    for name in ("Transfer-Encoding", "Content-Encoding", "Expect", "Upgrade", "TE"):
        assert name not in said
    told = said.get("Inference-Header-Content-Length")
    assert head.json_bytes == (None if told is None else int(told))


def main() -> None:
    """Look for bytes that break it; the arguments are libFuzzer's."""
    atheris = importlib.import_module("atheris")  # for whoever fuzzes; it has no types
    methods = [one for one in vars(Intake).values() if callable(one)]
    for function in (read_head, express_head._fields, check, *methods):
        atheris.instrument_func(function)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
