"""Other processes' memory: POSIX objects by name, sealed memfds by descriptor.

Law: whatever the other side does with its memory, no access here can raise SIGBUS.
A named object can be truncated at any time, so it is never mapped: it is read and
written by system calls, which fail instead. Only a memfd that is sealed against
shrinking is mapped. Nothing but `BadRegion` comes out.

Descriptors and mappings belong to their objects: they go with the last reference,
views included, so memory that a running request uses stays until it is done.
Source: shm_overview(7), memfd_create(2), fcntl(2) "File Sealing", mmap(2).
"""

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import weakref
from pathlib import PurePosixPath
from typing import Protocol

from edged.errors import BadRegion

Buffer = bytes | bytearray | memoryview

#: Where Linux keeps POSIX shared memory objects: shm_open(3) opens files there.
FOLDER = PurePosixPath("/dev/shm")  # noqa: S108  # no temporary file: the kernel's place

#: Triton's own objects; a server must not be talked into opening them for a caller.
RESERVED_PREFIX = "triton_python_backend_shm_region_"

_NAME_MAX = 255
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
_FAILED = ctypes.c_void_p(-1).value  # MAP_FAILED
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
)
_LIBC.munmap.restype = ctypes.c_int
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


class Segment(Protocol):
    """An object's memory.

    Attributes:
        size: of the object when it was opened, in bytes.
    """

    size: int

    def view(self, at: int, size: int) -> memoryview | None:
        """Return the memory itself; None where it must not be mapped."""

    def read_into(self, at: int, room: memoryview) -> None:
        """Copy from `at` on, as much as there is room.

        Raises:
            BadRegion: the object has become shorter.
        """

    def write(self, at: int, data: Buffer) -> None:
        """Copy to `at`.

        Raises:
            BadRegion: the system has no memory for it.
        """


class Named:
    """A POSIX object of the caller's own; see `Segment`.

    Args:
        key: its name, with or without the leading slash.
        uid: who must own it: a daemon of another user, or root, is nobody's deputy.

    Raises:
        BadRegion: no such name, or not this user's.
    """

    def __init__(self, key: str, *, uid: int) -> None:
        name = _object_name(key)
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            self._fd = os.open(FOLDER / name, flags)
        except OSError as exc:
            raise _cannot_open(key, exc) from exc
        weakref.finalize(self, os.close, self._fd).atexit = False
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != uid:
            raise BadRegion(
                f"cannot use shared memory object {key!r}: it is not of user {uid}, "
                "who asks",
                hint='memory of other users comes as a memfd: "key": "fd:0"',
            )
        self._key = key
        self.size = status.st_size

    def view(self, at: int, size: int) -> memoryview | None:  # noqa: ARG002  # the port's
        """Return None: it could be truncated under the view."""
        return None

    def read_into(self, at: int, room: memoryview) -> None:
        """Copy out; see `Segment`."""
        while room:
            try:
                count = os.preadv(self._fd, [room], at)
            except OSError as exc:
                raise self._failed("read", exc) from exc
            if not count:
                raise BadRegion(
                    f"cannot read shared memory object {self._key!r}: it ends at byte "
                    f"{at}; it had {self.size} when it was registered"
                )
            at += count
            room = room[count:]

    def write(self, at: int, data: Buffer) -> None:
        """Copy in; see `Segment`."""
        rest = memoryview(data)
        if os.fstat(self._fd).st_size < at + len(rest):  # never grow it for its owner
            raise BadRegion(
                f"cannot write shared memory object {self._key!r}: it has become "
                f"shorter than the {at + len(rest)} bytes that this needs"
            )
        while rest:
            try:
                count = os.pwrite(self._fd, rest, at)
            except OSError as exc:
                raise self._failed("write", exc) from exc
            at += count
            rest = rest[count:]

    def _failed(self, verb: str, exc: OSError) -> BadRegion:
        full = exc.errno in {errno.ENOSPC, errno.ENOMEM}
        return BadRegion(
            f"cannot {verb} shared memory object {self._key!r}: {exc.strerror}",
            hint="df -h /dev/shm" if full else "",
        )

    def __repr__(self) -> str:
        return f"object {self._key} of {self.size} bytes"


