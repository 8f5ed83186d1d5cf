"""Small files of the kernel, below one root: /sys, /proc and what else is a value.

Law: a value is opened, read once and closed; never more than asked for, no stat, no
second try. A driver may refuse, hang a reader that tries again, or talk for ever. What
is absent is None; what is there and gives no value is `Unreadable` and says why. No
exception comes out. A pipe or a device in place of a file does not hold us up; a driver
that sleeps inside the kernel does, and the caller has a thread for that.
Source: Documentation/filesystems/sysfs.rst (one value a file, at most a page);
open(2), O_NONBLOCK; prometheus/procfs, CONTRIBUTING (broken drivers, 128 bytes).
"""

import errno
import os
import re
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec

#: Of one value: a driver that has more to say is not what we take it for.
VALUE_BYTES = 128
#: Of a table: /proc/meminfo has 1.5 KB, memory.stat 2 KB.
TABLE_BYTES = 8192
#: Of a folder: a machine with more sensors has other problems.
NAMES_MOST = 256

#: How much of what is no value is shown.
_SHOWN = 24

#: Sixty-four bits, as the kernel prints them.
_INTEGER = re.compile(rb"\s*([+-]?[0-9]{1,19})\s*\Z")
_PRINTABLE = re.compile(r"[^\x20-\x7e]+")

#: No such file. A folder that is none is a sensor of another kind.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


class Unreadable(msgspec.Struct, frozen=True):
    """A file that is there and gave no value.

    Attributes:
        path: as below the root, `/sys/...`.
        errno: of the refusal; 0 where it was read and is no value.
        said: the begin of what was read, printable.
    """

    path: str
    errno: int = 0
    said: str = ""

    @property
    def why(self) -> str:
        """Say it in words: `no data available` or `not a number: "abc"`."""
        if self.errno:
            return os.strerror(self.errno).lower()
        return f'no value: "{self.said}"'


T = TypeVar("T")
#: A value, or why there is none, or nothing at all.
Maybe: TypeAlias = T | Unreadable | None


class Sysfs:
    """A reader below one root. Any thread.

    Args:
        root: what stands for `/`.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = os.fspath(root).rstrip("/")

    @property
    def root(self) -> Path:
        """What stands for `/`."""
        return Path(self._root or "/")

    def read(self, path: str, most: int = VALUE_BYTES) -> Maybe[bytes]:
        """Read once.

        Args:
            path: absolute, `/sys/class/thermal/thermal_zone0/temp`.
            most: bytes; what follows is not read.
        """
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            fd = os.open(self._root + path, flags)
        except OSError as exc:
            return None if exc.errno in _ABSENT else _refused(path, exc)
        try:
            return os.read(fd, most)
        except OSError as exc:
            return _refused(path, exc)
        finally:
            os.close(fd)

    def integer(self, path: str) -> Maybe[int]:
        """Read a file that has one whole number."""
        raw = self.read(path)
        if not isinstance(raw, bytes):
            return raw
        value = parse_integer(raw)
        return nonsense(path, raw) if value is None else value

    def text(self, path: str) -> Maybe[str]:
        """Read a file that has one line; what cannot be printed becomes `?`."""
        raw = self.read(path)
        return parse_text(raw) if isinstance(raw, bytes) else raw

    def word(self, path: str) -> str:
        """Read a line where it does not matter why there is none: then it is empty."""
        found = self.text(path)
        return found if isinstance(found, str) else ""

    def table(self, path: str) -> Maybe[bytes]:
        """Read a file that has many lines."""
        return self.read(path, TABLE_BYTES)

    def names(self, folder: str) -> tuple[str, ...]:
        """List a folder in the order of its numbers; empty where it cannot be listed.

        A name that is no plain text is left out: no driver makes one.
        """
        try:
            found = os.listdir(self._root + folder)  # noqa: PTH208  # bytes to spare
        except OSError:
            return ()
        plain = [name for name in found if not _PRINTABLE.search(name)]
        return tuple(sorted(plain, key=_by_number)[:NAMES_MOST])


def parse_integer(raw: bytes) -> int | None:
    """Return the one whole number that bytes are, or None.

    Stricter than `int`: no underscores, no other digits, no more than 64 bits.
    """
    match = _INTEGER.match(raw)
    if match is None:
        return None
    value = int(match.group(1))
    return value if -(1 << 63) <= value < 1 << 63 else None


def parse_text(raw: bytes) -> str:
    """Return the first line, printable and without what surrounds it."""
    line = raw.split(b"\n", 1)[0].split(b"\0", 1)[0]
    return _PRINTABLE.sub("?", line.decode("utf-8", "replace")).strip()


def nonsense(path: str, raw: bytes) -> Unreadable:
    """Return what is said of a file whose content is no value."""
    return Unreadable(path, 0, parse_text(raw)[:_SHOWN])


def known(value: Maybe[T]) -> T | None:
    """Return a value, or None for whatever reason there is none."""
    return None if isinstance(value, Unreadable) else value


def _refused(path: str, exc: OSError) -> Unreadable:
    return Unreadable(path, exc.errno or errno.EIO)


def _by_number(name: str) -> tuple[str, int]:
    """Order `zone10` behind `zone9`."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :][:9] or 0)
