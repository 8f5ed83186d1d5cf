"""One daemon a state directory.

Port. Promise: the lock is the kernel's, so it goes when the process goes, however
that happens; nothing is written, so it works on a read-only disk. Source: flock(2).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edged.errors import SocketFailed, StoreFailed


@contextmanager
def only_daemon(state_dir: Path) -> Iterator[None]:
    """Hold the state directory for this process.

    Raises:
        StoreFailed: it cannot be opened.
        SocketFailed: another daemon holds it.
    """
    try:
        fd = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreFailed(
            f"cannot open the state directory {state_dir}: {error.strerror}",
            hint=f"mkdir -p {state_dir}, or name another by --state-dir",
        ) from error
    try:
        _lock(fd, state_dir)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, state_dir: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SocketFailed(
            f"cannot start: another daemon uses {state_dir}",
            hint="edgectl status, or start this one with another --state-dir",
        ) from error
    except OSError as error:
        raise StoreFailed(
            f"cannot lock {state_dir}: {error.strerror}",
            hint="keep the state on a local file system",
        ) from error
