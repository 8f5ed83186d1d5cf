"""The floor of a Python server: a reader of edged's shape, and nothing behind it.

No model, no admission, no counters. It looks for the end of a head and for two
numbers in it, and answers what was written before, by the body's length.

    python echo.py SOCKET ANSWERS    # a folder: the answer to N bytes is its file N
"""

import asyncio
import re
import socket
import sys
from pathlib import Path

_ROOM = 1 << 20
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)")
_JSON_LENGTH = re.compile(rb"\r\nInference-Header-Content-Length: ([0-9]+)")

ANSWERS = {int(path.name): path.read_bytes() for path in Path(sys.argv[2]).iterdir()}


class Line:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray(_ROOM)
        self._room = memoryview(self._buffer)
        self._have = 0
        asyncio.get_running_loop().add_reader(sock, self._readable)

    def _readable(self) -> None:
        try:
            got = self._sock.recv_into(self._room[self._have :])
        except BlockingIOError:
            return
        except OSError:
            got = 0
        if not got:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            return
        self._have += got
        stop = self._buffer.find(_END, 0, self._have)
        if stop < 0:
            return
        length = int(_LENGTH.search(self._buffer, 0, stop)[1])
        json = int(_JSON_LENGTH.search(self._buffer, 0, stop)[1])
        if self._have >= stop + len(_END) + max(length, json):
            self._have = 0
            self._sock.send(ANSWERS[length])


async def _serve(path: str) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        listening.settimeout(0)
        while True:
            sock, _ = await loop.sock_accept(listening)
            sock.settimeout(0)
            Line(sock)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
