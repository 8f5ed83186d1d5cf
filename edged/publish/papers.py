"""Signed metadata in a publisher's folder.

Law: `repository/metadata` holds only what has enough signatures; what lacks some is in
`staged/`. A document is replaced as a whole, and never by one with the same version and
other words: devices may have seen the first.
"""

import re
from pathlib import Path
from typing import TypeVar

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from edged.errors import BadRelease, NoInput
from edged.host.files import Files, Site, store_errors
from edged.publish.home import Home

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)

#: As python-tuf's `UpdaterConfig` has them: a device takes nothing larger.
_MAX_BYTES = {
    "root": 512_000,
    "timestamp": 16_384,
    "snapshot": 2_000_000,
    "targets": 5_000_000,
}


class Papers:
    """The documents of one publisher."""

    def __init__(self, home: Home, files: Files) -> None:
        self._home = home
        self._files = files

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever published from here."""
        return not self._home.first_root.exists()

    def root(self) -> Metadata[Root]:
        """Return the newest root.

        Raises:
            NoInput: the folder is no publisher's.
            BadRelease: it is damaged.
            StoreFailed: it cannot be read.
        """
        found = self.newest(Root)
        if found is None:
            raise NoInput(
                f"cannot publish from {self._home.root}: it is not set up for that",
                hint="`edgectl publish init`, or name its folder by --repo",
            )
        return found

    def roots(self) -> tuple[int, ...]:
        """Return the versions of all roots there are."""
        return self._versions("root")

    def newest(self, kind: type[S]) -> Metadata[S] | None:
        """Return the newest signed document of a role; None where there is none.

        Raises:
            BadRelease: it is damaged.
            StoreFailed: it cannot be read.
        """
        if kind is Timestamp:
            return self._read(self.path("timestamp", 0), kind)
        versions = self._versions(kind.type)
        if not versions:
            return None
        return self._read(self.path(kind.type, versions[-1]), kind)

    def at(self, kind: type[S], version: int) -> Metadata[S] | None:
        """Return a signed document of a version; None where it is not there.

        Raises:
            BadRelease: it is damaged.
            StoreFailed: it cannot be read.
        """
        return self._read(self.path(kind.type, version), kind)

    def staged(self, kind: type[S]) -> Metadata[S] | None:
        """Return the document of a role that waits for signatures.

        What was put in place is not waiting, though a crash may have left it there.

        Raises:
            BadRelease: it is damaged, or older than what is in place.
            StoreFailed: it cannot be read.
        """
        path = self._staged(kind.type)
        paper, newest = self._read(path, kind), self.newest(kind)
        if paper is None or newest is None:
            return paper
        if paper.signed == newest.signed:
            return None
        if paper.signed.version <= newest.signed.version:
            raise BadRelease(
                f"cannot use {path}: {kind.type} {newest.signed.version} has been "
                "published since it was made",
                hint=f"rm {path}, and make the change again",
            )
        return paper

    def stage(self, paper: Metadata[S]) -> None:
        """Keep a document that has not enough signatures.

        Raises:
            StoreFailed: the disk refuses.
        """
        path = self._staged(paper.signed.type)
        self._files.write_atomic(Site.PUBLISH_STAGED, path, bytes_of(paper))

    def publish(self, paper: Metadata[S]) -> None:
        """Put a document where it is pushed from.

        Raises:
            BadRelease: it is larger than a device takes.
            StoreFailed: the disk refuses.
        """
        role = paper.signed.type
        data, most = bytes_of(paper), _MAX_BYTES[role]
        if len(data) > most:
            raise BadRelease(
                f"cannot publish {role} {paper.signed.version}: it has {len(data)} "
                f"bytes; devices take {most}"
            )
        path = self.path(role, paper.signed.version)
        self._files.write_atomic(Site.PUBLISH_METADATA, path, data)
        staged = self._staged(role)
        if staged.exists():
            self._files.remove(Site.PUBLISH_STAGED, staged)

    def path(self, role: str, version: int) -> Path:
        """Return where a signed document lies."""
        name = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
        return self._home.metadata / name

    def _staged(self, role: str) -> Path:
        return self._home.staged / f"{role}.json"

    def _versions(self, role: str) -> tuple[int, ...]:
        pattern = re.compile(rf"([1-9][0-9]{{0,9}})\.{role}\.json")
        with store_errors("read", self._home.metadata):
            if not self._home.metadata.is_dir():
                return ()
            names = [entry.name for entry in self._home.metadata.iterdir()]
        found = (pattern.fullmatch(name) for name in names)
        return tuple(sorted(int(match[1]) for match in found if match))

    def _read(self, path: Path, kind: type[S]) -> Metadata[S] | None:
        with store_errors("read", path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
        return parsed(data, kind, str(path))


def parsed(data: bytes, kind: type[S], source: str) -> Metadata[S]:
    """Read a document; its signatures are not looked at.

    Raises:
        BadRelease: it is no metadata of this role.
    """
    try:
        paper: Metadata[S] = Metadata.from_bytes(data)
    except DeserializationError as exc:
        raise BadRelease(f"cannot use {source}: it is no signed metadata") from exc
    if not isinstance(paper.signed, kind):
        raise BadRelease(f"cannot use {source}: it is not of the role {kind.type}")
    return paper


def bytes_of(paper: Metadata[S]) -> bytes:
    """Return a document as it is sent."""
    data: bytes = paper.to_bytes()
    return data
