"""What a device would see of a repository, and whether it would get all of it.

Law: looks with the eyes of a device that has nothing but the root: the same code, and
nothing of the publisher's folder. Changes nothing. Blocking.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, TargetFile
from tuf.ngclient import FetcherInterface, Updater

from edged.errors import NoInput, NotFetched, Untrusted
from edged.publish.documents import Lacking, Verified
from edged.publish.listings import listings, offered
from edged.publish.places import Place
from edged.publish.publisher import role_state
from edged.publish.shelf import target_name
from edged.wire.listing import ChunkIndex, Listing, chunks_path, manifest_path
from edged.wire.updates import Reason

_ROLES = ("root", "targets", "snapshot", "timestamp")

#: Larger than what a device takes of any document, which is bounded by TUF's client.
_MOST_BYTES = 5_000_000


def verify(text: str, place: Place, root: bytes, now: datetime) -> Verified:
    """Look at a repository as a device does.

    Args:
        text: how a person names it.
        place: where it is.
        root: the first root, as boxes have it.
        now: for who asks how long signatures still hold.

    Raises:
        Untrusted: a device would not believe it.
        NotFetched: its metadata cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="edged-verify-") as folder:
        updater = _refreshed(Path(folder), place, root, now)
        papers = [
            Metadata[Any].from_file(str(Path(folder) / f"{role}.json"))
            for role in _ROLES
        ]
        targets = papers[1].signed.targets
        found = listings(targets)
        _look = _Look(place, updater)
        for listing in found:
            _look.at(listing, targets)
    return Verified(
        place=text,
        ok=not _look.lacking,
        releases=tuple(offered(one, now) for one in found),
        roles=tuple(role_state(paper.signed, now) for paper in papers),
        files=_look.files,
        lacking=tuple(_look.lacking),
        resumes=_look.resumes(),
    )


class _Look:
    """What was looked for, and not found."""

    def __init__(self, place: Place, updater: Updater) -> None:
        self._place = place
        self._updater = updater
        self._sizes: dict[str, int] = {}
        self.lacking: list[Lacking] = []

    @property
    def files(self) -> int:
        """How many files there should be."""
        return len(self._sizes)

    def at(self, listing: Listing, targets: dict[str, TargetFile]) -> None:
        """Look for every file of a release; what was looked for is not again."""
        for path in (
            manifest_path(listing.model, listing.seq),
            chunks_path(listing.model, listing.seq),
        ):
            data = self._target(targets.get(path), path)
            if data is not None and path == chunks_path(listing.model, listing.seq):
                self._blobs(data, path)

    def resumes(self) -> bool | None:
        """Try whether a download that was cut can go on."""
        for path, size in self._sizes.items():
            if size:
                try:
                    return self._place.resumes(path)
                except NotFetched:
                    continue
        return None

    def _target(self, target: TargetFile | None, path: str) -> bytes | None:
        if target is None:
            self.lacking.append(Lacking(path=path, why="it is not signed"))
            return None
        name = f"targets/{target_name(target)}"
        self._sizes[name] = target.length
        try:
            data = b"".join(self._place.read(name, target.length))
            target.verify_length_and_hashes(data)
        except NotFetched as error:
            self.lacking.append(Lacking(path=name, why=_why(error)))
        except RepositoryError:
            self.lacking.append(Lacking(path=name, why="its bytes are others"))
        else:
            return data
        return None

    def _blobs(self, data: bytes, path: str) -> None:
        try:
            index = msgspec.json.decode(data, type=ChunkIndex)
        except msgspec.MsgspecError:
            self.lacking.append(Lacking(path=path, why="it is no chunk index"))
            return
        for file in index.files.values():
            name = f"blobs/{file.sha256}"
            if name in self._sizes:
                continue
            self._sizes[name] = file.size
            try:
                size = self._place.size(name)
            except NotFetched as error:
                self.lacking.append(Lacking(path=name, why=_why(error)))
                continue
            if size != file.size:
                why = f"it has {size} bytes, and should have {file.size}"
                self.lacking.append(Lacking(path=name, why=why))


class _Fetcher(FetcherInterface):
    """Hands TUF's client what a place has."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.failure: NotFetched | None = None

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield from self._place.read(url.lstrip("/"), _MOST_BYTES)
        except NotFetched as error:
            if error.fields.get("reason") == Reason.NOT_FOUND.value:
                raise DownloadHTTPError(error.message, 404) from error
            self.failure = error
            raise


def _refreshed(folder: Path, place: Place, root: bytes, now: datetime) -> Updater:
    fetcher = _Fetcher(place)
    try:
        updater = Updater(
            metadata_dir=str(folder),
            metadata_base_url="/metadata/",
            fetcher=fetcher,
            bootstrap=root,
        )
        updater._trusted_set.reference_time = now  # noqa: SLF001  # no other way
        updater.refresh()
    except DownloadError as exc:
        raise fetcher.failure or NotFetched(
            f"cannot read its metadata: {exc}", reason=Reason.NOT_FOUND.value
        ) from exc
    except RepositoryError as exc:
        raise Untrusted(
            f"cannot trust it: {exc}", reason=Reason.BAD_METADATA.value
        ) from exc
    return updater


def _why(error: NotFetched) -> str:
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
