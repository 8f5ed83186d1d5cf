"""Files that are for their owner's eyes alone: private keys.

Law: made with their final mode, so that at no instant somebody else can open one; never
written over. Source: open(2), O_EXCL and its mode.
"""

import os
from contextlib import suppress
from pathlib import Path

from edged.host.files import store_errors

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter; nothing to do where it exists.

    Raises:
        StoreFailed: the disk refuses.
    """
    with store_errors("make", path):
        path.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read; durable on return.

    Raises:
        StoreFailed: the disk refuses, or there is a file of that name.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with store_errors("write", path):
        fd = os.open(path, flags, _FILE_MODE)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
        finally:
            os.close(fd)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
