"""Peers as the kernel tells them."""

import os
import socket

import pytest

from edged.errors import SocketFailed
from edged.host.peer import Peer, peer, unread_bytes


def test_a_peer_is_told_with_user_and_groups() -> None:
    """As of connect: here, ourselves."""
    ours, theirs = socket.socketpair()

    with ours, theirs:
        found = peer(ours)

    assert (
        Peer(
            pid=os.getpid(),
            uid=os.getuid(),
            gid=os.getgid(),
            groups=frozenset(os.getgroups()),
        )
        == found
    )


def test_a_socket_without_a_peer_is_refused() -> None:
    """An internet socket has no credentials: pid 0 would look like root."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        pytest.raises(SocketFailed),
    ):
        peer(client)


def test_what_a_peer_has_not_read_is_counted() -> None:
    """In chunks: it falls when a whole one is read, and to nothing at the end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        before = unread_bytes(ours)
        sent = ours.send(bytes(300_000))
        full = unread_bytes(ours)
        theirs.recv(50_000, socket.MSG_WAITALL)
        less = unread_bytes(ours)
        theirs.recv(sent, socket.MSG_WAITALL | socket.MSG_DONTWAIT)

        assert (0, 300_000, 0) == (before, sent, unread_bytes(ours))
        assert sent <= full
        assert full - 50_000 <= less < full
