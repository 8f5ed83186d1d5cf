"""Peers as the kernel tells them."""

import os
import socket

import pytest

from edged.errors import SocketFailed
from edged.host.peer import Peer, peer


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
