"""Blocking calls: deadlines, reuse, what is sent again and what never is."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.client.http import Call
from edged.client.transport import MAX_IDLE, SEND_BUFFER_BYTES, Transport, widen
from edged.errors import NoDaemon, ProtocolError, TimedOut
from tests.fakes.wire import (
    answer,
    hang_up,
    in_turn,
    raw_answer,
    read_and_hang_up,
    scripted,
)

GET = Call(method="GET", target="/")
POST = Call(method="POST", target="/", body=(b"hello",))


@pytest.fixture
def path(folder: Path) -> Path:
    """Return where the socket is."""
    return folder / "t.sock"


@pytest.fixture
def transport(path: Path) -> Iterator[Transport]:
    """Return a transport to it."""
    made = Transport(str(path))
    yield made
    made.close()


def silent(connection: socket.socket) -> None:
    """Read and say nothing until the client gives up."""
    while connection.recv(65536):
        pass


def test_a_connection_is_used_again(path: Path, transport: Transport) -> None:
    """A second call costs no connect."""
    with scripted(path, [in_turn(answer(b"1"), answer(b"2"))]) as begun:
        bodies = [transport.call(POST, timeout_s=2).body for _ in range(2)]

    assert ([b"1", b"2"], [0]) == (bodies, begun)


def test_a_large_request_leaves_in_one_go() -> None:
    """It waits for its reader only where the system's own bound is lower."""
    ours, theirs = socket.socketpair()
    most = int(Path("/proc/sys/net/core/wmem_max").read_text())
    size = min(SEND_BUFFER_BYTES, most)
    with ours, theirs:
        widen(ours)
        ours.setblocking(False)  # noqa: FBT003  # the library's signature

        assert size // 2 == ours.send(bytes(size // 2))


def test_after_close_comes_another_connection(path: Path, transport: Transport) -> None:
    """A draining daemon says so, and loses no request."""
    last = answer(b"1", head="Connection: close\r\n")

    with scripted(path, [in_turn(last, silent), answer(b"2")]) as begun:
        bodies = [transport.call(POST, timeout_s=2).body for _ in range(2)]

    assert ([b"1", b"2"], [0, 1]) == (bodies, begun)


def test_an_idle_connection_that_was_closed_is_replaced(
    path: Path, transport: Transport
) -> None:
    """Also for a POST: the kernel says so before anything is sent."""
    with scripted(path, [answer(b"1"), answer(b"2")]) as begun:
        first = transport.call(POST, timeout_s=2).body
        time.sleep(0.05)  # the first play has ended, and with it the connection
        second = transport.call(POST, timeout_s=2).body

    assert (b"1", b"2", [0, 1]) == (first, second, begun)


def test_a_connection_that_closes_just_before_a_post_is_replaced(
    path: Path, transport: Transport
) -> None:
    """The look at it and the sending are two moments."""
    with scripted(path, [answer(b"1"), answer(b"2")]) as begun:
        first = transport.call(POST, timeout_s=2).body
        transport._idle[0].is_quiet = lambda: True  # type: ignore[method-assign]
        time.sleep(0.05)
        second = transport.call(POST, timeout_s=2).body

    assert (b"1", b"2", [0, 1]) == (first, second, begun)


def test_a_get_that_an_old_connection_swallowed_is_sent_again(
    path: Path, transport: Transport
) -> None:
    """It has no effect, so once more is as good as once."""
    first = in_turn(answer(b"1"), read_and_hang_up)

    with scripted(path, [first, answer(b"2")]) as begun:
        bodies = [transport.call(GET, timeout_s=2).body for _ in range(2)]

    assert ([b"1", b"2"], [0, 1]) == (bodies, begun)


def test_a_post_that_may_have_been_taken_up_is_never_sent_again(
    path: Path, transport: Transport
) -> None:
    """An install done twice is worse than an error."""
    first = in_turn(answer(b"1"), read_and_hang_up)

    with scripted(path, [first, answer(b"2")]) as begun:
        transport.call(POST, timeout_s=2)
        with pytest.raises(NoDaemon) as caught:
            transport.call(POST, timeout_s=2)
        seen = list(begun)

    assert ("hung-up", [0]) == (caught.value.fields["cause"], seen)


@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
@pytest.mark.parametrize("play", [hang_up, read_and_hang_up])
def test_a_daemon_that_hangs_up_on_a_new_connection_is_no_daemon(
    path: Path, transport: Transport, call: Call, play: object
) -> None:
    """Trying again and again would only hide that it crashes."""
    assert callable(play)
    with scripted(path, [play, answer()]) as begun:
        with pytest.raises(NoDaemon):
            transport.call(call, timeout_s=2)
        seen = list(begun)

    assert [0] == seen


