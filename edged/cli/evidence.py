"""What can be known while no daemon answers: snapshot, systemd, store, processes.

Law: every source may be missing, and says so by None. Nothing here waits longer than
`SYSTEMCTL_S`, changes anything, or raises.
"""

import enum
import errno
import grp
import os
import subprocess
import time

import msgspec

from edged.cli.place import RUNTIME_DIR, Place
from edged.errors import (
    BadConfig,
    EdgedError,
    NoAccess,
    NoDaemon,
    ProtocolError,
    TimedOut,
)
from edged.wire.messages import Status

#: systemd answers in 10 ms; a box that swaps needs more.
SYSTEMCTL_S = 3.0


class Cause(enum.Enum):
    """Why no daemon answers."""

    ABSENT = "absent"  # no socket file
    REFUSED = "refused"  # a socket file that nobody listens at
    FORBIDDEN = "forbidden"  # this user may not connect
    HUNG = "hung"  # connected, no answer in time
    GARBLED = "garbled"  # an answer that is not the protocol
    UNREACHABLE = "unreachable"  # anything else


# What connect(2) says. ENOTDIR: a part of the path is a file.
_BY_ERRNO: dict[object, Cause] = {
    errno.ENOENT: Cause.ABSENT,
    errno.ENOTDIR: Cause.ABSENT,
    errno.ECONNREFUSED: Cause.REFUSED,
}


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What systemd knows: `systemctl show edged`; words as systemd writes them."""

    load: str = ""  # loaded, not-found, masked
    active: str = ""  # active, inactive, failed, activating, deactivating
    sub: str = ""  # running, dead, auto-restart, ...
    result: str = ""  # success, exit-code, oom-kill, watchdog, ...
    restarts: int = 0
    exit_status: int = 0
    main_pid: int = 0


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One model in the store: the release that would be live, or what is wrong."""

    name: str
    version: str | None = None
    folder: str | None = None
    problem: str | None = None


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """The store as it lies on the disk."""

    root: str
    models: tuple[Stored, ...] = ()
    problem: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Who may connect, and who asks.

    Attributes:
        user_is_member: the group file says so; this login is older than that.
    """

    name: str
    user: str
    user_is_member: bool


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found.

    Attributes:
        options: what another command needs to find the same daemon.
        command: how the daemon was started, to be typed; empty where nobody knows.
        config: the file that it was told to read; None for the usual ones.
        pid: of systemd, of who listens, or of the snapshot; None for none.
        pid_state: the kernel's letter (R, S, D, Z, T); None when it is gone.
        pid_is_ours: whether the caller may send it a signal.
        configured_socket: where the configuration puts the control socket, if that
            is another place than where we asked.
    """

    cause: Cause
    socket: str
    error: str
    options: str = ""
    command: str = ""
    config: str | None = None
    snapshot: Status | None = None
    snapshot_age_s: float | None = None
    unit: Unit | None = None
    store: Store | None = None
    group: Group | None = None
    is_root: bool = False
    pid: int | None = None
    pid_state: str | None = None
    pid_is_ours: bool = False
    configured_socket: str | None = None
    config_problem: str | None = None


def gather(place: Place, error: EdgedError) -> Evidence:
    """Look everywhere."""
    cause = cause_of(error)
    snapshot, age_s = read_snapshot(place.snapshot)
    unit = ask_systemd()
    pid = _pid(place, cause, unit, snapshot)
    config = _config(place, snapshot)
    settings = _read_settings(place, config)
    return Evidence(
        cause=cause,
        socket=place.control_socket,
        error=error.message,
        options=place.options,
        command=_command(place, snapshot),
        config=config,
        snapshot=snapshot,
        snapshot_age_s=age_s,
        unit=unit,
        store=read_store(
            place.state_dir
            or (snapshot and snapshot.process.state_dir)
            or settings.state_dir
        ),
        group=_group(error),
        is_root=os.geteuid() == 0,
        pid=pid,
        pid_state=process_state(pid) if pid else None,
        pid_is_ours=os.geteuid() in (0, owner(pid) if pid else None),
        configured_socket=settings.control_socket,
        config_problem=settings.problem,
    )


def config_file(place: Place) -> str | None:
    """Return the file that the daemon was told to read; None for the usual ones."""
    return _config(place, read_snapshot(place.snapshot)[0])


def _config(place: Place, snapshot: Status | None) -> str | None:
    if place.config is not None or snapshot is None:
        return place.config
    words = snapshot.process.command
    after = (words[i + 1] for i, word in enumerate(words[:-1]) if word == "--config")
    joined = (w.partition("=")[2] for w in words if w.startswith("--config="))
    return next(after, None) or next(joined, None)


def cause_of(error: EdgedError) -> Cause:
    """Tell the cases apart by the client's own errors."""
    match error:
        case NoAccess():
            return Cause.FORBIDDEN
        case TimedOut():
            return Cause.HUNG
        case ProtocolError():
            return Cause.GARBLED
        case NoDaemon():
            return _BY_ERRNO.get(error.fields.get("errno"), Cause.UNREACHABLE)
        case _:
            return Cause.UNREACHABLE


