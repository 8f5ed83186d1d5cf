"""Are a release's files what its manifest says?

Law: looks and answers, changes nothing. What a bundle gets wrong is `BadBundle`;
about what is installed it returns a sentence and raises nothing.
"""

import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

from edged.errors import BadBundle, StoreFailed
from edged.host.beneath import Elsewhere, open_plain
from edged.host.files import store_errors
from edged.store.bundle import Staged
from edged.store.layout import MANIFEST
from edged.store.look import found
from edged.store.manifest import read_manifest
from edged.wire.release import FileEntry, Manifest


def agreed(staged: Staged) -> tuple[Manifest, str]:
    """Read the staged manifest; every file must be what it says. Return its digest."""
    if staged.manifest is None:
        raise BadBundle(f"cannot take bundle: it holds no {MANIFEST}")
    manifest = read_manifest(staged.manifest, MANIFEST)
    problems = [
        f"{name} is named in {MANIFEST} and is not in the bundle"
        for name in manifest.files
        if name not in staged.files
    ]
    problems += [
        f"{name} is in the bundle and not under `files:` in {MANIFEST}"
        for name in staged.files
        if name not in manifest.files
    ]
    for name in manifest.files.keys() & staged.files.keys():
        said, got = manifest.files[name], staged.files[name]
        if said.size != got.size:
            problems.append(f"{name} has {got.size} bytes, {MANIFEST} says {said.size}")
        elif said.sha256 != got.sha256:
            problems.append(
                f"{name} has sha256 {got.sha256}, {MANIFEST} says {said.sha256}"
            )
    if problems:
        problems.sort()
        raise BadBundle(
            f"cannot take bundle {manifest.name} {manifest.version}: "
            + "; ".join(problems[:5])
            + (f"; and {len(problems) - 5} more" if len(problems) > 5 else ""),  # noqa: PLR2004  # one line
            hint="make the bundle anew from the files it was published with",
            problems=problems,
        )
    return manifest, hashlib.sha256(staged.manifest).hexdigest()


def with_manifest(staged: Staged) -> dict[str, FileEntry]:
    """Return all staged files, the manifest last."""
    data = staged.manifest or b""
    entry = FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    return {**staged.files, MANIFEST: entry}


def size_fault(path: Path, entry: FileEntry) -> str | None:
    """Say what is wrong with a file without reading it; None if nothing is."""
    there = found(path)
    if there is None:
        return f"{path.name} is missing"
    if not stat.S_ISREG(there.st_mode):
        return f"{path.name} is not a plain file"
    if there.st_size != entry.size:
        return _wrong_size(path.name, there.st_size, entry)
    return None


def fault(path: Path, entry: FileEntry) -> str | None:
    """Say what is wrong with a file, reading all of it; None if nothing is.

    What is looked at is what is opened, not a path that is opened later.
    """
    try:
        with store_errors("read", path):
            try:
                file = open_plain(path.parent, path.name)
            except (FileNotFoundError, NotADirectoryError):
                return f"{path.name} is missing"
            except Elsewhere:
                return f"{path.name} is not a plain file"
        with file:
            return fault_inside(file, path, entry)
    except StoreFailed as exc:
        return exc.message


def fault_inside(file: BufferedReader, path: Path, entry: FileEntry) -> str | None:
    """Say what is wrong with an open file, reading all of it; None if nothing is.

    Raises:
        StoreFailed: it cannot be read.
    """
    with store_errors("read", path):
        size = os.fstat(file.fileno()).st_size
        if size != entry.size:
            return _wrong_size(path.name, size, entry)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != entry.sha256:
        return f"{path.name} has sha256 {digest}, {MANIFEST} says {entry.sha256}"
    return None


def _wrong_size(name: str, size: int, entry: FileEntry) -> str:
    return f"{name} has {size} bytes, {MANIFEST} says {entry.size}"
