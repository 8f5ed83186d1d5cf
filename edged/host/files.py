"""Durable writes, each by the name of its call site.

Law: whoever changes the disk does it here, and says where in the code it stands
(`Site`), so that a test can fail, or cut the power, at exactly one place. No file
object leaves for writing. Only `StoreFailed` comes out, with a sentence that a
person in front of the box can act on.

What survives a power cut (a file's bytes and its name are two different things):

- `append`: all of it, on return; a cut in between may leave a part, or garbage.
- `Writer.commit`: the bytes. Its name only after `sync_dir` of its folder.
- `mkdir`, `link`, `symlink`: only after `sync_dir` of the folder that holds them.
- `rename`, `swap_link`, `write_atomic`, `remove`: all of it, on return; seen before
  or after, never between.
- `remove_tree`: nothing is promised; rename first what must vanish at once.
"""

import enum
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from edged.errors import StoreFailed
from edged.host.refusals import explained

#: Created files: read by the group (`edgectl` reads the store when the daemon is
#: dead), written by the daemon, executed by nobody. The umask may take more away.
_FILE_MODE = 0o644
_FOLDER_MODE = 0o755


class Site(enum.Enum):
    """Every place in the code that changes the disk."""

    STORE_FOLDER = "store-folder"  # the store's own folders, at start-up
    SWEEP = "sweep"  # leftovers of an earlier life
    STAGE_FOLDER = "stage-folder"  # a fresh folder in incoming/
    STAGE_FILE = "stage-file"  # a file of a bundle, as it arrives
    STAGE_SYNC = "stage-sync"  # the names of those files
    STAGE_DROP = "stage-drop"  # a staged folder that is not wanted
    MODEL_FOLDER = "model-folder"  # models/<name> and its releases/
    RELEASE_SHARE = "release-share"  # a file that another release has too
    RELEASE_ADOPT = "release-adopt"  # staged folder -> installed release
    RELEASE_REPAIR = "release-repair"  # a damaged file of an installed release
    RELEASE_DELETE = "release-delete"  # installed release -> trash
    MODEL_DELETE = "model-delete"  # a whole model -> trash
    TRASH_DROP = "trash-drop"  # the trash itself
    LINK_PREVIOUS = "link-previous"
    LINK_CURRENT = "link-current"
    LINK_RESTORE = "link-restore"  # after a move that failed
    LINK_CLEAR = "link-clear"
    JOURNAL_APPEND = "journal-append"
    JOURNAL_COMPACT = "journal-compact"  # or written anew after damage
    PROOF = "proof"  # what a trial found
    PROOF_DROP = "proof-drop"
    PUBLISH_FOLDER = "publish-folder"  # a publisher's folders
    PUBLISH_SETTINGS = "publish-settings"
    PUBLISH_FILE = "publish-file"  # a blob or a target of a release
    PUBLISH_STAGED = "publish-staged"  # metadata that waits for signatures
    PUBLISH_METADATA = "publish-metadata"  # metadata that has them
    PUBLISH_PUSH = "publish-push"  # a file where devices find it
    PUBLISH_TAR = "publish-tar"  # a release for a stick
    TRUST_FOLDER = "trust-folder"  # of a source, and the scratch folder in it
    TRUST_METADATA = "trust-metadata"  # signed metadata that was verified
    TRUST_FLOOR = "trust-floor"  # the least versions that are believed
    STATUS_SNAPSHOT = "status-snapshot"  # what `edgectl status` reads when we are dead
    PART_FILE = "part-file"  # the name of a file that is being fetched
    PART_MAP = "part-map"  # which of its chunks are kept
    PART_DROP = "part-drop"
    UPDATE_FOLDER = "update-folder"  # the updater's own folders
    UPDATE_NOTES = "update-notes"  # what the updater must not forget


class Writer(Protocol):
    """One new file on its way to the disk.

    After an error only `abort` may follow: a file whose fsync failed once is never
    trusted again, because the kernel may have dropped the dirty pages.
    """

    def write(self, data: bytes | memoryview) -> None:
        """Append all of `data`."""

    def commit(self) -> None:
        """Make the bytes durable and close."""

    def abort(self) -> None:
        """Close and remove the file, committed or not; never raises."""


class Files(Protocol):
    """The port to durable storage: these verbs, and `StoreFailed` alone.

    Blocking. Paths are absolute. No verb follows a symlink in the last component.
    """

    def mkdir(self, site: Site, path: Path) -> None:
        """Make one folder that does not exist yet."""

    def create(self, site: Site, path: Path) -> Writer:
        """Open a file that does not exist yet (O_EXCL, O_NOFOLLOW)."""

    def write_atomic(self, site: Site, path: Path, data: bytes) -> None:
        """Put `data` at `path`, replacing what was there as a whole."""

    def append(self, site: Site, path: Path, data: bytes) -> None:
        """Put `data` at the end of a file, made if there is none, and fsync it.

        After an error the file is not to be trusted, as after one of a `Writer`.
        """

    def rename(self, site: Site, src: Path, dst: Path) -> None:
        """Move `src` to `dst` in one step, replacing a file that was there."""

    def symlink(self, site: Site, target: str, link: Path) -> None:
        """Make a symlink that does not exist yet."""

    def swap_link(self, site: Site, target: str, link: Path) -> None:
        """Point `link` at `target` in one step, whether it existed or not."""

    def link(self, site: Site, src: Path, dst: Path) -> None:
        """Give the file `src` a second name, `dst`, that does not exist yet."""

    def remove(self, site: Site, path: Path) -> None:
        """Remove one file or symlink."""

    def remove_tree(self, site: Site, path: Path) -> None:
        """Remove a folder and all below it, or a file; nothing to do without one."""

    def sync_dir(self, site: Site, path: Path) -> None:
        """Make the names in a folder durable."""


