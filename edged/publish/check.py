"""What a device would see of a repository, and whether it would get all of it.

Law: looks with the eyes of a device that has nothing but the root: the same code, and
nothing of the publisher's folder. Its clock is right. Changes nothing. Blocking.
"""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from edged.errors import NoInput, NotFetched, Untrusted
from edged.host.clock import Clock
from edged.host.files import DiskFiles
from edged.publish.documents import Lacking, RoleState, Verified
from edged.publish.listings import offered
from edged.publish.places import Place
from edged.publish.publisher import role_state
from edged.trust.clock import Watchmaker
from edged.trust.repository import Repository
from edged.wire.listing import ChunkIndex, Listing, chunks_path, manifest_path
from edged.wire.unreadable import UNREADABLE

_BLOBS = "blobs/"


def verify(text: str, place: Place, root: bytes, clock: Clock) -> Verified:
    """Look at a repository as a device does.

    Args:
        text: how a person names it.
        place: where it is.
        root: the first root, as boxes have it.
        clock: this machine's, which is taken to be right.

    Raises:
        Untrusted: a device would not believe it.
        NotFetched: its metadata cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="edged-verify-") as folder:
        watch = Watchmaker(clock=clock, kernel=lambda: True)
        repository = Repository(Path(folder), root, DiskFiles(), watch)
        trusted = repository.refresh(place.read)
        look = _Look(place, repository)
        for one in trusted.releases:
            look.at(one.listing)
        roles = _roles(repository, trusted.versions, clock)
    left_out = [Lacking(path=one.path, why=one.why) for one in trusted.left_out]
    lacking = (*left_out, *look.lacking)
    return Verified(
        place=text,
        ok=not lacking,
        releases=tuple(offered(one.listing, clock.utc()) for one in trusted.releases),
        roles=roles,
        files=look.files,
        lacking=lacking,
        resumes=look.resumes(),
    )


class _Look:
    """What was looked for, and not found."""

    def __init__(self, place: Place, repository: Repository) -> None:
        self._place = place
        self._repository = repository
        self._blobs: dict[str, int] = {}
        self._targets = 0
        self.lacking: list[Lacking] = []

    @property
    def files(self) -> int:
        """How many files there should be."""
        return self._targets + len(self._blobs)

    def at(self, listing: Listing) -> None:
        """Look for every file of a release; what was looked for is not again."""
        self._target(manifest_path(listing.model, listing.seq))
        path = chunks_path(listing.model, listing.seq)
        data = self._target(path)
        if data is None:
            return
        try:
            index = msgspec.json.decode(data, type=ChunkIndex)
        except UNREADABLE:
            self.lacking.append(Lacking(path=path, why="it is no chunk index"))
            return
        for file in index.files.values():
            if file.sha256 not in self._blobs:
                self._blobs[file.sha256] = file.size
                self._blob(f"{_BLOBS}{file.sha256}", file.size)

    def resumes(self) -> bool | None:
        """Try whether a download that was cut can go on."""
        for sha256, size in self._blobs.items():
            if size:
                try:
                    return self._place.resumes(f"{_BLOBS}{sha256}")
                except NotFetched:
                    continue
        return None

    def _target(self, path: str) -> bytes | None:
        self._targets += 1
        try:
            return self._repository.target(path, self._place.read)
        except (NotFetched, Untrusted) as error:
            self.lacking.append(Lacking(path=path, why=_why(error)))
            return None

    def _blob(self, path: str, size: int) -> None:
        try:
            found = self._place.size(path)
        except NotFetched as error:
            self.lacking.append(Lacking(path=path, why=_why(error)))
            return
        if found != size:
            why = f"it has {found} bytes, and should have {size}"
            self.lacking.append(Lacking(path=path, why=why))


def _roles(
    repository: Repository, versions: dict[str, int], clock: Clock
) -> tuple[RoleState, ...]:
    """Tell when each role's document expires, as it was verified."""
    held = repository.documents()
    names = {
        role: "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
        for role, version in versions.items()
    }
    return tuple(
        role_state(Metadata[Any].from_bytes(held[names[kind.type]]).signed, clock.utc())
        for kind in (Root, Targets, Snapshot, Timestamp)
    )


def _why(error: NotFetched | Untrusted) -> str:
    return error.message.partition(": ")[2] or error.message


def first_root(path: Path) -> bytes:
    """Read the root that boxes have.

    Raises:
        NoInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as exc:
        raise NoInput(
            f"cannot read {path}: {(exc.strerror or str(exc)).lower()}",
            hint="name the root.json that boxes have by --root",
        ) from exc
