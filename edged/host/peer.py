"""Who is at the other end of a Unix socket, and whether it listens.

Law: only what the kernel vouches for. Who it is, is told as of `connect`: a peer that
changes its user or groups afterwards keeps what it connected with.
Source: unix(7), SO_PEERCRED, SO_PEERGROUPS and SIOCOUTQ.
"""

import fcntl
import select
import socket
import struct
import sys
import termios
from typing import Protocol

import msgspec

from edged.errors import SocketFailed

# <asm-generic/socket.h>; the socket module has no name for it before Python 3.13.
_SO_PEERGROUPS = 59
_UCRED = struct.Struct("=iII")  # struct ucred: pid_t, uid_t, gid_t
_NOBODY_UID = 0xFFFFFFFF  # (uid_t)-1: the kernel's word for no peer credentials
# The largest buffer that socket.getsockopt takes: 256 groups of four bytes.
_GROUPS_BYTES = 1024


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A connected process.

    Attributes:
        groups: supplementary groups; empty where the kernel will not say.
    """

    pid: int
    uid: int
    gid: int
    groups: frozenset[int] = frozenset()

    @property
    def key(self) -> tuple[int, int]:
        """The user and the process: what owns memory and takes turns."""
        return (self.uid, self.pid)

    @property
    def all_groups(self) -> frozenset[int]:
        """Its primary and supplementary groups."""
        return self.groups | {self.gid}


class Options(Protocol):
    """The part of a socket that is asked: asyncio's transport sockets have it too."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Return an option's bytes."""


def peer(connection: Options) -> Peer:
    """Return who is connected.

    A peer with more than 256 groups is taken to have none: access fails closed.

    Raises:
        SocketFailed: not a connected Unix socket.
    """
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, gid = _UCRED.unpack(raw)
    except (OSError, struct.error) as exc:
        raise SocketFailed(f"cannot tell who is connected: {exc}") from exc
    if uid == _NOBODY_UID:
        raise SocketFailed("cannot tell who is connected: it is no Unix socket")
    return Peer(pid=pid, uid=uid, gid=gid, groups=_groups(connection))


def _groups(connection: Options) -> frozenset[int]:
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:  # ERANGE: more groups than the buffer holds; ENOPROTOOPT: old
        return frozenset()
    return frozenset(struct.unpack(f"={len(raw) // 4}I", raw))


def is_gone(connection: socket.socket) -> bool:
    """Tell whether the peer has closed altogether, not only its sending half."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def unread_bytes(connection: socket.socket) -> int:
    """Return how much memory is taken by what was sent and the peer has not read.

    It falls in steps, each time a chunk of up to 37 KiB has been read to its end
    (measured on Linux 6.18, with a send buffer of 1 MiB). A socket that large is
    writable again only when three quarters of it are read: unix_writable in
    net/unix/af_unix.c. So this tells a slow reader from one that does not read.
    """
    # <asm/termbits.h>, <asm/sockios.h>: SIOCOUTQ is TIOCOUTQ everywhere.
    told = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(told, sys.byteorder)
