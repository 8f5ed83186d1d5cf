"""Opening a file inside a folder, and nothing else.

Law: no link is followed, however deep it lies, and nothing outside the folder is
opened: one call of the kernel's where it has openat2 (Linux 5.6), else folder by
folder with O_NOFOLLOW, which asks more often and promises the same. The folder itself
is the caller's to vouch for. What comes back is open: it cannot be exchanged between
a look and a read. Plain files alone: a FIFO would block, a device has effects.

Hard links are no fault here and cannot be told from one name of a file: releases that
share a file share its inode, which the daemon itself makes in its own folder. A
bundle cannot bring one: its tar members of that kind are refused, and staged files
are created anew (O_EXCL), so that each inode is the daemon's from its first byte.

Source: openat2(2), path_resolution(7); number 437 on every architecture.
"""

import ctypes
import errno
import os
import stat
from io import BufferedReader
from pathlib import Path, PurePosixPath

_OPENAT2 = 437
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
#: Not here: an old kernel, a sandbox that cannot look into its argument (ENOSYS), or
#: one that refuses what it does not know (EPERM).
_NO_CALL = frozenset({errno.ENOSYS, errno.EPERM})

#: O_NONBLOCK: a FIFO must not be waited for; plain files do not care.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

_OUTSIDE = "that is outside its own folder"
_LINKED = "a link is on the way there"


class Elsewhere(Exception):
    """A name leads out of its folder, over a link, or to no plain file.

    Its text is the end of a sentence.
    """


class _How(ctypes.Structure):
    """`struct open_how`."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_plain(folder: Path, name: str) -> BufferedReader:
    """Open a plain file of a folder, or of one below it, for reading.

    Args:
        folder: it may be reached through links.
        name: relative, POSIX.

    Raises:
        Elsewhere: nothing was read.
        OSError: no such file, no permission, a device that fails.
    """
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
        raise Elsewhere(_OUTSIDE)
    root = os.open(folder, _FOLDER_FLAGS)
    try:
        descriptor = _open(root, parts)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EXDEV):
            raise Elsewhere(_LINKED) from error
        raise
    finally:
        os.close(root)
    return _plain(descriptor)


def _plain(descriptor: int) -> BufferedReader:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise Elsewhere("that is no plain file")


def _open(root: int, parts: tuple[str, ...]) -> int:
    try:
        return _open_at_once(root, "/".join(parts))
    except OSError as error:
        # EAGAIN: something was renamed at the same time, and the kernel gave up.
        if error.errno not in _NO_CALL and error.errno != errno.EAGAIN:
            raise
    return _open_stepwise(root, parts)


def _open_at_once(root: int, name: str) -> int:
    how = _How(_FLAGS, 0, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(root),
        ctypes.c_char_p(os.fsencode(name)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return descriptor


def _open_stepwise(root: int, parts: tuple[str, ...]) -> int:
    at = os.dup(root)
    try:
        for part in parts[:-1]:
            # With O_PATH a link is opened itself, and is then no folder (ENOTDIR).
            below = _open_folder(at, part)
            os.close(at)
            at = below
        return os.open(parts[-1], _FLAGS, dir_fd=at)
    finally:
        os.close(at)


def _open_folder(at: int, part: str) -> int:
    try:
        return os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=at)
    except NotADirectoryError:
        if stat.S_ISLNK(os.lstat(part, dir_fd=at).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), part) from None
        raise