class Mapped:
    """A sealed memfd, mapped; see `Segment`.

    Args:
        fd: borrowed; the mapping needs none, so a region costs no descriptor.
        end: map no more than is before it.

    Raises:
        BadRegion: no memfd, or one that could change its size.
    """

    def __init__(self, fd: int, end: int) -> None:
        self.size = _sealed_size(fd)
        length = min(self.size, end)
        address = _LIBC.mmap(
            None, length, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0
        )
        if address == _FAILED:
            code = ctypes.get_errno()
            raise BadRegion(
                f"cannot map the memfd: {os.strerror(code)}",
                hint="open it for reading and writing, without F_SEAL_WRITE"
                if code in {errno.EACCES, errno.EPERM}
                else "",
            )
        block = (ctypes.c_ubyte * length).from_address(address)
        weakref.finalize(block, _LIBC.munmap, address, length).atexit = False
        self._memory = memoryview(block).cast("B")

    def view(self, at: int, size: int) -> memoryview | None:
        """Return the memory itself."""
        return self._memory[at : at + size]

    def read_into(self, at: int, room: memoryview) -> None:
        """Copy out; see `Segment`."""
        room[:] = self._memory[at : at + len(room)]

    def write(self, at: int, data: Buffer) -> None:
        """Copy in; see `Segment`."""
        self._memory[at : at + len(data)] = data

    def __repr__(self) -> str:
        return f"memfd of {self.size} bytes"


def _object_name(key: str) -> str:
    """Return the file's name in `FOLDER`, which no key can lead out of."""
    name = key.removeprefix("/")
    if "/" in name or "\0" in name or name in {"", ".", ".."}:
        why = "it is no name of a POSIX shared memory object"
    elif name.startswith(RESERVED_PREFIX):
        why = "the name is reserved"
    elif len(os.fsencode(name)) > _NAME_MAX:
        why = f"the name is over {_NAME_MAX} bytes"
    else:
        return name
    raise BadRegion(f"cannot use shared memory object {key[:80]!r}: {why}")


def _cannot_open(key: str, exc: OSError) -> BadRegion:
    if exc.errno == errno.ENOENT:
        return BadRegion(
            f"cannot use shared memory object {key!r}: there is none of that name",
            hint="create it first, with the same key",
        )
    if exc.errno in {errno.EACCES, errno.EPERM}:
        return BadRegion(
            f"cannot use shared memory object {key!r}: the daemon runs as another "
            "user and may not open it",
            hint='send a sealed memfd instead: "key": "fd:0"',
        )
    return BadRegion(f"cannot use shared memory object {key!r}: {exc.strerror}")


def _sealed_size(fd: int) -> int:
    hint = "memfd_create(…, MFD_ALLOW_SEALING); ftruncate; F_SEAL_SHRINK | F_SEAL_GROW"
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError as exc:
        raise BadRegion(
            "cannot use the file descriptor as a region: it is no memfd", hint=hint
        ) from exc
    if seals & _SEALS != _SEALS:
        raise BadRegion(
            "cannot use the memfd as a region: its size could change under us; "
            "F_SEAL_SHRINK and F_SEAL_GROW must be set",
            hint=hint,
        )
    # Huge pages can run out when they are touched, which is a SIGBUS.
    if os.fstatvfs(fd).f_bsize > mmap.PAGESIZE:
        raise BadRegion(
            "cannot use the memfd as a region: it is of huge pages",
            hint="create it without MFD_HUGETLB",
        )
    size = os.fstat(fd).st_size
    if not size:
        raise BadRegion("cannot use the memfd as a region: it is empty", hint=hint)
    return size
