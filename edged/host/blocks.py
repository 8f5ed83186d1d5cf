"""A file of a fixed size, written at any place.

Law: its space is set aside when it is opened, whole or not at all, so that a disk is
full before the first byte and not in the middle. Nothing is durable before `sync`.
Only `StoreFailed` comes out.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from edged.errors import StoreFailed
from edged.host.files import store_errors, store_failed

_MIB = 1 << 20

#: As other files of ours.
_FILE_MODE = 0o644

#: What says that there is not enough space, in the words of several file systems.
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

#: What says that a file system cannot set space aside.
_UNABLE = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class Blocks(Protocol):
    """One file of a fixed size, written at any place. `StoreFailed` alone comes out."""

    def write(self, at: int, data: bytes | memoryview) -> None:
        """Write all of `data` at an offset."""

    def read(self, at: int, size: int) -> bytes:
        """Read; fewer bytes only at the end of the file."""

    def sync(self) -> None:
        """Make what was written durable. After an error the file is not trusted."""

    def close(self) -> None:
        """Let go of it; what was not synced may be lost. Never raises."""


class DiskBlocks:
    """The real file; made with all its space, or not at all.

    Args:
        path: of the file; made where there is none.
        size: in bytes.

    Raises:
        StoreFailed: with `needs_bytes` and `free_bytes` where there is not the space.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        is_new = not os.path.lexists(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with store_errors("write", path):
            self._fd = os.open(path, flags, _FILE_MODE)
        try:
            self._set_aside(size)
        except BaseException:
            self.close()
            if is_new:  # a refused reservation may have taken what there was
                with suppress(OSError):
                    path.unlink()
            raise

    def _set_aside(self, size: int) -> None:
        try:
            if os.fstat(self._fd).st_size > size:
                os.ftruncate(self._fd, size)
            _allocate(self._fd, size)
        except OSError as exc:
            if exc.errno in _NO_SPACE:
                raise _no_space(self._path, size, exc) from exc
            raise store_failed(exc, "write", self._path) from exc

    def write(self, at: int, data: bytes | memoryview) -> None:
        """Write all of `data` at an offset."""
        rest = memoryview(data)
        with store_errors("write", self._path):
            while rest:
                count = os.pwrite(self._fd, rest, at)
                rest, at = rest[count:], at + count

    def read(self, at: int, size: int) -> bytes:
        """Read; fewer bytes only at the end of the file."""
        with store_errors("read", self._path):
            return os.pread(self._fd, size, at)

    def sync(self) -> None:
        """Make what was written durable. The size never changes: data is enough."""
        with store_errors("write", self._path):
            os.fdatasync(self._fd)

    def close(self) -> None:
        """Let go of it."""
        with suppress(OSError):
            os.close(self._fd)


def _allocate(fd: int, size: int) -> None:
    if not size:
        return
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as exc:
        if exc.errno not in _UNABLE:
            raise
        os.ftruncate(fd, size)  # then it can still run full later


def _no_space(path: Path, size: int, exc: OSError) -> StoreFailed:
    """Say how much is needed beside how much there is."""
    failed = store_failed(exc, "write", path)
    free = 0
    with suppress(OSError):
        room = os.statvfs(path.parent)
        free = room.f_bavail * room.f_frsize
    why = failed.message.partition(": ")[2]
    return StoreFailed(
        f"cannot set {size / _MIB:.1f} MiB aside for {path}: {why}",
        hint=failed.hint,
        **failed.fields,
        needs_bytes=size,
        free_bytes=free,
    )
