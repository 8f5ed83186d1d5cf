"""A view -> the folder that a web server shows, or a tar for a stick.

Law: a device that looks in between sees the old view or the new one, whole. So files
come first, then the documents that name them, the timestamp last; each appears at once
under its name, and nothing that is there under a version or a sha256 is written again.
Nothing is ever removed: a device may be reading it.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tuf.api.metadata import Timestamp

from edged.errors import BadRelease, Conflict, NoInput, StoreFailed
from edged.host.clock import Clock
from edged.host.files import Files, Site, Writer, store_errors
from edged.publish import listings
from edged.publish.documents import Pushed
from edged.publish.home import Home, alone, ensure
from edged.publish.papers import Papers, parsed
from edged.publish.view import View, blob_files, target_files, view
from edged.store import tar

_PIECE = 1 << 20

#: The only document whose name does not say its version.
_TIMESTAMP = "timestamp.json"

#: Beside the file it will be; hidden, so that nobody lists it meanwhile.
_FRESH = ".{}.new"


class Pusher:
    """Brings what is signed to where devices find it."""

    def __init__(self, home: Home, files: Files, clock: Clock) -> None:
        self._clock = clock
        self._home = home
        self._files = files
        self._papers = Papers(home, files)

    def push(self, into: Path, tell: Callable[[str], None]) -> Pushed:
        """Make a folder show what is signed now.

        Args:
            into: the folder; its parent exists.
            tell: told what is being copied.

        Raises:
            Conflict: something waits for a signature or has expired; or what is there
                is newer.
            BadRelease: a file of a release is missing.
            NoInput: the folder cannot be.
            StoreFailed: the disk refuses.
        """
        with alone(self._home.root):
            seen = view(self._papers, self._clock.utc())
            self._check(into, seen)
            ensure(self._files, into, site=Site.PUBLISH_PUSH)
            files, size_bytes = 0, 0
            for path in self._in_order(seen):
                name = path.relative_to(self._home.repository)
                copied = self._copied(path, into / name, tell)
                files += copied is not None
                size_bytes += copied or 0
        return Pushed(
            place=str(into),
            files=files,
            size_bytes=size_bytes,
            timestamp=seen.timestamp.signed.version,
        )

    def bundle(self, model: str, seq: int, out: Path) -> Pushed:
        """Write a tar with one release, that a device takes without a network.

        Raises:
            NoInput: the file cannot be.
            UnknownVersion: the release is not listed.
            Conflict: something waits for a signature, or has expired.
            BadRelease: a file of the release is missing.
            StoreFailed: the disk refuses.
        """
        _check_parent(out)
        with alone(self._home.root):
            seen = view(self._papers, self._clock.utc())
            listing = listings.find(seen.targets.signed.targets, model, seq)
            paths = [
                *self._documents(seen),
                *target_files(seen, self._home, listing),
                *blob_files(seen, self._home, listing),
            ]
            self._write(out, self._tar(paths))
        with store_errors("read", out):
            size_bytes = out.stat().st_size
        return Pushed(
            place=str(out),
            files=len(paths),
            size_bytes=size_bytes,
            timestamp=seen.timestamp.signed.version,
        )

    def _in_order(self, seen: View) -> list[Path]:
        blobs, targets = [], []
        for listing in seen.releases:
            blobs += blob_files(seen, self._home, listing)
            targets += target_files(seen, self._home, listing)
        return [*dict.fromkeys(blobs), *targets, *self._documents(seen)]

    def _documents(self, seen: View) -> list[Path]:
        """Return documents, those first that others name; roots only grow."""
        named = [("targets", seen.targets.signed.version)]
        named += [("snapshot", seen.snapshot.signed.version)]
        named += [("root", version) for version in seen.roots]
        named += [("timestamp", seen.timestamp.signed.version)]
        return [self._papers.path(role, version) for role, version in named]

    def _check(self, into: Path, seen: View) -> None:
        _check_parent(into)
        for path in self._documents(seen):
            place = into / path.relative_to(self._home.repository)
            if place.exists():
                _check_other(path, place)

    def _copied(
        self, path: Path, place: Path, tell: Callable[[str], None]
    ) -> int | None:
        """Copy a file; None where it is there already."""
        with store_errors("read", path):
            size = path.stat().st_size
        if _is_there(path, place, size):
            return None
        tell(f"copying {place.name}")
        ensure(self._files, place.parent, site=Site.PUBLISH_PUSH)
        self._write(place, self._pieces(path), Site.PUBLISH_PUSH)
        return size

    def _tar(self, paths: list[Path]) -> Iterator[bytes]:
        """Pack files under their names in the repository."""
        for path in paths:
            with store_errors("read", path):
                size = path.stat().st_size
            if size > tar.SIZE_MAX:
                raise BadRelease(
                    f"cannot pack {path}: it has {size} bytes; a tar takes "
                    f"{tar.SIZE_MAX}"
                )
            info = tarfile.TarInfo(str(path.relative_to(self._home.repository)))
            info.size = size
            yield info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
            yield from self._pieces(path)
            yield tar.padding(size)
        yield tar.ending()

    def _pieces(self, path: Path) -> Iterator[bytes]:
        """Yield a file's bytes; a blob that is not what its name says ends badly."""
        digest = hashlib.sha256()
        with store_errors("read", path), path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                yield piece
        if path.parent == self._home.blobs and digest.hexdigest() != path.name:
            raise BadRelease(
                f"cannot offer {path}: its bytes are damaged",
                hint="put the file back from where it was pushed to",
            )

    def _write(
        self, place: Path, pieces: Iterator[bytes], site: Site = Site.PUBLISH_TAR
    ) -> None:
        fresh = place.with_name(_FRESH.format(place.name))
        with suppress(FileNotFoundError, StoreFailed):
            self._files.remove(site, fresh)  # left by a power cut
        writer: Writer = self._files.create(site, fresh)
        try:
            for piece in pieces:
                writer.write(piece)
            writer.commit()
            self._files.rename(site, fresh, place)
        except BaseException:
            writer.abort()
            raise


def _check_parent(path: Path) -> None:
    """Refuse what is more likely a slip of the keyboard.

    Raises:
        NoInput: the folder that it should be in is not there.
    """
    if not path.absolute().parent.is_dir():
        raise NoInput(
            f"cannot write {path}: there is no folder {path.parent}",
            hint=f"mkdir -p {path.parent}",
        )


def _check_other(ours: Path, theirs: Path) -> None:
    """Refuse to put a document over one that devices may have believed.

    Raises:
        Conflict: what is there is newer, or says something else under our version.
    """
    with store_errors("read", theirs):
        new, old = ours.read_bytes(), theirs.read_bytes()
    if new == old:
        return
    if ours.name == _TIMESTAMP:
        there = parsed(old, Timestamp, str(theirs)).signed.version
        here = parsed(new, Timestamp, str(ours)).signed.version
        if there < here:
            return
        why = f"its timestamp is {there}, and ours is {here}"
    else:
        why = f"it has another {ours.name}"
    raise Conflict(
        f"cannot push over {theirs}: {why}: devices would take ours for an attack",
        hint="publish from the folder that was pushed last",
    )


def _is_there(path: Path, place: Path, size: int) -> bool:
    """Tell whether a file need not be written: a name says what it holds."""
    with store_errors("read", place):
        if not place.is_file() or place.stat().st_size != size:
            return False
        return place.name != _TIMESTAMP or place.read_bytes() == path.read_bytes()
