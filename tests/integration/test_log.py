"""Records that reach a real journal socket or a real stderr."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("/usr/lib/python3/dist-packages/systemd")
PROGRAM = """
import logging, os, sys
from edged import log
status = os.fstat(2)
stream = f"{status.st_dev}:{status.st_ino}"
log.configure("debug")
log.configure("info", environ={"JOURNAL_STREAM": stream} if sys.argv[1:] else {})
logger = logging.getLogger("edged.x")
logger.debug("not shown")
logger.warning("cannot %s", "load", extra={"edged_model": "digits"})
try:
    raise KeyError("lost")
except KeyError:
    logger.exception("cannot find it")
print("systemd.journal" in sys.modules)
"""
# A mount namespace of its own, where the journal's socket is ours.
INSIDE = (
    "mount -t tmpfs none /run && mkdir /run/systemd && "
    'ln -s "$1" /run/systemd/journal && exec "$2" -c "$3" journal'
)

may_mount = pytest.mark.skipif(
    os.geteuid() != 0
    or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0,
    reason="needs root and mount namespaces",
)


def parse(datagram: bytes) -> dict[str, str]:
    """Read the native protocol back."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, is_plain, value = line.partition(b"=")
        if not is_plain:
            size = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + size], rest[9 + size :]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


@may_mount
@pytest.mark.parametrize("with_package", ["systemd-python", "plain"])
def test_the_journal_gets_fields(tmp_path: Path, with_package: str) -> None:
    """With the distribution's package or without, an entry is the same."""
    version = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    site, journal = tmp_path / "site", tmp_path / "j"
    site.mkdir()
    journal.mkdir()
    if with_package == "systemd-python":
        if not list(PACKAGE.glob(f"_journal.{version}-*")):
            pytest.skip(f"python3-systemd for {version} is not installed")
        (site / "systemd").symlink_to(PACKAGE)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(journal / "socket"))
        journald.settimeout(10)
        done = subprocess.run(
            [
                "unshare",
                "-m",
                "sh",
                "-c",
                INSIDE,
                "sh",
                journal,
                sys.executable,
                PROGRAM,
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={"PYTHONPATH": str(site), "PATH": os.environ["PATH"]},
        )
        first, second = parse(journald.recv(65536)), parse(journald.recv(65536))

    expected = {
        "MESSAGE": "cannot load",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "edged",
        "LOGGER": "edged.x",
        "CODE_FILE": "<string>",
        "CODE_LINE": "10",
        "CODE_FUNC": "<module>",
        "EDGED_MODEL": "digits",
    }
    assert expected == first
    assert ("3", "KeyError: 'lost'") == (
        second["PRIORITY"],
        second["MESSAGE"].splitlines()[-1],
    )
    assert ("", with_package == "systemd-python") == (
        done.stderr,
        "True" in done.stdout,
    )


def test_a_terminal_gets_lines() -> None:
    """Without a journal, a line with its time, and the traceback below it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    lines = done.stderr.splitlines()
    assert lines[0].endswith("Z WARNING cannot load [model=digits]")
    assert lines[1].endswith("Z ERROR cannot find it")
    assert "KeyError: 'lost'" == lines[-1]
