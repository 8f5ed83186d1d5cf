"""Targets of a repository -> the releases that it offers.

Law: pure, and reads what was verified. One entry that nobody can read hides no other:
it is left out, with its reason.
"""

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec
from tuf.api.metadata import TargetFile

from edged.wire.listing import Listing, read_custom
from edged.wire.updates import Reason
from edged.wire.words import read_utc

_MANIFEST = re.compile(r"models/([^/]+)/([0-9]{1,18})/model\.yaml")
_SHA256 = re.compile(r"[0-9a-f]{64}")

#: Of a listing, that this edged reads.
_FORMAT = 1


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """One release, as it was signed.

    Attributes:
        path: of its manifest among the targets.
        sha256: of the manifest, hex.
        size: of the manifest, in bytes.
    """

    listing: Listing
    path: str
    sha256: str
    size: int


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is no release for this edged, and why."""

    path: str
    why: str
    reason: Reason = Reason.BAD_METADATA


class Trusted(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository says, verified.

    Attributes:
        versions: of its metadata, by role.
        releases: by model and number, ascending.
        left_out: entries that cannot be used.
        clock: what is thought of the box's clock: `right`, `behind`, `unknown`.
        at: the time that expiry was held against.
        expired: whether some of it has expired by then.
        expires: when the first of it does.
    """

    versions: dict[str, int]
    releases: tuple[Signed, ...]
    left_out: tuple[LeftOut, ...]
    clock: str
    at: datetime
    expired: bool
    expires: datetime


def releases(
    targets: Mapping[str, TargetFile],
) -> tuple[tuple[Signed, ...], tuple[LeftOut, ...]]:
    """Return the releases that targets list, and what looks like one and is none.

    Targets with other names are somebody else's, or chunk indexes.
    """
    good: list[Signed] = []
    bad: list[LeftOut] = []
    for path, target in targets.items():
        match = _MANIFEST.fullmatch(path)
        if match is None:
            continue
        found = _signed(path, target, model=match[1], seq=int(match[2]))
        if isinstance(found, Signed):
            good.append(found)
        else:
            bad.append(found)
    good.sort(key=lambda one: (one.listing.model, one.listing.seq))
    return tuple(good), tuple(sorted(bad, key=lambda one: one.path))


def _signed(path: str, target: TargetFile, *, model: str, seq: int) -> Signed | LeftOut:
    try:
        listing = read_custom(target.custom)
    except msgspec.ValidationError as exc:
        return LeftOut(path=path, why=f"its listing cannot be read: {exc}")
    if listing.format != _FORMAT:
        return LeftOut(
            path=path,
            why=f"its listing has format {listing.format}; this edged reads {_FORMAT}",
            reason=Reason.NEEDS_EDGED,
        )
    if (listing.model, listing.seq) != (model, seq) or path != (
        f"models/{model}/{seq}/model.yaml"
    ):
        return LeftOut(
            path=path, why=f"its listing is of {listing.model} {listing.seq}"
        )
    for moment in (listing.issued, listing.starts, listing.mandatory_by):
        if moment is not None and read_utc(moment) is None:
            return LeftOut(path=path, why=f"{moment!r} in its listing is no time")
    sha256 = target.hashes.get("sha256", "")
    if not _SHA256.fullmatch(sha256):
        return LeftOut(path=path, why="it has no sha256")
    return Signed(listing=listing, path=path, sha256=sha256, size=target.length)