def read_snapshot(path: str) -> tuple[Status | None, float | None]:
    """Read the status that the daemon left, and its age in seconds."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib is not imported here
            written = os.fstat(file.fileno()).st_mtime
            status = msgspec.json.decode(file.read(), type=Status)
    except (OSError, msgspec.MsgspecError):
        return None, None
    return status, max(0.0, time.time() - written)


def ask_systemd(command: str = "systemctl") -> Unit | None:
    """Ask systemd about the unit; None where there is no systemd that answers."""
    try:
        answer = subprocess.run(  # noqa: S603  # fixed words
            [command, "show", "edged.service", f"--property={','.join(_PROPERTIES)}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=SYSTEMCTL_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_properties(answer.stdout.decode(errors="replace"))


_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "ExecMainStatus",
    "MainPID",
)


def parse_properties(text: str) -> Unit:
    """Read `Key=value` lines; a key that an old systemd lacks keeps its default."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def number(key: str) -> int:
        value = found.get(key, "")
        return int(value) if value.isdigit() else 0

    return Unit(
        load=found.get("LoadState", ""),
        active=found.get("ActiveState", ""),
        sub=found.get("SubState", ""),
        result=found.get("Result", ""),
        restarts=number("NRestarts"),
        exit_status=number("ExecMainStatus"),
        main_pid=number("MainPID"),
    )


def process_state(pid: int) -> str | None:
    """Return the kernel's letter for a process of edged; None when it is gone.

    Source: /proc/<pid>/stat, field 3; proc_pid_stat(5). The name in field 2 may hold
    spaces and brackets, so fields are counted from the last bracket.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # as above
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode("ascii", "replace") if fields else None


def owner(pid: int) -> int | None:
    """Return the user of a process; None when it is gone."""
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116  # as above
    except OSError:
        return None


def listener(path: str) -> int | None:
    """Return the process that listens at a Unix socket.

    None where it cannot be known, and for systemd, which listens for others.
    Source: unix(7), SO_PEERCRED: the credentials of who called listen(2).
    """
    import socket  # noqa: PLC0415  # only when no daemon answers
    import struct  # noqa: PLC0415  # as above

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.setblocking(False)  # noqa: FBT003  # a full queue is no answer
            asking.connect(path)
            told = asking.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
    except OSError:
        return None
    pid: int = struct.unpack("3i", told)[0]
    return pid if pid > 1 else None


def _pid(
    place: Place, cause: Cause, unit: Unit | None, snapshot: Status | None
) -> int | None:
    """Find the daemon's process; a number that another process got since is none."""
    if unit is not None and unit.main_pid:
        return unit.main_pid
    if cause is Cause.HUNG and (found := listener(place.control_socket)):
        return found
    pid = snapshot.process.pid if snapshot else None
    if pid is None or not _is_edged(pid):
        return None
    return pid


def _is_edged(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123  # as above
            return b"edged" in file.read()
    except OSError:
        return False


def _command(place: Place, snapshot: Status | None) -> str:
    """Say how to start the daemon that is meant, not another with other folders."""
    import shlex  # noqa: PLC0415  # only when no daemon answers

    if snapshot is not None and snapshot.process.command:
        return shlex.join(snapshot.process.command)
    words = ["edged"]
    if place.config:
        words += ["--config", place.config]
    state_dir = place.state_dir or (snapshot and snapshot.process.state_dir)
    if state_dir:
        words += ["--state-dir", state_dir]
    if place.runtime_dir != RUNTIME_DIR:
        words += ["--runtime-dir", place.runtime_dir]
    return shlex.join(words)


def read_store(root: str) -> Store:
    """Read which releases are installed and live, as the daemon would."""
    from pathlib import Path  # noqa: PLC0415  # only when no daemon answers

    from edged.host.files import DiskFiles  # noqa: PLC0415  # as above
    from edged.store.layout import Layout  # noqa: PLC0415  # as above
    from edged.store.links import Links  # noqa: PLC0415  # as above
    from edged.store.releases import Releases  # noqa: PLC0415  # as above

    layout, files = Layout(Path(root)), DiskFiles()
    releases, links = Releases(layout, files), Links(layout, files)

    def stored(name: str) -> Stored:
        try:
            folder = links.current(name)
            if folder is None:
                return Stored(name=name, problem="no release of it is live")
            version = releases.read(name, folder).manifest.version
        except EdgedError as error:
            return Stored(name=name, problem=error.message)
        return Stored(name=name, version=version, folder=folder)

    try:
        os.listdir(root)  # noqa: PTH208  # the error is what we want
        return Store(root=root, models=tuple(stored(name) for name in releases.names()))
    except (OSError, EdgedError) as error:
        why = error.strerror if isinstance(error, OSError) else error.message
        return Store(root=root, problem=f"cannot read {root}: {why}".lower())


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    state_dir: str
    control_socket: str | None
    problem: str | None


def _read_settings(place: Place, config: str | None) -> _Settings:
    """Read what the configuration says about places, and whether it holds."""
    from edged.config.load import load  # noqa: PLC0415  # only when no daemon answers
    from edged.config.settings import Settings  # noqa: PLC0415  # as above

    problem = None
    try:
        settings = load(config)
    except BadConfig as error:
        settings = Settings()
        problem = " ".join(error.message.splitlines()[:2])
    socket = str(settings.server.control_socket)
    elsewhere = socket != place.control_socket and os.path.exists(socket)  # noqa: PTH110
    return _Settings(
        state_dir=str(settings.store.state_dir),
        control_socket=socket if elsewhere else None,
        problem=problem,
    )


def _group(error: EdgedError) -> Group | None:
    """Read who may connect from the client's error, which has looked.

    Group root is no answer: nobody should be told to join it.
    """
    name, user = error.fields.get("group"), error.fields.get("user")
    if not isinstance(name, str) or not isinstance(user, str) or name == "root":
        return None
    try:
        members = grp.getgrnam(name).gr_mem
    except KeyError:
        members = []
    return Group(name=name, user=user, user_is_member=user in members)
