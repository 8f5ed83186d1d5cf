"""Files that several releases have, once on the disk.

Law: a twin is hashed before it counts: rot must not spread. A file system without hard
links gets copies.
"""

from collections.abc import Iterator, Mapping, Sequence
from errno import EMLINK, ENOTSUP, EPERM, EXDEV
from pathlib import Path

import msgspec

from edged.errors import BadBundle, StoreFailed
from edged.host.files import Files, Site, store_errors
from edged.store.bundle import Staged, store
from edged.store.integrity import fault
from edged.store.layout import MANIFEST
from edged.store.manifest import read_manifest
from edged.wire.release import FileEntry

#: Installed files by what is in them.
Shelf = Mapping[FileEntry, Sequence[Path]]

#: The file system has no hard links here, or no more of them.
_CANNOT_LINK = frozenset({EMLINK, ENOTSUP, EPERM, EXDEV})

_PIECE = 1 << 20


class Rot:
    """Installed files that were found damaged, for as long as they are the same files.

    So nobody is told twice that such a file need not be sent. Any thread.
    """

    def __init__(self) -> None:
        self._inodes: dict[Path, int] = {}

    def fault(self, path: Path, entry: FileEntry) -> str | None:
        """Say what is wrong with a file, reading all of it, and remember it."""
        wrong = fault(path, entry)
        if wrong is None:
            self._inodes.pop(path, None)
        else:
            self._inodes[path] = _inode(path)
        return wrong

    def is_known(self, path: Path) -> bool:
        """Tell whether this very file was found damaged."""
        return path in self._inodes and self._inodes[path] == _inode(path)


def share(staged: Staged, shelf: Shelf, rot: Rot, files: Files) -> None:
    """Replace staged files by hard links to the same bytes in releases.

    Raises:
        StoreFailed: the disk refused.
    """
    for name, entry in staged.files.items():
        twins = shelf.get(entry, ())
        here = staged.path / name
        if any(_is_same(here, twin) for twin in twins):
            continue
        twin = next(_whole(twins, entry, rot), None)
        fresh = staged.path / f".{name}.shared"
        if twin is not None and _linked(twin, fresh, files):
            files.rename(Site.RELEASE_SHARE, fresh, here)


def fill(staged: Staged, shelf: Shelf, rot: Rot, files: Files) -> Staged:
    """Bring files that the manifest names, and the bundle left out, from releases.

    Raises:
        BadBundle: the manifest is not right, or no release has a file;
            `fields["missing"]` has the sha256 of each.
        StoreFailed: the disk refused; the folder is still the caller's to discard.
    """
    manifest = read_manifest(staged.manifest or b"", MANIFEST)
    wanted = {
        name: entry
        for name, entry in manifest.files.items()
        if name not in staged.files
    }
    if not wanted:
        return staged
    twins = {
        name: next(_whole(shelf.get(entry, ()), entry, rot), None)
        for name, entry in wanted.items()
    }
    missing = sorted(name for name, twin in twins.items() if twin is None)
    if missing:
        raise BadBundle(
            f"cannot take bundle {manifest.name} {manifest.version}: it leaves out "
            f"{', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")  # noqa: PLR2004  # one line
            + ", and no release on this box has that, whole",
            hint="send every file along",
            missing=sorted({wanted[name].sha256 for name in missing}),
        )
    for name, twin in twins.items():
        if twin is not None and not _linked(twin, staged.path / name, files):
            wanted[name] = store(_pieces(twin), staged.path / name, files)
    files.sync_dir(Site.RELEASE_SHARE, staged.path)
    return msgspec.structs.replace(staged, files={**staged.files, **wanted})


def _whole(twins: Sequence[Path], entry: FileEntry, rot: Rot) -> Iterator[Path]:
    return (twin for twin in twins if rot.fault(twin, entry) is None)


def _inode(path: Path) -> int:
    """Return a file's own number; 0 where there is none, or it cannot be told."""
    try:
        return path.lstat().st_ino
    except OSError:
        return 0


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two names are one file already."""
    with store_errors("read", one):
        try:
            return one.samefile(other)
        except FileNotFoundError:
            return False


def _linked(twin: Path, path: Path, files: Files) -> bool:
    """Give a file a second name; False where the file system cannot."""
    try:
        files.link(Site.RELEASE_SHARE, twin, path)
    except StoreFailed as exc:
        if exc.fields.get("errno") in _CANNOT_LINK:
            return False
        raise
    return True


def _pieces(path: Path) -> Iterator[bytes]:
    with store_errors("read", path), path.open("rb") as source:
        while part := source.read(_PIECE):
            yield part
