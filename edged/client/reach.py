"""Why a Unix socket cannot be reached, told to people.

Law: the cases that need different remedies are told apart: no socket, nobody behind
it, no permission. Called only after a failure; so the look at users and groups costs
nothing else.
"""

import errno
import os

from edged.errors import EdgedError, NoAccess, NoDaemon, TimedOut

DATA_SOCKET = "/run/edged/edged.sock"
CONTROL_SOCKET = "/run/edged/control.sock"


def socket_path(given: str | os.PathLike[str] | None, variable: str, usual: str) -> str:
    """Return the path to connect to: given, else from the environment, else usual.

    Args:
        given: a path or `unix:///path`.
        variable: name of the environment variable.
        usual: where the daemon listens by default.
    """
    path = os.fspath(given) if given is not None else os.environ.get(variable) or usual
    return path.removeprefix("unix://")


def unreachable(path: str, exc: OSError) -> EdgedError:
    """Translate a failed connect."""
    code = exc.errno or 0
    if code in {errno.EACCES, errno.EPERM}:
        return _no_access(path, code)
    cause, why, hint = _CAUSES.get(
        code, ("unreachable", os.strerror(code) if code else str(exc), _STATUS)
    )
    return NoDaemon(
        f"cannot reach edged at {path}: {why}",
        hint=hint,
        socket=path,
        errno=code,
        cause=cause,
    )


def hung_up(path: str) -> NoDaemon:
    """Describe a connection that ended before its answer."""
    return NoDaemon(
        f"cannot get an answer from {path}: the daemon closed the connection",
        hint="`edgectl status` tells whether it crashed",
        socket=path,
        errno=errno.ECONNRESET,
        cause="hung-up",
    )


def timed_out(path: str, timeout_s: float) -> TimedOut:
    """Describe a call that took too long."""
    return TimedOut(
        f"cannot get an answer from {path} within {timeout_s:g} s",
        hint="`edgectl status` tells whether the daemon is busy or hung",
        socket=path,
        timeout_s=timeout_s,
    )


# It knows whether systemd runs the daemon; a client does not.
_STATUS = "edgectl status"
_CAUSES = {
    errno.ENOENT: (
        "no-socket",
        "there is no such socket",
        "`edgectl status` tells why; EDGED_SOCKET, EDGED_CONTROL_SOCKET name others",
    ),
    errno.ENOTDIR: ("no-socket", "there is no such folder", _STATUS),
    errno.ECONNREFUSED: (
        "refused",
        "the socket is there, and nobody listens: the daemon crashed or was killed",
        _STATUS,
    ),
    errno.ENAMETOOLONG: ("no-socket", "the path is too long for a socket", _STATUS),
}


def _no_access(path: str, code: int) -> NoAccess:
    import grp  # noqa: PLC0415  # only where access was denied
    import pwd  # noqa: PLC0415

    def group_name(gid: int) -> str:
        try:
            return grp.getgrgid(gid).gr_name
        except KeyError:
            return str(gid)

    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    mine = sorted({group_name(gid) for gid in {os.getegid(), *os.getgroups()}})
    fields: dict[str, object] = {
        "socket": path,
        "errno": code,
        "user": user,
        "groups": mine,
    }
    try:
        status = os.stat(path)  # noqa: PTH116  # pathlib is not imported by clients
    except OSError:
        return NoAccess(
            f"cannot reach edged at {path}: user {user} may not look into its folder",
            hint=_sudo(path),
            **fields,
        )
    group, mode = group_name(status.st_gid), f"{status.st_mode & 0o777:04o}"
    try:
        joined = user in grp.getgrgid(status.st_gid).gr_mem
    except KeyError:
        joined = False
    return NoAccess(
        f"cannot reach edged at {path}: it is for group {group} (mode {mode}), "
        f"and user {user} is in {', '.join(mine)}",
        hint=f"log in again: user {user} has joined group {group} since"
        if joined and group not in mine
        else _sudo(path)
        if not status.st_gid  # joining group root is no way to reach a socket
        else f"sudo usermod -aG {group} {user}, then log in again",
        group=group,
        mode=mode,
        **fields,
    )


def _sudo(path: str) -> str:
    usual = path in (CONTROL_SOCKET, DATA_SOCKET)
    return "run the command with sudo" + (
        "" if usual else f"; it drops the environment, so name the socket: {path}"
    )
