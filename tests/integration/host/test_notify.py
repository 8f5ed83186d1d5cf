"""Words that reach a real datagram socket."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edged.host.notify import Notifier

ROOT = Path(__file__).resolve().parents[3]
# Where Debian's python3-systemd lies; a venv does not see it.
PACKAGE = Path("/usr/lib/python3/dist-packages/systemd")


def test_a_plain_datagram_arrives(folder: Path, ear: socket.socket) -> None:
    """Without systemd-python the message is the same."""
    Notifier({"NOTIFY_SOCKET": str(folder / "ear")}).ready("serving")

    assert b"READY=1\nSTATUS=serving" == ear.recv(4096)


def test_an_abstract_address_is_understood(folder: Path) -> None:
    """`@` begins a name that is no file; containers use it."""
    name = f"edged-test-{folder.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name)
        ear.settimeout(10)

        Notifier({"NOTIFY_SOCKET": "@" + name}).watchdog()

        assert b"WATCHDOG=1" == ear.recv(4096)


def test_a_full_queue_does_not_hold_the_daemon(
    folder: Path, ear: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """A service manager that does not listen costs a message, not a stop."""
    notifier = Notifier({"NOTIFY_SOCKET": str(folder / "ear")})

    for _ in range(2000):
        notifier.watchdog()

    assert ["WARNING"] == [record.levelname for record in caplog.records]
    assert b"WATCHDOG=1" == ear.recv(4096)


def test_systemd_python_is_used_where_it_is_installed(
    folder: Path, ear: socket.socket
) -> None:
    """The distribution's package carries the same words."""
    version = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    if not list(PACKAGE.glob(f"_daemon.{version}-*")):
        pytest.skip(f"python3-systemd for {version} is not installed")
    (folder / "systemd").symlink_to(PACKAGE)
    program = (
        "from edged.host.notify import Notifier\n"
        "import sys\n"
        "Notifier().ready('serving')\n"
        "print(sys.modules['systemd.daemon'].__file__)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"NOTIFY_SOCKET": str(folder / "ear"), "PYTHONPATH": str(folder)},
    )

    assert f"{folder}/systemd/daemon.py\n" == done.stdout
    assert b"READY=1\nSTATUS=serving" == ear.recv(4096)
