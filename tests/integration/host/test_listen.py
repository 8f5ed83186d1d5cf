"""Listening sockets, made for real."""

import errno
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.errors import SocketFailed
from edged.host import listen
from edged.host.listen import (
    SEND_BUFFER_BYTES,
    Listener,
    tcp_listener,
    unix_listener,
    widen,
)

ROOT = Path(__file__).resolve().parents[3]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change users")


@pytest.fixture
def listener(folder: Path) -> Iterator[Listener]:
    """Return a listener that is closed at the end."""
    made = unix_listener(folder / "s", 0o660, None)
    yield made
    made.close()


def knock(path: Path | str) -> int:
    """Connect; return 0 or the errno."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path))


def leave_stale(path: Path) -> None:
    """Leave a socket file behind that nobody answers on."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def refused(path: Path, mode: int = 0o660) -> SocketFailed:
    """Return why nobody can listen at `path`."""
    with pytest.raises(SocketFailed) as caught:
        unix_listener(path, mode, None)
    return caught.value


def test_a_listener_answers_at_once(listener: Listener) -> None:
    """Callers can connect before anybody accepts."""
    actual = knock(listener.where)

    assert 0 == actual


def test_a_listener_does_not_block_and_is_not_inherited(listener: Listener) -> None:
    """The loop never waits in accept, and no child holds the door."""
    sock = listener.socket

    assert (False, False) == (sock.getblocking(), sock.get_inheritable())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_mode_is_as_asked_whatever_the_umask(folder: Path, umask: int) -> None:
    """0660 is 0660 under any umask."""
    before = os.umask(umask)
    try:
        made = unix_listener(folder / "s", 0o660, None)
    finally:
        os.umask(before)

    actual = stat.S_IMODE((folder / "s").stat().st_mode)
    made.close()
    assert 0o660 == actual


def test_a_missing_group_is_a_warning(folder: Path) -> None:
    """The daemon serves its own group where `edged` does not exist."""
    made = unix_listener(folder / "s", 0o660, "no-such-group")
    made.close()

    expected = (
        f"cannot give {folder}/s to group no-such-group: there is no such group; "
        "only the daemon's own group may connect"
    )
    assert (expected,) == made.warnings


@as_root
def test_the_group_is_given(folder: Path) -> None:
    """The socket file belongs to the group by name."""
    made = unix_listener(folder / "s", 0o660, "daemon")

    actual = (folder / "s").group()
    made.close()
    assert ("daemon", ()) == (actual, made.warnings)


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    """What a killed daemon left behind is no obstacle."""
    leave_stale(folder / "s")

    made = unix_listener(folder / "s", 0o660, None)

    assert 0 == knock(folder / "s")
    made.close()


def test_a_live_daemon_is_left_alone(listener: Listener) -> None:
    """A second daemon does not take the first one's callers."""
    error = refused(Path(listener.where))

    expected = f"cannot listen on {listener.where}: another daemon answers there"
    assert expected == error.message
    assert 0 == knock(listener.where)


def test_a_busy_daemon_with_a_full_backlog_is_live(folder: Path) -> None:
    """EAGAIN at connect means that somebody is there."""
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))

            error = refused(path)

    assert "another daemon answers there" in error.message


def test_another_kind_of_file_is_left_alone(folder: Path) -> None:
    """A file with somebody's data is not a stale socket."""
    path = folder / "s"
    path.write_text("precious")

    error = refused(path)

    assert "a file that is no socket is in the way" in error.message
    assert "precious" == path.read_text()


def test_a_missing_folder_is_named(folder: Path) -> None:
    """The hint can be typed."""
    error = refused(folder / "run" / "s")

    expected = f"mkdir -p {folder}/run; or choose another with --runtime-dir"
    assert expected == error.hint
    assert errno.ENOENT == error.fields["errno"]


def test_a_file_in_place_of_the_folder_is_named(folder: Path) -> None:
    """ENOTDIR is told in words."""
    (folder / "run").touch()

    error = refused(folder / "run" / "s")

    assert f"{folder}/run is not a folder" in error.message


