"""A socket that plays a script: what to read, what to answer, when to hang up.

For what a well-behaved server never does.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Play = Callable[[socket.socket], None]


@contextmanager
def scripted(path: Path, plays: Sequence[Play]) -> Iterator[list[int]]:
    """Listen at `path`; the n-th connection gets the n-th play and is then closed.

    Yields a list that grows by the number of each connection.
    """
    begun: list[int] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(5)

        over = threading.Event()

        def run() -> None:
            for number, play in enumerate(plays):
                connection, _ = listener.accept()
                with connection:
                    if over.is_set():
                        return
                    begun.append(number)
                    connection.settimeout(5)
                    play(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield begun
        finally:
            over.set()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
                last.connect(str(path))
            thread.join()


def answer(body: bytes = b"{}", *, head: str = "") -> Play:
    """Read a request and answer it once, keeping the connection until the play ends."""

    def play(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(raw_answer(body, head=head))

    return play


def raw_answer(body: bytes = b"{}", *, head: str = "") -> bytes:
    """Return a 200 as bytes."""
    return (
        f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    )


def hang_up(connection: socket.socket) -> None:
    """Close without reading."""


def read_and_hang_up(connection: socket.socket) -> None:
    """Take the request up and vanish: a crash."""
    connection.recv(65536)


def in_turn(*plays: Play) -> Play:
    """Play several scenes on one connection."""

    def play(connection: socket.socket) -> None:
        for scene in plays:
            scene(connection)

    return play
