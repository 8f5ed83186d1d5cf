"""A disk that can refuse, and lose power, at a named place.

`RecordingFiles` does everything on the real disk (in a test's own folder) and notes
it. `fail` makes one site refuse. `cut_after` cuts the power before a later step: from
then on nothing reaches the disk, and what was not durable by the promises of
`edged.host.files` is lost: bytes not committed, names not synced.
A cut in the middle of an `append` leaves the tail that the test asks for.
"""
# ruff: noqa: D102  # the port's docstrings hold for its twin

import enum
from contextlib import suppress
from pathlib import Path

import msgspec

from edged.host.files import DiskFiles, Site, Writer, store_failed


class PowerCut(BaseException):
    """The power is gone; no handler of ordinary errors may catch this."""


class Tail(enum.Enum):
    """What a power cut in the middle of an append leaves of it."""

    LOST = "lost"
    TORN = "torn"  # the first half
    ZEROS = "zeros"  # the file's new size was durable, its bytes were not
    KEPT = "kept"  # all of it, and nobody was told


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One step that reached the disk."""

    verb: str
    site: Site
    path: Path

    def __str__(self) -> str:
        return f"{self.verb} {self.site.value} {self.path.name}"


class _Failure(msgspec.Struct, frozen=True, kw_only=True):
    error: OSError
    verb: str | None
    seen: bool
    after: int


class RecordingFiles:
    """The `Files` port on the real disk, with a log and switches for disaster."""

    def __init__(
        self,
        *,
        cut_after: int | None = None,
        lose: bool = True,
        tail: Tail = Tail.LOST,
    ) -> None:
        self.ops: list[Op] = []
        self._tail = tail
        self._is_off = False
        self._disk = DiskFiles()
        self._cut_after = cut_after
        self._lose = lose
        self._failures: dict[Site, _Failure] = {}
        self._names: set[Path] = set()  # made, and not synced
        self._bytes: set[Path] = set()  # written, and not committed

    def fail(
        self,
        site: Site,
        error: OSError,
        *,
        verb: str | None = None,
        seen: bool = False,
        after: int = 0,
    ) -> None:
        """Make a site refuse from now on.

        Args:
            site: where.
            error: what the kernel would have said.
            verb: only this verb of that site.
            seen: the step is carried out first, as when only its fsync fails.
            after: how many steps of that site still succeed.
        """
        self._failures[site] = _Failure(error=error, verb=verb, seen=seen, after=after)

    def mend(self) -> None:
        """Let every site work again."""
        self._failures.clear()

    @property
    def sites(self) -> set[Site]:
        """The sites that were reached."""
        return {op.site for op in self.ops}

    # --- the port ----------------------------------------------------------------

    def mkdir(self, site: Site, path: Path) -> None:
        with _Step(self, "mkdir", site, path):
            self._disk.mkdir(site, path)
            self._names.add(path)

    def create(self, site: Site, path: Path) -> Writer:
        with _Step(self, "create", site, path):
            writer = self._disk.create(site, path)
            self._names.add(path)
            self._bytes.add(path)
        return RecordingWriter(self, site, path, writer)

    def write_atomic(self, site: Site, path: Path, data: bytes) -> None:
        with _Step(self, "write_atomic", site, path):
            self._disk.write_atomic(site, path, data)

    def append(self, site: Site, path: Path, data: bytes) -> None:
        if self.is_cut() and not self._is_off:
            self._disk.append(site, path, _left(data, self._tail))
        with _Step(self, "append", site, path):
            self._disk.append(site, path, data)

    def rename(self, site: Site, src: Path, dst: Path) -> None:
        with _Step(self, "rename", site, dst):
            self._disk.rename(site, src, dst)
            self._synced(dst.parent)
            self._synced(src.parent)
            self._names = {_moved(p, src, dst) for p in self._names}
            self._bytes = {_moved(p, src, dst) for p in self._bytes}

    def symlink(self, site: Site, target: str, link: Path) -> None:
        with _Step(self, "symlink", site, link):
            self._disk.symlink(site, target, link)
            self._names.add(link)

    def swap_link(self, site: Site, target: str, link: Path) -> None:
        with _Step(self, "swap_link", site, link):
            self._disk.swap_link(site, target, link)
            self._synced(link.parent)

    def link(self, site: Site, src: Path, dst: Path) -> None:
        with _Step(self, "link", site, dst):
            self._disk.link(site, src, dst)
            self._names.add(dst)

    def remove(self, site: Site, path: Path) -> None:
        with _Step(self, "remove", site, path):
            self._disk.remove(site, path)
            self._synced(path.parent)

    def remove_tree(self, site: Site, path: Path) -> None:
        with _Step(self, "remove_tree", site, path):
            self._disk.remove_tree(site, path)

    def sync_dir(self, site: Site, path: Path) -> None:
        with _Step(self, "sync_dir", site, path):
            self._disk.sync_dir(site, path)
            self._synced(path)

    # --- disaster ----------------------------------------------------------------

    def is_cut(self) -> bool:
        return self._cut_after is not None and len(self.ops) >= self._cut_after

    def cut(self) -> None:
        """Lose what is not durable (or keep all, which a disk may do as well)."""
        self._is_off = True
        if not self._lose:
            raise PowerCut
        for path in self._bytes:
            with suppress(FileNotFoundError):
                path.write_bytes(b"")
        for path in self._names:
            self._disk.remove_tree(Site.SWEEP, path)
        self._names.clear()
        self._bytes.clear()
        raise PowerCut

    def committed(self, path: Path) -> None:
        self._bytes.discard(path)

    def failure_of(self, site: Site, verb: str) -> _Failure | None:
        found = self._failures.get(site)
        if found is None or found.verb not in (None, verb):
            return None
        if found.after > 0:
            self._failures[site] = msgspec.structs.replace(found, after=found.after - 1)
            return None
        return found

    def _synced(self, folder: Path) -> None:
        self._names = {path for path in self._names if path.parent != folder}


class RecordingWriter:
    """A writer whose every step can fail."""

    def __init__(
        self, files: RecordingFiles, site: Site, path: Path, writer: Writer
    ) -> None:
        self._files, self._site, self._path = files, site, path
        self._writer = writer

    def write(self, data: bytes | memoryview) -> None:
        with _Step(self._files, "write", self._site, self._path):
            self._writer.write(data)

    def commit(self) -> None:
        with _Step(self._files, "commit", self._site, self._path):
            self._writer.commit()
            self._files.committed(self._path)

    def abort(self) -> None:
        if not self._files.is_cut():
            self._writer.abort()


class _Step:
    """One verb: refused before, or noted after, or seen and refused all the same."""

    def __init__(
        self, files: RecordingFiles, verb: str, site: Site, path: Path
    ) -> None:
        self._files, self._op = files, Op(verb=verb, site=site, path=path)
        self._failure: _Failure | None = None

    def __enter__(self) -> None:
        if self._files.is_cut():
            self._files.cut()
        self._failure = self._files.failure_of(self._op.site, self._op.verb)
        if self._failure and not self._failure.seen:
            raise self._refusal(self._failure)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._files.ops.append(self._op)
            if self._failure:
                raise self._refusal(self._failure)

    def _refusal(self, failure: _Failure) -> Exception:
        failed = store_failed(failure.error, self._op.verb, self._op.path)
        failed.__cause__ = failure.error
        return failed


def _left(data: bytes, tail: Tail) -> bytes:
    match tail:
        case Tail.LOST:
            return b""
        case Tail.TORN:
            return data[: len(data) // 2]
        case Tail.ZEROS:
            return bytes(len(data))
        case Tail.KEPT:
            return data


def _moved(path: Path, src: Path, dst: Path) -> Path:
    return dst / path.relative_to(src) if path.is_relative_to(src) else path
