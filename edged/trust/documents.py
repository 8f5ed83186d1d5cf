"""Signed metadata at rest: how its files are called, and how far it holds together.

Law: pure. A document counts only if it follows from the root that the administrator
gave, by signatures; whether it has expired is not looked at. Names are those of a
repository with consistent snapshots, which a signed release carries too:

    N.root.json   timestamp.json   N.snapshot.json   N.targets.json
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from edged.errors import Untrusted
from edged.trust.floor import Floor
from edged.wire.listing import CUSTOM
from edged.wire.unreadable import UNREADABLE
from edged.wire.updates import Reason
from edged.wire.words import read_utc

TIMESTAMP = "timestamp.json"

#: Documents of the four roles; others are of delegated ones.
_TOP = re.compile(r"(?:([1-9][0-9]{0,9})\.)?(root|timestamp|snapshot|targets)\.json")

_Role = TypeVar("_Role", Timestamp, Snapshot, Targets)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Documents that follow from a root, as far as they do.

    Attributes:
        documents: their bytes, by name.
        root: the newest.
        timestamp, snapshot, targets: each named by the one before; None where it is
            missing or does not hold.
    """

    documents: dict[str, bytes]
    root: Root
    timestamp: Timestamp | None = None
    snapshot: Snapshot | None = None
    targets: Targets | None = None

    @property
    def versions(self) -> dict[str, int]:
        """Return the version of each role that is there."""
        parts = (self.root, self.timestamp, self.snapshot, self.targets)
        return {part.type: part.version for part in parts if part is not None}

    @property
    def expires(self) -> tuple[datetime, str]:
        """Return when the first of them expires, and its role."""
        parts = (self.root, self.timestamp, self.snapshot, self.targets)
        return min((part.expires, part.type) for part in parts if part is not None)

    def floor(self, seen: datetime | None = None) -> Floor:
        """Return the least to believe after this was verified, by what it names, too.

        Args:
            seen: a good time at which none of it had expired.
        """
        snapshot = targets = 0
        if self.timestamp is not None:
            snapshot = self.timestamp.snapshot_meta.version
        if self.snapshot is not None:
            targets = self.snapshot.meta["targets.json"].version
        roles = (self.root.roles[Timestamp.type], self.root.roles[Snapshot.type])
        return Floor(
            root=self.root.version,
            timestamp=self.timestamp.version if self.timestamp is not None else 0,
            snapshot=snapshot,
            targets=targets,
            keys=tuple(sorted({key for role in roles for key in role.keyids})),
            issued=self._issued(),
            seen=seen,
        )

    def _issued(self) -> datetime | None:
        found = []
        for part in (self.timestamp, self.snapshot, self.targets):
            fields = part.unrecognized_fields.get(CUSTOM) if part is not None else None
            text = fields.get("issued") if isinstance(fields, dict) else None
            at = read_utc(text) if isinstance(text, str) else None
            # One by which the set itself has expired is a slip of the publisher's
            # clock, and would make all else expired, too.
            if at is not None and at <= self.expires[0]:
                found.append(at)
        return max(found, default=None)


def hold(anchor: bytes, documents: Mapping[str, bytes]) -> Held:
    """Follow documents from a root as far as they hold.

    Raises:
        Untrusted: the root itself does not.
    """
    root = _anchor(anchor)
    kept = {f"{root.version}.root.json": anchor}
    while (data := documents.get(name := f"{root.version + 1}.root.json")) is not None:
        after = _next_root(root, data)
        if after is None:
            break
        root, kept[name] = after, data
    timestamp = _load(Timestamp, root, documents.get(TIMESTAMP))
    if timestamp is None:
        return Held(documents=kept, root=root)
    kept[TIMESTAMP] = documents[TIMESTAMP]
    meta = timestamp.snapshot_meta
    name = f"{meta.version}.snapshot.json"
    snapshot = _load(Snapshot, root, _matching(meta, documents.get(name)))
    if (
        snapshot is None
        or snapshot.version != meta.version
        or "targets.json" not in snapshot.meta
    ):
        return Held(documents=kept, root=root, timestamp=timestamp)
    kept[name] = documents[name]
    meta = snapshot.meta["targets.json"]
    name = f"{meta.version}.targets.json"
    targets = _load(Targets, root, _matching(meta, documents.get(name)))
    if targets is not None and targets.version == meta.version:
        kept[name] = documents[name]
    else:
        targets = None
    return Held(
        documents=kept,
        root=root,
        timestamp=timestamp,
        snapshot=snapshot,
        targets=targets,
    )


def name_of(role: str, data: bytes) -> str:
    """Return the name of a role's document, by the version that it says it has."""
    return TIMESTAMP if role == "timestamp" else f"{version_in(data)}.{role}.json"


def role_of(name: str) -> str | None:
    """Return the top role that a document is of; None for any other name."""
    match = _TOP.fullmatch(name)
    return match[2] if match else None


def version_in(data: bytes) -> int | None:
    """Return the version that a document says it has, believed or not."""
    try:
        version = msgspec.json.decode(data, type=_Any).signed.version
    except UNREADABLE:
        return None
    return version


class _Signed(msgspec.Struct, frozen=True, kw_only=True):
    version: int


class _Any(msgspec.Struct, frozen=True, kw_only=True):
    signed: _Signed


def _anchor(data: bytes) -> Root:
    try:
        found: Metadata[Root] = Metadata.from_bytes(data)
        if found.signed.type != Root.type:
            raise RepositoryError(f"it is of the role {found.signed.type}")
        found.signed.verify_delegate(Root.type, found.signed_bytes, found.signatures)
    except (RepositoryError, ValueError) as exc:
        raise Untrusted(
            f"cannot trust anything: the root of this source does not hold: {exc}",
            hint="get `root.json` from the publisher anew",
            reason=Reason.NO_ROOT.value,
        ) from exc
    return found.signed


def _next_root(root: Root, data: bytes) -> Root | None:
    try:
        found: Metadata[Root] = Metadata.from_bytes(data)
        fresh = found.signed
        if fresh.type != Root.type or fresh.version != root.version + 1:
            return None
        for signer in (root, fresh):
            signer.verify_delegate(Root.type, found.signed_bytes, found.signatures)
    except (RepositoryError, ValueError):
        return None
    return fresh


def _load(kind: type[_Role], root: Root, data: bytes | None) -> _Role | None:
    if data is None:
        return None
    try:
        found: Metadata[_Role] = Metadata.from_bytes(data)
        if found.signed.type != kind.type:
            return None
        root.verify_delegate(kind.type, found.signed_bytes, found.signatures)
    except (RepositoryError, ValueError):
        return None
    return found.signed


def _matching(meta: object, data: bytes | None) -> bytes | None:
    try:
        if data is not None:
            meta.verify_length_and_hashes(data)  # type: ignore[attr-defined]
    except RepositoryError:
        return None
    return data
