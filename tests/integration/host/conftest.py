"""A stand-in for systemd: a folder, a notify socket, a journal socket; a small disk."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a short path: a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="e-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def ear(folder: Path) -> Iterator[socket.socket]:
    """Return a datagram socket bound at `ear` that waits at most 10 s."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(folder / "ear"))
        bound.settimeout(10)
        yield bound


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a tmpfs of 1 MiB, or skip where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.strip()}")
    try:
        yield mount
    finally:
        # Lazily: a test that failed may have left a file open.
        subprocess.run(["umount", "-l", mount], check=True)
