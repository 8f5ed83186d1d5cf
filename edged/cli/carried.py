"""A publisher's repository that somebody carries: a folder, or a tar of one.

Law: reads, and trusts nothing: what is signed is for the daemon to judge. Whatever
lies there, only NoInput and BadBundle come out, and memory is bounded.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from edged.errors import BadBundle, NoInput, UnknownModel
from edged.store.sending import Slice, readable
from edged.store.signed import MAX_BYTES, pack_signed
from edged.store.stream import GZIP
from edged.store.tar import Kind, places
from edged.wire.listing import (
    ChunkIndex,
    Listing,
    Sha256,
    chunks_path,
    manifest_path,
    read_custom,
)
from edged.wire.unreadable import UNREADABLE

#: A manifest or an index: the index of 8 GiB is 2 MiB.
_TARGET_MAX = 8 << 20

#: Members of a tar. A release has a few, a repository some thousands.
_MEMBERS_MAX = 1 << 17

_HINT = (
    "`edgectl publish bundle` writes such a tar; a folder has metadata/, targets/ and "
    "blobs/"
)

T = TypeVar("T")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One release that lies there whole.

    Attributes:
        documents: signed metadata by name, for the daemon.
        manifest: the bytes of its `model.yaml`.
        sha256: of each of its files, by name.
    """

    listing: Listing
    documents: Mapping[str, bytes]
    manifest: bytes
    sha256: Mapping[str, str]

    def __str__(self) -> str:
        one = self.listing
        return f"{one.model} {one.version} (seq {one.seq})"


class Shelf(Protocol):
    """Where files lie by their names in the repository."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the files directly in a folder."""

    def find(self, name: str) -> Path | Slice | None:
        """Return where a file is; None where it is not."""


