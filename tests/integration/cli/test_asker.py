"""The client that measures, against sockets that answer what a test says."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edged.cli import asker
from edged.cli.asker import Asker, Bounds, Line
from edged.errors import EdgedError, NoDaemon, ProtocolError, QueueFull

GOOD = (
    b"HTTP/1.1 200 OK\r\nInference-Header-Content-Length: 1\r\n"
    b"Content-Length: 5\r\n\r\nhello"
)
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nEdged-Code: queue-full\r\n"
    b'Content-Length: 16\r\n\r\n{"error":"full"}'
)
REQUEST = b"ask!"


@pytest.fixture
def ends() -> Iterator[tuple[Line, socket.socket]]:
    """Return a line and the server's end of it."""
    ours, theirs = socket.socketpair()
    line = Line(ours)
    yield line, theirs
    line.close()
    theirs.close()


@contextmanager
def serving(path: Path, *answers: bytes) -> Iterator[asker.Connect]:
    """Answer the requests of each connection in turn, the last answer for ever."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve(sock: socket.socket) -> None:
        left = list(answers)
        with sock, suppress(ConnectionError):  # a client may leave early
            while sock.recv(len(REQUEST)):
                sock.sendall(left[0])
                left = left[1:] or left

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=serve, args=(sock,))
            threads.append(thread)
            thread.start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield asker.unix(str(path))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join()


def test_an_answer_may_come_in_pieces(ends: tuple[Line, socket.socket]) -> None:
    """It is complete with its last byte, not before."""
    line, server = ends
    line.begin(REQUEST)

    complete = []
    for byte in GOOD:
        server.send(bytes([byte]))
        complete.append(line.pull())

    assert ([False] * (len(GOOD) - 1) + [True], b"hello") == (
        complete,
        line.answer.body,
    )


def test_a_large_answer_has_room(ends: tuple[Line, socket.socket]) -> None:
    """Ten times what the buffer has at first."""
    line, server = ends
    body = bytes(range(256)) * 2560
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    sender = threading.Thread(target=server.sendall, args=(head + body,))
    sender.start()

    while not line.pull():
        pass
    sender.join()

    assert body == line.answer.body


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"SMTP ready\r\nContent-Length: 1\r\n\r\n"]
)
def test_what_is_no_answer_is_refused(
    ends: tuple[Line, socket.socket], answer: bytes
) -> None:
    """Without a length nobody knows where it ends."""
    line, server = ends
    server.send(answer)

    with pytest.raises(ProtocolError):
        line.pull()


def test_a_hang_up_is_told(ends: tuple[Line, socket.socket]) -> None:
    """The server went away."""
    line, server = ends
    server.close()

    with pytest.raises(NoDaemon, match="closed the connection"):
        line.pull()


def test_a_connection_that_idled_too_long_is_made_again(home: Path) -> None:
    """Only then: the server that hung up is asked by another one."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "s"))
        listener.listen()
        client = Asker(asker.unix(str(home / "s")))
        first, _ = listener.accept()
        client.renew()  # nothing has happened
        first.close()
        client.renew()
        second, _ = listener.accept()
        second.send(GOOD)

        client.ask(REQUEST)

        assert (REQUEST, b"hello") == (second.recv(9), client.last.body)
        second.close()
        client.close()


def test_an_error_is_raised_as_the_daemon_means_it(home: Path) -> None:
    """By its code."""
    with serving(home / "s", FULL) as connect:
        client = Asker(connect)
        with pytest.raises(QueueFull):
            client.ask(REQUEST)
        client.close()


@pytest.mark.parametrize(
    ("bounds", "expected"), [(Bounds(10.0, 3), 3), (Bounds(0.0, 3), 1)]
)
def test_both_bounds_end_a_measurement(bounds: Bounds, expected: int) -> None:
    """The first that is reached; at least one call is made."""
    assert expected == len(asker.latencies(lambda: None, bounds))


def test_every_request_of_a_load_is_answered(home: Path) -> None:
    """Those that are on their way at the end are waited for; refusals are counted."""
    with serving(home / "s", FULL, GOOD) as connect:
        load = asker.load(connect, REQUEST, clients=3, bounds=Bounds(10.0, 30))

    assert (3, 32, 3) == (load.clients, load.answered + load.refused, load.refused)


def test_another_error_ends_a_load(home: Path) -> None:
    """What is not the queue's fullness is no figure."""
    wrong = b'HTTP/1.1 400 Bad\r\nContent-Length: 15\r\n\r\n{"error":"bad"}'

    with serving(home / "s", wrong) as connect, pytest.raises(EdgedError, match="bad"):
        asker.load(connect, REQUEST, clients=2, bounds=Bounds(10.0, 30))


def test_nobody_there_is_told(home: Path) -> None:
    """As by every client."""
    with pytest.raises(NoDaemon):
        asker.unix(str(home / "none"))()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(NoDaemon):
            asker.loopback(free.getsockname()[1])()
