"""A stand-in for systemd: a folder, a notify socket, a journal socket."""

import socket
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
