"""Targets and blobs of a release, in the folder that is pushed.

Law: a file is put in place as a whole under a name that says its sha256, so a name that
is there is right, and writing it again changes nothing.
"""

import hashlib
from pathlib import Path

import msgspec
from tuf.api.metadata import TargetFile

from edged.host.files import Files, Site, store_errors
from edged.publish.home import Home, ensure
from edged.publish.intake import Candidate
from edged.wire.listing import (
    CHUNK_BYTES,
    Chunked,
    ChunkIndex,
    chunks_path,
    manifest_path,
)


class Shelf:
    """Files of releases."""

    def __init__(self, home: Home, files: Files) -> None:
        self._home = home
        self._files = files

    def put(self, candidate: Candidate) -> tuple[dict[str, TargetFile], int]:
        """Put a release's files in place.

        Returns:
            Its targets by path, without `custom`; and the bytes that were new.

        Raises:
            StoreFailed: the disk refuses.
        """
        manifest = candidate.manifest
        index: dict[str, Chunked] = {}
        new_bytes = 0
        for name in manifest.files:
            index[name] = chunked(candidate.folder / name)
            new_bytes += self._put_blob(candidate.folder / name, index[name])
        chunks = msgspec.json.encode(ChunkIndex(files=index))
        targets = {}
        for path, data in (
            (chunks_path(manifest.name, manifest.seq), chunks),
            (manifest_path(manifest.name, manifest.seq), candidate.data),
        ):
            targets[path] = TargetFile.from_data(path, data, ["sha256"])
            self._put_target(targets[path], data)
        return targets, new_bytes

    def _put_blob(self, path: Path, file: Chunked) -> int:
        blob = self._home.blobs / file.sha256
        if blob.is_file() and blob.stat().st_size == file.size:
            return 0
        self._files.rename(Site.PUBLISH_FILE, path, blob)
        return file.size

    def _put_target(self, target: TargetFile, data: bytes) -> None:
        place = self._home.targets / target_name(target)
        ensure(self._files, place.parent)
        self._files.write_atomic(Site.PUBLISH_FILE, place, data)


def chunked(path: Path) -> Chunked:
    """Hash a file, whole and in pieces.

    Raises:
        StoreFailed: it cannot be read.
    """
    whole, size, chunks = hashlib.sha256(), 0, []
    with store_errors("read", path), path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            whole.update(piece)
            size += len(piece)
            chunks.append(hashlib.sha256(piece).hexdigest())
    return Chunked(sha256=whole.hexdigest(), size=size, chunks=tuple(chunks))


def target_name(target: TargetFile) -> str:
    """Return a target's path below `targets/`: TUF's consistent snapshots."""
    folder, _, name = target.path.rpartition("/")
    return f"{folder}/{target.hashes['sha256']}.{name}"
