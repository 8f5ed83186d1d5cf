"""Sockets and notifications between us and systemd's own launcher."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LAUNCHER = shutil.which("systemd-socket-activate")

pytestmark = pytest.mark.skipif(
    LAUNCHER is None, reason="systemd-socket-activate is not installed"
)

# A daemon of five lines: says what it inherited, then echoes one connection.
DAEMON = """
import os
from edged.errors import SocketFailed
from edged.host.listen import inherited
from edged.host.notify import Notifier
notifier = Notifier()
try:
    found = inherited()
except SocketFailed as error:
    notifier.status(error.message + " / " + error.hint)
    raise SystemExit(1)
names = ["data " + l.where for l in found.data]
names += ["control " + l.where for l in found.control]
left = [key for key in os.environ if key.startswith("LISTEN_")]
listener = found.data[0].socket
names.append((listener.get_inheritable(), listener.getblocking()))
notifier.ready(f"{names} {left} {notifier.watchdog_interval_s()}")
listener.setblocking(True)
connection, _ = listener.accept()
connection.sendall(connection.recv(64))
notifier.stopping()
"""

Launch = Callable[..., None]


@pytest.fixture
def launch(folder: Path, ear: socket.socket) -> Iterator[Launch]:
    """Return a function that puts the daemon behind listening addresses."""
    assert LAUNCHER is not None
    started = []

    def go(*options: str) -> None:
        notify = f"NOTIFY_SOCKET={ear.getsockname()}"
        setting = [
            "-E",
            notify,
            "-E",
            f"PYTHONPATH={ROOT}",
            "-E",
            "WATCHDOG_USEC=4000000",
        ]
        command = [LAUNCHER, *options, *setting, sys.executable, "-c", DAEMON]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
        )
        started.append(process)

    yield go
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=5)


def call(path: Path) -> socket.socket:
    """Connect as soon as the launcher listens, within 10 s."""
    caller = socket.socket(socket.AF_UNIX)
    caller.settimeout(10)
    deadline = time.monotonic() + 10
    while caller.connect_ex(str(path)) != 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return caller


def test_the_first_caller_starts_the_daemon(
    folder: Path, ear: socket.socket, launch: Launch
) -> None:
    """Two named sockets arrive, the caller is served, systemd is told."""
    data, control = folder / "d", folder / "c"
    launch("-l", str(data), "-l", str(control), "--fdname=data:control")

    with call(data) as caller:
        caller.sendall(b"ping")
        answer = caller.recv(64)

    expected = (
        f"READY=1\nSTATUS=['data {data}', 'control {control}', (False, False)] [] 2.0"
    )
    assert expected == ear.recv(4096).decode()
    assert b"ping" == answer
    assert b"STOPPING=1\nSTATUS=draining" == ear.recv(4096)


def test_a_single_socket_needs_no_name(
    folder: Path, ear: socket.socket, launch: Launch
) -> None:
    """One socket without a name is the data socket."""
    launch("-l", str(folder / "d"))

    with call(folder / "d") as caller:
        caller.sendall(b"ping")

    expected = f"READY=1\nSTATUS=['data {folder}/d', (False, False)] [] 2.0"
    assert expected == ear.recv(4096).decode()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["-l", "{}/d", "--fdname=web"], "web"),
        (["-l", "{}/d", "-l", "{}/c"], "unknown"),
    ],
)
def test_a_socket_of_unknown_purpose_is_refused(
    folder: Path,
    ear: socket.socket,
    launch: Launch,
    options: list[str],
    name: str,
) -> None:
    """A wrong unit file is told at the start, with the line to write."""
    launch(*(option.format(folder) for option in options))

    call(folder / "d").close()

    expected = (
        f"STATUS=cannot tell what the inherited socket {name!r} is for: "
        "its name is not data or control / set FileDescriptorName=data or control"
    )
    assert ear.recv(4096).decode().startswith(expected)


@pytest.mark.parametrize(
    ("address", "name", "expected"),
    [
        ("0.0.0.0", "data", "only loopback is allowed"),  # noqa: S104  # refused
        ("127.0.0.1", "control", "it must be a Unix socket"),
    ],
)
def test_a_network_socket_from_systemd_is_refused(
    ear: socket.socket, launch: Launch, address: str, name: str, expected: str
) -> None:
    """No unit file opens edged to a network, or its control to TCP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launch("-l", f"{address}:{port}", f"--fdname={name}")

    deadline = time.monotonic() + 10
    with socket.socket() as caller:
        while caller.connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert expected in ear.recv(4096).decode()
