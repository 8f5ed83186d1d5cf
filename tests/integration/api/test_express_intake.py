"""What is read of a connection: nothing lost, tensors aligned, descriptors closed."""

import os
import select
import socket
import threading
from array import array
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.api.express_head import Head, Kind
from edged.api.express_intake import (
    BUFFER_BYTES,
    MOST_FDS,
    TURN_BYTES,
    Intake,
    TooManyDescriptors,
)

HEAD = b"POST /x HTTP/1.1\r\nHost: x"
EMPTY = b"\r\n\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[Intake, socket.socket]]:
    """Return an intake and the peer that it reads from."""
    ours, theirs = socket.socketpair(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with ours, theirs:
        intake = Intake(ours)
        yield intake, theirs
        intake.close_fds()


def binary(length: int, json_bytes: int | None = 0) -> Head:
    """Return the head of a body."""
    return Head(
        kind=Kind.INFER, target="m", version=None, length=length, json_bytes=json_bytes
    )


def address(view: memoryview) -> int:
    """Return where in memory a view begins."""
    return int(np.frombuffer(view, np.uint8).ctypes.data)


@given(lengths=st.lists(st.integers(0, BUFFER_BYTES // 3), min_size=1, max_size=12))
def test_requests_that_come_at_once_are_read_one_by_one(lengths: list[int]) -> None:
    """Whatever of the next one came along is where the next one begins."""
    ours, theirs = socket.socketpair(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with ours, theirs:
        intake = Intake(ours)
        bodies = [bytes([n]) * length for n, length in enumerate(lengths)]
        theirs.sendall(b"".join(HEAD + EMPTY + body for body in bodies))
        for body in bodies:
            while (head := intake.head()) is None:
                assert intake.make_room()
                assert intake.receive()
            assert head == HEAD
            if not intake.has(len(body)):
                assert intake.expect(binary(len(body)))
                assert intake.fill(len(body))
            assert body == bytes(intake.body(len(body)))
            intake.advance(0)

        assert intake.is_empty


@pytest.mark.parametrize("json_bytes", [0, 3, 77])
@pytest.mark.parametrize("length", [500, BUFFER_BYTES + 500])
def test_the_second_request_of_a_kind_has_its_tensors_aligned(
    pair: tuple[Intake, socket.socket], length: int, json_bytes: int
) -> None:
    """Small ones by where the first one's were; large ones anyway."""
    intake, peer = pair
    found = []
    for _ in range(2):
        peer.sendall(HEAD + EMPTY + bytes(length))
        intake.receive()
        intake.head()
        if not intake.has(length):
            assert intake.expect(binary(length, json_bytes))
            assert intake.fill(length)
        found.append((address(intake.body(length)) + json_bytes) % 64)
        assert not intake.advance(json_bytes)

    assert 0 == found[1]


@pytest.mark.parametrize("length", [500, BUFFER_BYTES + 500])
@pytest.mark.parametrize("come", [0, 1, 400])
def test_all_of_an_unfinished_request_can_be_given_away(
    pair: tuple[Intake, socket.socket], length: int, come: int
) -> None:
    """In the buffer or beside it."""
    intake, peer = pair
    raw = HEAD + EMPTY + bytes(come)
    peer.sendall(raw)
    intake.receive()
    intake.head()
    assert intake.expect(binary(length))
    assert not intake.fill(length)
    peer.sendall(b"abc")
    assert not intake.fill(length)

    assert raw + b"abc" == intake.unread()


def test_a_large_body_is_read_in_turns(pair: tuple[Intake, socket.socket]) -> None:
    """Others wait behind it no longer than for a run."""
    intake, peer = pair
    length = 3 * TURN_BYTES
    peer.setblocking(True)  # noqa: FBT003  # the library's signature
    sending = threading.Thread(
        target=peer.sendall, args=(HEAD + EMPTY + bytes(length),)
    )
    sending.start()
    select.select([peer_of(intake)], [], [])
    intake.receive()
    intake.head()
    assert intake.expect(binary(length))
    turns = []
    while not turns or not turns[-1]:
        select.select([peer_of(intake)], [], [])
        before = len(intake.unread())
        turns.append(intake.fill(length))
        assert len(intake.unread()) - before <= TURN_BYTES
    sending.join()

    assert len(turns) >= 3


def peer_of(intake: Intake) -> socket.socket:
    """Return the socket that an intake reads from."""
    return intake._sock


def test_a_body_that_ends_early_says_so(pair: tuple[Intake, socket.socket]) -> None:
    """And is still there."""
    intake, peer = pair
    peer.sendall(HEAD + EMPTY + b"abc")
    peer.shutdown(socket.SHUT_WR)
    intake.receive()
    intake.head()
    assert intake.expect(binary(10))

    with pytest.raises(EOFError):
        intake.fill(10)

    assert HEAD + EMPTY + b"abc" == intake.unread()


def test_large_json_is_not_ours(pair: tuple[Intake, socket.socket]) -> None:
    """Nor is a registration that does not fit."""
    intake, peer = pair
    peer.sendall(HEAD + EMPTY)
    intake.receive()
    intake.head()

    assert not intake.expect(binary(BUFFER_BYTES, None))
    assert intake.expect(binary(BUFFER_BYTES, 0))


def test_a_renewed_buffer_leaves_the_old_one_alone(
    pair: tuple[Intake, socket.socket],
) -> None:
    """Somebody still reads a tensor there; what came behind it is not lost."""
    intake, peer = pair
    peer.sendall(HEAD + EMPTY + b"first" + HEAD + EMPTY + b"other")
    intake.receive()
    intake.head()
    body = intake.body(5)

    intake.renew()

    assert intake.advance(0)
    assert HEAD == intake.head()
    assert b"other" == bytes(intake.body(5))
    intake.advance(0)
    peer.sendall(bytes(1000))
    intake.receive()
    assert b"first" == bytes(body)


def send(peer: socket.socket, data: bytes, count: int) -> list[int]:
    """Send descriptors of fresh pipes; return their reading ends."""
    ends = [os.pipe() for _ in range(count)]
    fds = array("i", [write for _, write in ends])
    peer.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    for _, write in ends:
        os.close(write)
    return [read for read, _ in ends]


def are_closed(ends: list[int]) -> bool:
    """Tell whether nobody holds the other ends; close these."""
    try:
        for end in ends:
            os.set_blocking(end, False)  # the library's signature
        return all(os.read(end, 1) == b"" for end in ends)
    except BlockingIOError:
        return False
    finally:
        for end in ends:
            os.close(end)


def test_strays_are_closed(pair: tuple[Intake, socket.socket]) -> None:
    """As soon as no request is there that they could be for."""
    intake, peer = pair
    ends = send(peer, HEAD + EMPTY + b"abc", 2)
    intake.receive()
    intake.head()

    intake.drop_strays(3)

    assert are_closed(ends)


def test_descriptors_wait_for_the_request_behind(
    pair: tuple[Intake, socket.socket],
) -> None:
    """The kernel gives them with bytes that were sent before theirs."""
    intake, peer = pair
    peer.sendall(HEAD + EMPTY + b"abc")
    ends = send(peer, HEAD + EMPTY, 1)
    intake.receive()
    intake.head()
    intake.drop_strays(3)
    intake.body(3)
    more = intake.advance(0)

    fds = intake.take_fds()

    assert (True, 1) == (more, len(fds))
    os.close(fds[0])
    assert are_closed(ends)


def test_descriptors_are_not_inherited(pair: tuple[Intake, socket.socket]) -> None:
    """Not even by a program that starts at this very moment."""
    intake, peer = pair
    ends = send(peer, b"x", 1)
    intake.receive()

    (fd,) = intake.take_fds()

    assert not os.get_inheritable(fd)
    os.close(fd)
    assert are_closed(ends)


def test_more_than_there_is_room_for_are_refused_and_closed(
    pair: tuple[Intake, socket.socket],
) -> None:
    """Those that came and those that did not."""
    intake, peer = pair
    ends = send(peer, b"x", MOST_FDS + 1)

    with pytest.raises(TooManyDescriptors):
        intake.receive()

    assert are_closed(ends)


def test_descriptors_in_a_body_are_dropped(pair: tuple[Intake, socket.socket]) -> None:
    """The kernel does it where nobody asks for them."""
    intake, peer = pair
    peer.sendall(HEAD + EMPTY)
    intake.receive()
    intake.head()
    assert intake.expect(binary(5))
    ends = send(peer, b"abcde", 3)

    assert intake.fill(5)

    assert are_closed(ends)
