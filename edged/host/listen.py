"""Listening sockets: inherited from systemd, or made by us.

Port. Verbs: `inherited`, `unix_listener`, `tcp_listener`. Promise: what comes back
listens already, is close-on-exec and does not block; the only error is
`SocketFailed`, with the address, the reason and the next step. Unix sockets and
loopback only: no listener that a network can reach is ever made or accepted.

Names: a socket unit says which socket is which by `FileDescriptorName=data` or
`FileDescriptorName=control`; edged-updater's is `updater`. A single socket without a
name is the first that its process knows.

Buffers: a Unix socket does not inherit SO_SNDBUF from its listener (measured on
Linux 6.18), so `widen` is for the connections.

Source: sd_listen_fds(3), unix(7).
"""

import errno
import grp
import ipaddress
import os
import socket
import stat
from asyncio.trsock import TransportSocket
from collections.abc import MutableMapping, Sequence
from pathlib import Path

import msgspec

from edged.errors import SocketFailed

# sizeof(sockaddr_un.sun_path) is 108 with the closing NUL; unix(7).
PATH_MAX_BYTES = 107
# How many callers the kernel holds for us while we are busy or restarting.
BACKLOG = 128
# With the default of 208 KiB a 602 kB answer waits for its reader 1.7 times on
# average, with this never (200 answers, measured on Linux 6.18).
SEND_BUFFER_BYTES = 1 << 20
FIRST_FD = 3  # SD_LISTEN_FDS_START
PORT_MAX = 65_535
STREAM = socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A listening socket.

    Attributes:
        where: its address for people: a path or `host:port`.
        inode: device and inode of the socket file that we made; None for others'.
        warnings: what is not as asked, and does not keep the daemon from serving.
    """

    socket: socket.socket
    where: str
    inode: tuple[int, int] | None = None
    warnings: tuple[str, ...] = ()

    def close(self) -> None:
        """Close it, and remove the file if it is still the one we made."""
        self.socket.close()
        if self.inode is None:
            return
        try:
            if _inode(self.where) == self.inode:
                Path(self.where).unlink()
        except OSError:
            # Gone, or the folder is no longer ours: the next start replaces it.
            return


class Inherited(msgspec.Struct, frozen=True, kw_only=True):
    """What systemd offers."""

    data: tuple[Listener, ...] = ()
    control: tuple[Listener, ...] = ()
    updater: tuple[Listener, ...] = ()


def inherited(
    environ: MutableMapping[str, str] = os.environ,
    names: Sequence[str] = ("data", "control"),
) -> Inherited:
    """Take over the sockets that systemd opened for us, if any.

    Args:
        environ: where systemd says so.
        names: of the sockets that this process has a use for.

    LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are removed from `environ`, so that no
    child takes them for its own.

    Raises:
        SocketFailed: a socket is of no use, or its name says not what it is for.
    """
    pid = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    told = environ.pop("LISTEN_FDNAMES", "")
    if pid != str(os.getpid()) or not count.isdecimal():
        return Inherited()
    fds = range(FIRST_FD, FIRST_FD + int(count))
    found: dict[str, tuple[Listener, ...]] = dict.fromkeys(names, ())
    for fd, name in zip(fds, _names(told, len(fds), names), strict=True):
        found[name] += (_take_over(fd, name),)
    return Inherited(**found)


def _names(told: str, count: int, known: Sequence[str]) -> list[str]:
    """Tell which of `count` sockets is for what."""
    if not told and count == 1:
        return [known[0]]
    given = told.split(":") if told else ["unknown"] * count
    for name in given:
        if name not in known:
            words = " or ".join(known)
            raise SocketFailed(
                f"cannot tell what the inherited socket {name!r} is for: "
                f"its name is not {words}",
                hint=f"set FileDescriptorName={words} in the .socket unit",
            )
    if len(given) != count:
        raise SocketFailed(
            f"cannot tell inherited sockets apart: {count} sockets, {len(given)} names",
            hint="set FileDescriptorName= in every .socket unit",
        )
    return given


def _take_over(fd: int, name: str) -> Listener:
    try:
        os.set_inheritable(fd, False)  # noqa: FBT003  # no keyword there
        sock = socket.socket(fileno=fd)
        listens = bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        address = sock.getsockname()
    except OSError as error:
        raise SocketFailed(
            f"cannot use the inherited {name} socket, descriptor {fd}: "
            f"{error.strerror}",
            hint="check the .socket unit: systemctl cat edged.socket",
        ) from error
    sock.settimeout(0)
    if not listens or sock.type != socket.SOCK_STREAM:
        raise SocketFailed(
            f"cannot use the inherited {name} socket: it is no listening stream socket",
            hint="use ListenStream= with Accept=no in the .socket unit",
        )
    if sock.family == socket.AF_UNIX:
        return Listener(socket=sock, where=_readable(address))
    if name == "data" and _is_loopback(address[0]):
        return Listener(socket=sock, where=_join(address))
    raise SocketFailed(
        f"cannot use the inherited {name} socket at {address}: "
        + (
            "only loopback is allowed" if name == "data" else "it must be a Unix socket"
        ),
        hint="set ListenStream= to a path under /run/edged in the .socket unit",
    )


def unix_listener(path: Path, mode: int, group: str | None) -> Listener:
    """Listen on a Unix socket of our own.

    At no instant may anybody connect whom `mode` and `group` do not allow. A socket
    file that nobody answers on is replaced; anything else at `path` is left alone.
    Two daemons that start in the same microseconds may both find it stale: the lock
    that keeps them apart is the one on the state directory.

    Args:
        path: at most 107 bytes; its folder exists.
        mode: of the socket file, such as 0o660.
        group: name of the group it gets; None keeps ours. A group that does not
            exist, or that we may not give it to, makes a warning.

    Raises:
        SocketFailed: see the module.
    """
    size = len(os.fsencode(path))
    if size > PATH_MAX_BYTES:
        raise SocketFailed(
            f"cannot listen on {path}: the path has {size} bytes, "
            f"and the kernel takes at most {PATH_MAX_BYTES}",
            hint="choose a shorter path: server.socket, server.control-socket "
            "or --runtime-dir",
            path=str(path),
            limit=PATH_MAX_BYTES,
        )
    _clear(path)
    sock = _bind(path, mode & 0o700)
    try:
        warnings = _give_to_group(path, group)
        path.chmod(mode)
        return Listener(
            socket=sock, where=str(path), inode=_inode(path), warnings=warnings
        )
    except OSError as error:
        sock.close()
        raise _failed(path, error) from error


def _bind(path: Path, mode: int) -> socket.socket:
    """Listen at `path` with at most this mode, whatever the umask."""
    sock = socket.socket(socket.AF_UNIX, STREAM)
    try:
        # bind() gives the file the mode of the descriptor, less the umask.
        os.fchmod(sock.fileno(), mode)
        sock.bind(os.fspath(path))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _failed(path, error) from error
    return sock


def _clear(path: Path) -> None:
    """Remove a socket file that nobody answers on; bind() tells if somebody does.

    Raises:
        SocketFailed: something else is there, or a socket of somebody else's.
    """
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failed(path, error) from error
    if not stat.S_ISSOCK(kind):
        raise SocketFailed(
            f"cannot listen on {path}: a file that is no socket is in the way",
            hint=f"look at it, then: rm {path}",
            path=str(path),
        )
    refusal = _knock(path)
    if refusal == errno.ECONNREFUSED:
        try:
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failed(path, error) from error
    elif refusal == errno.EACCES:
        raise SocketFailed(
            f"cannot listen on {path}: a socket that we may not connect to is there",
            hint=f"ls -l {path} shows whose it is",
            path=str(path),
        )


def _knock(path: Path) -> int:
    """Connect and hang up; return 0 or the errno."""
    with socket.socket(socket.AF_UNIX, STREAM) as sock:
        return sock.connect_ex(os.fspath(path))


def _give_to_group(path: Path, group: str | None) -> tuple[str, ...]:
    if group is None:
        return ()
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        return (
            (
                f"cannot give {path} to group {group}: there is no such group; "
                "only the daemon's own group may connect"
            ),
        )
    try:
        os.chown(path, -1, gid, follow_symlinks=False)
    except PermissionError:
        return (
            (
                f"cannot give {path} to group {group}: the daemon's user is not in it; "
                "only the daemon's own group may connect"
            ),
        )
    return ()


def _failed(path: Path, error: OSError) -> SocketFailed:
    """Say what an errno means for a socket file, and what to do."""
    folder = path.parent
    why, hint = {
        errno.ENOENT: (
            f"the folder {folder} does not exist",
            f"mkdir -p {folder}; or choose another with --runtime-dir",
        ),
        errno.ENOTDIR: (
            f"{folder} is not a folder",
            "choose another folder with --runtime-dir",
        ),
        errno.EACCES: (
            f"the daemon's user may not use {folder}",
            f"ls -ld {folder}; or choose another with --runtime-dir",
        ),
        errno.EROFS: (
            f"{folder} is on a read-only file system",
            "choose a folder under /run with --runtime-dir",
        ),
        errno.EADDRINUSE: (
            "another daemon answers there",
            "systemctl status edged; or start this one with another --runtime-dir",
        ),
    }.get(error.errno or 0, (str(error.strerror), f"ls -la {folder}"))
    return SocketFailed(
        f"cannot listen on {path}: {why}", hint=hint, path=str(path), errno=error.errno
    )


def tcp_listener(address: str) -> Listener:
    """Listen on loopback TCP.

    Args:
        address: `127.0.0.1:PORT`, `localhost:PORT` or `[::1]:PORT`; port 0 takes a
            free one.

    Raises:
        SocketFailed: not a loopback address, or the port is taken.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if host == "localhost":  # never looked up: a name service could say anything
        host = "127.0.0.1"
    if not _is_loopback(host) or not port.isdecimal() or int(port) > PORT_MAX:
        raise SocketFailed(
            f"cannot listen on {address!r}: not a loopback address with a port",
            hint="use 127.0.0.1:8000; edged has no listener for a network",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise SocketFailed(
            f"cannot listen on {address}: {error.strerror}",
            hint=f"ss -ltnp 'sport = :{port}' shows who has the port",
            errno=error.errno,
        ) from error
    return Listener(socket=sock, where=_join(sock.getsockname()))


def widen(connection: socket.socket | TransportSocket) -> None:
    """Let a connection take a large answer in one go; a refusal costs only speed."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    except OSError:
        return


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _join(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _readable(address: str | bytes) -> str:
    """Show an abstract name the way systemd writes it, with `@`."""
    text = os.fsdecode(address)
    return "@" + text[1:] if text.startswith("\0") else text


def _inode(path: Path | str) -> tuple[int, int]:
    status = Path(path).lstat()
    return status.st_dev, status.st_ino