def told_to_nobody(path: Path) -> str:
    """Return what a user without any right is told about listening at `path`."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from edged.errors import SocketFailed\n"
        "from edged.host.listen import unix_listener\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: unix_listener(Path(sys.argv[1]), 0o660, None)\n"
        "except SocketFailed as error: print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout.strip()


@as_root
def test_no_permission_is_told_with_the_folder(folder: Path) -> None:
    """A daemon that may not write the folder says which one."""
    folder.chmod(0o755)

    actual = told_to_nobody(folder / "s")

    expected = f"cannot listen on {folder}/s: the daemon's user may not use {folder}"
    assert expected == actual


@as_root
def test_a_socket_of_another_user_is_left_alone(folder: Path) -> None:
    """What we may not connect to may be alive."""
    folder.chmod(0o777)
    made = unix_listener(folder / "s", 0o600, None)

    actual = told_to_nobody(folder / "s")

    expected = "a socket that we may not connect to is there"
    assert f"cannot listen on {folder}/s: {expected}" == actual
    made.close()


def test_until_the_group_is_right_nobody_else_may_connect(folder: Path) -> None:
    """Between bind and chmod the file is its owner's alone, under any umask."""
    before = os.umask(0)
    try:
        sock = listen._bind(folder / "s", 0o600)
    finally:
        os.umask(before)

    actual = stat.S_IMODE((folder / "s").stat().st_mode)
    sock.close()
    assert 0o600 == actual


def test_closing_removes_the_file(folder: Path) -> None:
    """A stopped daemon leaves no socket file behind."""
    made = unix_listener(folder / "s", 0o660, None)

    made.close()

    assert [] == list(folder.iterdir())


def test_closing_leaves_the_successors_file(folder: Path) -> None:
    """A socket file that is no longer ours stays."""
    first = unix_listener(folder / "s", 0o660, None)
    (folder / "s").rename(folder / "old")
    second = unix_listener(folder / "s", 0o660, None)

    first.close()

    assert 0 == knock(folder / "s")
    second.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_tcp_takes_a_free_port(host: str) -> None:
    """Port 0 is answered with the real one."""
    made = tcp_listener(f"{host}:0")

    port = int(made.where.removeprefix("127.0.0.1:"))
    socket.create_connection(("127.0.0.1", port)).close()
    made.close()
    assert port > 0


def test_a_taken_port_is_told() -> None:
    """The hint shows how to find who has it."""
    first = tcp_listener("127.0.0.1:0")

    with pytest.raises(SocketFailed) as caught:
        tcp_listener(first.where)

    first.close()
    expected = f"cannot listen on {first.where}: Address already in use"
    assert expected == caught.value.message


def test_a_widened_connection_holds_a_large_answer(listener: Listener) -> None:
    """602 kB are sent in one go, while nobody reads."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(listener.where)
        connection, _ = listener.socket.accept()
        with connection:
            connection.settimeout(0)

            widen(connection)

            assert 602_112 == connection.send(bytes(602_112))
    assert 602_112 < SEND_BUFFER_BYTES


def told_about(sock: socket.socket, count: int, names: str) -> str:
    """Return what a process is told that inherits `sock` as descriptor 3, alone."""
    program = (
        "import os, sys\n"
        "from edged.errors import SocketFailed\n"
        "from edged.host.listen import inherited\n"
        "os.dup2(int(sys.argv[1]), 3); os.closerange(4, 100)\n"
        "environ = {'LISTEN_PID': str(os.getpid()),\n"
        "           'LISTEN_FDS': sys.argv[2], 'LISTEN_FDNAMES': sys.argv[3]}\n"
        "try: inherited(environ)\n"
        "except SocketFailed as error: print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(sock.fileno()), str(count), names],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        pass_fds=[sock.fileno()],
    )
    return done.stdout.strip()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_an_inherited_socket_must_listen(kind: socket.SocketKind) -> None:
    """Accept=yes or a datagram unit is told at the start."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with ours, theirs:
        actual = told_about(theirs, 1, "data")

    expected = "cannot use the inherited data socket: it is no listening stream socket"
    assert expected == actual


def test_fewer_names_than_sockets_are_told(listener: Listener) -> None:
    """Which is which is never guessed."""
    actual = told_about(listener.socket, 2, "data")

    assert "cannot tell inherited sockets apart: 2 sockets, 1 names" == actual


def test_a_descriptor_that_is_closed_is_told(listener: Listener) -> None:
    """A launcher that lies about LISTEN_FDS does not make a traceback."""
    actual = told_about(listener.socket, 2, "data:data")

    expected = "cannot use the inherited data socket, descriptor 4: Bad file descriptor"
    assert expected == actual