def test_half_an_answer_is_no_answer(path: Path, transport: Transport) -> None:
    """The daemon died while it sent."""

    def half(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(raw_answer(b"0123456789")[:-5])

    with scripted(path, [half]), pytest.raises(NoDaemon, match="closed the connection"):
        transport.call(GET, timeout_s=2)


def test_garbage_is_a_protocol_error(path: Path, transport: Transport) -> None:
    """Something else listens there."""

    def garbage(connection: socket.socket) -> None:
        connection.sendall(b"220 mail.example ESMTP\r\n\r\n")

    with scripted(path, [garbage]), pytest.raises(ProtocolError):
        transport.call(GET, timeout_s=2)


def trickle(connection: socket.socket) -> None:
    """Answer a byte at a time."""
    connection.recv(65536)
    try:
        for byte in raw_answer(b"x" * 1000):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
    except OSError:
        return


@pytest.mark.parametrize("play", [silent, trickle])
def test_the_deadline_is_for_the_whole_call(
    path: Path, transport: Transport, play: object
) -> None:
    """A byte now and then wins no time."""
    assert callable(play)
    with scripted(path, [play]):
        began = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            transport.call(GET, timeout_s=0.3)
        took_s = time.monotonic() - began

    assert 0.25 < took_s < 0.6
    assert "within 0.3 s" in caught.value.message


def test_a_daemon_that_does_not_read_is_timed_out(
    path: Path, transport: Transport
) -> None:
    """Sending has the same deadline."""
    stop = threading.Event()

    def deaf(_connection: socket.socket) -> None:
        stop.wait(5)

    huge = Call(method="POST", target="/", body=(b"x" * 8_000_000,))

    with scripted(path, [deaf]):
        with pytest.raises(TimedOut):
            transport.call(huge, timeout_s=0.3)
        stop.set()


def test_a_full_queue_is_waited_for_until_the_deadline(
    path: Path, transport: Transport
) -> None:
    """Connecting to a hung daemon does not fail at once, nor hang."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first:
            first.connect(str(path))
            began = time.monotonic()
            with pytest.raises(TimedOut):
                transport.call(GET, timeout_s=0.3)
            took_s = time.monotonic() - began

    assert 0.25 < took_s < 0.6


def test_no_socket_and_nobody_behind_it_are_told_apart(
    path: Path, transport: Transport
) -> None:
    """One is not started, the other was killed."""
    with pytest.raises(NoDaemon) as absent:
        transport.call(GET, timeout_s=1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
    with pytest.raises(NoDaemon) as refused:
        transport.call(GET, timeout_s=1)

    assert ("no-socket", "refused") == (
        absent.value.fields["cause"],
        refused.value.fields["cause"],
    )


@pytest.mark.skipif(os.getuid() != 0, reason="root is refused nothing, but can change")
def test_without_permission_the_group_is_named(path: Path) -> None:
    """In a process of another user."""
    program = (
        "import os, sys; from edged.client.transport import Transport\n"
        "from edged.client.http import Call\n"
        "import edged.client.reach, edged.errors, grp, pwd\n"
        "os.setgroups([]); os.setgid(54322); os.setuid(54322)\n"
        "get = Call(method='GET', target='/')\n"
        "try: Transport(sys.argv[1]).call(get, timeout_s=1)\n"
        "except edged.errors.NoAccess as e: print(e.fields['mode'], e.hint)"
    )
    path.parent.chmod(0o711)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        os.chown(path, -1, 1)  # group daemon
        path.chmod(0o660)
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    assert done.stdout.startswith("0660 sudo usermod -aG daemon 54322")


def test_a_stream_is_sent_as_it_comes(path: Path, transport: Transport) -> None:
    """In chunks; an empty piece does not end it."""
    got = bytearray()

    def collect(connection: socket.socket) -> None:
        while not got.endswith(b"0\r\n\r\n"):
            got.extend(connection.recv(65536))
        connection.sendall(raw_answer())

    call = Call(method="POST", target="/", stream=iter([b"abc", b"", b"de"]))

    with scripted(path, [collect]):
        transport.call(call, timeout_s=2)

    assert got.endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


def test_an_early_answer_ends_a_stream(path: Path, transport: Transport) -> None:
    """Nobody sends 300 MB to be told that he may not."""
    taken = []

    def early(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.1)

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            time.sleep(0.001)
            yield b"x" * 10_000

    call = Call(method="POST", target="/", stream=endless())

    with scripted(path, [early]):
        answered = transport.call(call, timeout_s=2)

    assert 403 == answered.status
    assert len(taken) < 200


def test_an_answer_to_a_body_that_was_not_read_is_still_read(
    path: Path, transport: Transport
) -> None:
    """The daemon answered 413 and closed while we were sending."""

    def early(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    huge = Call(method="POST", target="/", body=(b"x" * 8_000_000,))

    with scripted(path, [early]):
        answered = transport.call(huge, timeout_s=2)

    assert 413 == answered.status


def test_what_a_stream_raises_comes_out_and_the_connection_goes(
    path: Path, transport: Transport
) -> None:
    """A file that cannot be read is not the daemon's fault."""

    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise BrokenPipeError("the caller's own")

    call = Call(method="POST", target="/", stream=broken())

    with (
        scripted(path, [silent]),
        pytest.raises(BrokenPipeError, match="the caller's own"),
    ):
        transport.call(call, timeout_s=2)

    assert "0 idle" in repr(transport)


def test_many_threads_share_a_transport(path: Path, transport: Transport) -> None:
    """Each call gets its own answer; few connections are kept."""

    def echo(connection: socket.socket) -> None:
        while request := connection.recv(65536):
            connection.sendall(raw_answer(request.split()[1]))

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with ThreadPoolExecutor(32) as pool:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    pool.submit(_closing, echo, connection)

        thread = threading.Thread(target=serve)
        thread.start()

        def ask(number: int) -> bool:
            call = Call(method="GET", target=f"/{number}")
            return transport.call(call, timeout_s=5).body == f"/{number}".encode()

        with ThreadPoolExecutor(8) as callers:
            right = list(callers.map(ask, range(400)))
        kept = repr(transport)
        transport.close()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert all(right)
    assert int(kept.split(",")[1].split()[0]) <= MAX_IDLE


def _closing(play: object, connection: socket.socket) -> None:
    assert callable(play)
    with connection:
        play(connection)