class DiskWriter:
    """A file descriptor and where it points."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with store_errors("write", path):
            self._fd: int | None = os.open(path, flags, _FILE_MODE)
        self._path = path

    def write(self, data: bytes | memoryview) -> None:
        """Append all of `data`."""
        rest = memoryview(data)
        with store_errors("write", self._path):
            while rest:
                rest = rest[os.write(self._descriptor(), rest) :]

    def commit(self) -> None:
        """Make the bytes durable and close."""
        with store_errors("write", self._path):
            os.fsync(self._descriptor())
            # Some file systems (NFS, FUSE) report a late error at close alone.
            fd, self._fd = self._descriptor(), None
            os.close(fd)

    def abort(self) -> None:
        """Close and remove the file."""
        with suppress(OSError):
            if self._fd is not None:
                fd, self._fd = self._fd, None
                os.close(fd)
        with suppress(OSError):
            self._path.unlink()

    def _descriptor(self) -> int:
        if self._fd is None:
            raise AssertionError(f"{self._path} is closed")
        return self._fd


class DiskFiles:
    """The real disk. `site` is for its twins in tests; here it changes nothing."""

    def mkdir(self, site: Site, path: Path) -> None:  # noqa: ARG002  # see class
        """Make one folder that does not exist yet."""
        with store_errors("make", path):
            path.mkdir(mode=_FOLDER_MODE)

    def create(self, site: Site, path: Path) -> Writer:  # noqa: ARG002  # see class
        """Open a file that does not exist yet."""
        return DiskWriter(path)

    def write_atomic(self, site: Site, path: Path, data: bytes) -> None:
        """Write a neighbour, fsync it, rename it over `path`, fsync the folder."""
        fresh = _neighbour(path)
        with store_errors("write", path):
            fresh.unlink(missing_ok=True)  # left by a power cut
        writer = self.create(site, fresh)
        try:
            writer.write(data)
            writer.commit()
            self.rename(site, fresh, path)
        except BaseException:
            writer.abort()
            raise

    def append(self, site: Site, path: Path, data: bytes) -> None:  # noqa: ARG002  # see class
        """Write and fsync; then fsync the folder, if the file is new.

        What an error left is cut off again where the disk lets us, so that it is not
        found as if it had been written.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with store_errors("write", path):
            is_new = not os.path.lexists(path)
            fd = os.open(path, flags | os.O_CREAT, _FILE_MODE)
            try:
                _append(fd, data)
            finally:
                os.close(fd)
            if is_new:
                _sync_dir(path.parent)

    def rename(self, site: Site, src: Path, dst: Path) -> None:  # noqa: ARG002  # see class
        """Rename, then fsync the new folder before the old one.

        In that order a power cut between the two can show the entry twice or at its
        new place, never nowhere.
        """
        with store_errors("replace", dst):
            src.rename(dst)
            _sync_dir(dst.parent)
            if src.parent != dst.parent:
                _sync_dir(src.parent)

    def symlink(self, site: Site, target: str, link: Path) -> None:  # noqa: ARG002  # see class
        """Make a symlink that does not exist yet."""
        with store_errors("make", link):
            link.symlink_to(target)

    def swap_link(self, site: Site, target: str, link: Path) -> None:
        """Make a neighbour and rename it over `link`: rename(2) is the only swap."""
        fresh = _neighbour(link)
        with store_errors("replace", link):
            fresh.unlink(missing_ok=True)  # left by a power cut
        self.symlink(site, target, fresh)
        try:
            self.rename(site, fresh, link)
        except BaseException:
            with suppress(OSError):
                fresh.unlink()
            raise

    def link(self, site: Site, src: Path, dst: Path) -> None:  # noqa: ARG002  # see class
        """Give a file a second name."""
        with store_errors("link", dst):
            os.link(src, dst, follow_symlinks=False)

    def remove(self, site: Site, path: Path) -> None:  # noqa: ARG002  # see class
        """Remove one file or symlink, and fsync its folder."""
        with store_errors("remove", path):
            path.unlink()
            _sync_dir(path.parent)

    def remove_tree(self, site: Site, path: Path) -> None:  # noqa: ARG002  # see class
        """Remove whatever is there, following no link."""
        with store_errors("remove", path):
            _remove_tree(path)

    def sync_dir(self, site: Site, path: Path) -> None:  # noqa: ARG002  # see class
        """Fsync a folder."""
        with store_errors("write", path):
            _sync_dir(path)


@contextmanager
def store_errors(doing: str, path: Path) -> Iterator[None]:
    """Map every `OSError` inside to `StoreFailed`; readers of the store use it too.

    Args:
        doing: the verb of the sentence: read, write, make, replace, remove.
        path: what it is done to.
    """
    try:
        yield
    except OSError as exc:
        raise store_failed(exc, doing, path) from exc


def store_failed(exc: OSError, doing: str, path: Path) -> StoreFailed:
    """Say what the disk refused, why, and what to type.

    `fields` carries `path` and the number `errno`.
    """
    why, hint = explained(path, exc)
    return StoreFailed(
        f"cannot {doing} {path}: {why}", hint=hint, path=str(path), errno=exc.errno
    )


# --- small steps ------------------------------------------------------------------


def _neighbour(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _append(fd: int, data: bytes) -> None:
    size = os.fstat(fd).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            os.ftruncate(fd, size)
        raise


def _sync_dir(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for entry in list(path.iterdir()):
            _remove_tree(entry)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
