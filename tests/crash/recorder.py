"""Every system call that changes a folder, in the order in which it happened.

The calls are carried out; only what lies below the folder is noted. Python's own files
and pathlib go through the functions of `os`, which are wrapped while recording.
Source: path_resolution(7), open(2), rename(2), fsync(2).
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        verb: the call: mkdir, create, write, truncate, fsync, sync_dir, rename,
            symlink, link, unlink, rmdir.
        path: what it is about, below the folder; "" for the folder itself.
        to: the other name of rename and link; the text of a symlink.
        at: where in the file, for write and truncate.
        data: what is written.
    """

    verb: str
    path: str
    to: str = ""
    at: int = 0
    data: bytes = b""

    def __str__(self) -> str:
        more = f" -> {self.to}" if self.to else ""
        return f"{self.verb} {self.path}{more}"


class Log:
    """What was recorded, and where something was promised to somebody."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.promises: list[tuple[int, str]] = []

    def promise(self, what: str) -> None:
        """Note that from here on a power cut must not undo this."""
        self.promises.append((len(self.ops), what))


@contextmanager
def recording(root: Path) -> Iterator[Log]:
    """Record what changes below a folder."""
    log = Log()
    taps = _Taps(root, log)
    kept = {name: getattr(os, name) for name in taps.wrapped}
    for name, wrap in taps.wrapped.items():
        setattr(os, name, wrap(kept[name]))
    try:
        yield log
    finally:
        for name, real in kept.items():
            setattr(os, name, real)


Call = Callable[..., Any]


class _Taps:
    """Wrappers around the calls."""

    def __init__(self, root: Path, log: Log) -> None:
        self._root = str(root)
        self._ops = log.ops
        self._fds: dict[int, tuple[str, bool]] = {}  # path, whether it appends
        self._at: dict[int, int] = {}
        self.wrapped: dict[str, Callable[[Call], Call]] = {
            "open": self._open,
            "close": self._close,
            "write": self._write,
            "fsync": self._fsync,
            "ftruncate": self._ftruncate,
            "mkdir": self._one("mkdir"),
            "unlink": self._one("unlink"),
            "remove": self._one("unlink"),
            "rmdir": self._one("rmdir"),
            "rename": self._two("rename"),
            "replace": self._two("rename"),
            "link": self._two("link"),
            "symlink": self._symlink,
        }

    def _below(self, path: object) -> str | None:
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        text = os.fsdecode(path)
        if text == self._root:
            return ""
        if not text.startswith(self._root + "/"):
            return None
        return text[len(self._root) + 1 :]

    def _open(self, real: Call) -> Call:
        def tap(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            below = self._below(path) if kwargs.get("dir_fd") is None else None
            is_new = below is not None and not os.path.lexists(path)
            fd: int = real(path, flags, *args, **kwargs)
            if below is not None:
                if is_new and flags & os.O_CREAT:
                    self._ops.append(Op(verb="create", path=below))
                if flags & os.O_TRUNC and not is_new:
                    self._ops.append(Op(verb="truncate", path=below))
                self._fds[fd] = (below, bool(flags & os.O_APPEND))
                self._at[fd] = 0
            return fd

        return tap

    def _close(self, real: Call) -> Call:
        def tap(fd: int) -> None:
            self._fds.pop(fd, None)
            real(fd)

        return tap

    def _write(self, real: Call) -> Call:
        def tap(fd: int, data: Any) -> int:
            known = self._fds.get(fd)
            begin = os.fstat(fd).st_size if known and known[1] else self._at.get(fd, 0)
            count: int = real(fd, data)
            if known:
                written = bytes(memoryview(data)[:count])
                self._ops.append(
                    Op(verb="write", path=known[0], at=begin, data=written)
                )
                self._at[fd] = begin + count
            return count

        return tap

    def _fsync(self, real: Call) -> Call:
        def tap(fd: int) -> None:
            real(fd)
            if fd in self._fds:
                is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
                verb = "sync_dir" if is_folder else "fsync"
                self._ops.append(Op(verb=verb, path=self._fds[fd][0]))

        return tap

    def _ftruncate(self, real: Call) -> Call:
        def tap(fd: int, length: int) -> None:
            real(fd, length)
            if fd in self._fds:
                self._ops.append(Op(verb="truncate", path=self._fds[fd][0], at=length))

        return tap

    def _one(self, verb: str) -> Callable[[Call], Call]:
        def wrap(real: Call) -> Call:
            def tap(path: Any, *args: Any, **kwargs: Any) -> None:
                real(path, *args, **kwargs)
                below = self._below(path)
                if below is not None:
                    self._ops.append(Op(verb=verb, path=below))

            return tap

        return wrap

    def _two(self, verb: str) -> Callable[[Call], Call]:
        def wrap(real: Call) -> Call:
            def tap(src: Any, dst: Any, *args: Any, **kwargs: Any) -> None:
                real(src, dst, *args, **kwargs)
                from_, to = self._below(src), self._below(dst)
                if from_ is not None and to is not None:
                    self._ops.append(Op(verb=verb, path=from_, to=to))

            return tap

        return wrap

    def _symlink(self, real: Call) -> Call:
        def tap(target: Any, path: Any, *args: Any, **kwargs: Any) -> None:
            real(target, path, *args, **kwargs)
            below = self._below(path)
            if below is not None:
                self._ops.append(Op(verb="symlink", path=below, to=os.fsdecode(target)))

        return tap