class Carried:
    """A repository.

    Args:
        path: of the folder or the tar.

    Raises:
        NoInput: it cannot be read.
        BadBundle: it is neither.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with readable(path):
            is_folder = path.is_dir()
            path.stat()
        self._shelf: Shelf = _Folder(path) if is_folder else _Tar(path)
        self._hashes: dict[str, str] = {}  # of targets, by path
        self._targets = ""  # name of the document that lists them
        self._documents = self._chain()

    def releases(self, model: str | None) -> tuple[Release, ...]:
        """Return the newest release of each model that may be taken and lies here.

        Args:
            model: of this one alone.

        Raises:
            UnknownModel: nothing of it is listed, or can be taken.
            BadBundle: what is listed is not what a publisher writes.
        """
        listed = self._listed()
        newest: dict[str, Release] = {}
        for listing in sorted(listed, key=lambda one: -one.seq):
            wanted = model in (None, listing.model) and listing.model not in newest
            if not wanted or listing.halted or listing.revoked:
                continue
            release = self._release(listing)
            if release is not None:
                newest[listing.model] = release
        if not newest:
            known = ", ".join(sorted({one.model for one in listed})) or "nothing"
            raise UnknownModel(
                f"cannot import {model or 'anything'} from {self._path}: listed is "
                f"{known}, and no release that may be taken lies there",
                hint=_HINT,
            )
        return tuple(newest[name] for name in sorted(newest))

    def packed(self, release: Release, have: Collection[str]) -> Iterator[bytes]:
        """Return the tar of a release, without the files that the box has.

        Args:
            release: one of `releases`.
            have: sha256 of files that need not be sent.

        Raises:
            NoInput: a file is missing.
        """
        files = {}
        for name, sha256 in release.sha256.items():
            if sha256 in have:
                continue
            found = self._shelf.find(f"blobs/{sha256}")
            if found is None:
                raise NoInput(
                    f"cannot import {release}: its {name} is not there, as "
                    f"blobs/{sha256} of {self._path}",
                    hint="copy the whole again",
                )
            files[name] = found
        return pack_signed(release.documents, release.manifest, files)

    # --- documents -----------------------------------------------------------------

    def _chain(self) -> dict[str, bytes]:
        """Return every root, and what the timestamp leads to."""
        stamp = self._document("timestamp.json")
        snapshot = f"{_version(stamp, 'snapshot.json')}.snapshot.json"
        told = self._document(snapshot)
        targets = f"{_version(told, 'targets.json')}.targets.json"
        found = {
            "timestamp.json": stamp,
            snapshot: told,
            targets: self._document(targets),
        }
        for name in self._shelf.names("metadata"):
            if re.fullmatch(r"[1-9][0-9]{0,8}\.root\.json", name):
                found[name] = self._document(name)
        self._targets = targets
        return found

    def _document(self, name: str) -> bytes:
        data = self._read(f"metadata/{name}", MAX_BYTES)
        if data is None:
            raise BadBundle(
                f"cannot import from {self._path}: it has no metadata/{name}",
                hint=_HINT,
            )
        return data

    def _listed(self) -> tuple[Listing, ...]:
        with _understood(self._targets):
            targets = msgspec.json.decode(
                self._documents[self._targets], type=_Signed[_Targets]
            ).signed.targets
        self._hashes = {
            path: target.hashes["sha256"]
            for path, target in targets.items()
            if "sha256" in target.hashes
        }
        found = []
        for path, target in targets.items():
            try:
                listing = read_custom(target.custom)
            except msgspec.ValidationError:  # another kind of target
                continue
            if path == manifest_path(listing.model, listing.seq):
                found.append(listing)
        return tuple(found)

    def _release(self, listing: Listing) -> Release | None:
        """Return a release; None where it does not lie here, but is listed alone."""
        manifest = self._target(manifest_path(listing.model, listing.seq))
        index = self._target(chunks_path(listing.model, listing.seq))
        if manifest is None or index is None:
            return None
        with _understood(chunks_path(listing.model, listing.seq)):
            files = msgspec.json.decode(index, type=ChunkIndex).files
        return Release(
            listing=listing,
            documents=self._documents,
            manifest=manifest,
            sha256={name: file.sha256 for name, file in files.items()},
        )

    def _target(self, path: str) -> bytes | None:
        sha256 = self._hashes.get(path)
        if sha256 is None:
            return None
        folder, _, name = path.rpartition("/")
        return self._read(f"targets/{folder}/{sha256}.{name}", _TARGET_MAX)

    def _read(self, name: str, max_bytes: int) -> bytes | None:
        found = self._shelf.find(name)
        if found is None:
            return None
        path = found if isinstance(found, Path) else found.path
        with readable(path), path.open("rb") as file:
            size = max_bytes + 1
            if isinstance(found, Slice):
                file.seek(found.begin)
                size = min(size, found.size)
            data = file.read(size)
        if len(data) > max_bytes:
            raise BadBundle(
                f"cannot import from {self._path}: its {name} is larger than "
                f"{max_bytes} bytes"
            )
        return data


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, folder: str) -> list[str]:
        with readable(self._root / folder):
            return sorted(path.name for path in (self._root / folder).iterdir())

    def find(self, name: str) -> Path | None:
        path = self._root / name
        with readable(path):
            return path if path.is_file() else None


class _Tar:
    def __init__(self, path: Path) -> None:
        self._members: dict[str, Slice] = {}
        with readable(path), path.open("rb") as file:
            if file.read(len(GZIP)) == GZIP:
                raise BadBundle(
                    f"cannot import from {path}: it is compressed, and its files "
                    "cannot be found without unpacking it all",
                    hint=f"gunzip {path}",
                )
            file.seek(0)
            for member, begin in places(file):
                if len(self._members) == _MEMBERS_MAX:
                    raise BadBundle(
                        f"cannot import from {path}: it has more than {_MEMBERS_MAX} "
                        "files"
                    )
                if member.kind is Kind.FILE:
                    self._members[member.name.removeprefix("./")] = Slice(
                        path=path, begin=begin, size=member.size
                    )

    def names(self, folder: str) -> list[str]:
        found = (name.rpartition("/") for name in self._members)
        return sorted(name for parent, _, name in found if parent == folder)

    def find(self, name: str) -> Slice | None:
        return self._members.get(name)


# --- what is read of signed documents --------------------------------------------


class _Meta(msgspec.Struct, frozen=True):
    version: int


class _Named(msgspec.Struct, frozen=True):
    meta: dict[str, _Meta]


class _Target(msgspec.Struct, frozen=True):
    hashes: dict[str, Sha256]
    custom: object = None


class _Targets(msgspec.Struct, frozen=True):
    targets: dict[str, _Target]


class _Signed(msgspec.Struct, Generic[T], frozen=True):
    signed: T


def _version(document: bytes, name: str) -> int:
    with _understood(name):
        meta = msgspec.json.decode(document, type=_Signed[_Named]).signed.meta
    if name not in meta:
        raise BadBundle(f"cannot import: the metadata names no {name}", hint=_HINT)
    return meta[name].version


@contextmanager
def _understood(name: str) -> Iterator[None]:
    try:
        yield
    # ValueError: msgspec says of text that is no UTF-8 what the codec says.
    except (*UNREADABLE, ValueError) as exc:
        raise BadBundle(f"cannot understand {name}: {exc}", hint=_HINT) from exc
