"""Targets <-> the releases that they list.

Law: pure. A target without a listing is somebody else's and is left as it is.
"""

from collections.abc import Mapping
from datetime import datetime

from tuf.api.metadata import TargetFile

from edged.errors import Conflict, UnknownVersion
from edged.publish.documents import Offered
from edged.publish.when import share
from edged.trust.listings import releases
from edged.wire.listing import Listing, custom_of, manifest_path

Targets = dict[str, TargetFile]


def listings(targets: Mapping[str, TargetFile]) -> tuple[Listing, ...]:
    """Return what is listed, as a device reads it, by model and number."""
    found, _ = releases(targets)
    return tuple(one.listing for one in found)


def highest(targets: Mapping[str, TargetFile], model: str) -> int | None:
    """Return a model's newest number; None where it has none."""
    return max((o.seq for o in listings(targets) if o.model == model), default=None)


def find(targets: Mapping[str, TargetFile], model: str, seq: int) -> Listing:
    """Return one release.

    Raises:
        UnknownVersion: it is not listed.
    """
    known = {one.seq: one for one in listings(targets) if one.model == model}
    if seq not in known:
        numbers = ", ".join(map(str, known)) or "none"
        raise UnknownVersion(
            f"cannot find release {seq} of {model}: listed are {numbers}",
            hint="edgectl publish list",
        )
    return known[seq]


def check_next(targets: Mapping[str, TargetFile], model: str, seq: int) -> None:
    """Refuse a number that no device would take for an update.

    Raises:
        Conflict: it is not higher than all there are.
    """
    newest = highest(targets, model)
    if newest is not None and seq <= newest:
        raise Conflict(
            f"cannot publish release {seq} of {model}: {newest} is listed, and numbers "
            "must grow",
            hint=f"write `seq: {newest + 1}` into model.yaml",
        )


def listed(targets: Mapping[str, TargetFile], listing: Listing) -> Targets:
    """Return targets that say this of a release."""
    path = manifest_path(listing.model, listing.seq)
    old = targets[path]
    fresh = TargetFile(old.length, old.hashes, path, {"custom": custom_of(listing)})
    return {**targets, path: fresh}


def offered(listing: Listing, now: datetime) -> Offered:
    """Return a release as people are told of it."""
    return Offered(
        model=listing.model,
        seq=listing.seq,
        version=listing.version,
        size_bytes=listing.size_bytes,
        issued=listing.issued,
        starts=listing.starts,
        rollout=listing.rollout,
        share=share(listing, now),
        halted=listing.halted,
        revoked=listing.revoked,
        mandatory_by=listing.mandatory_by,
        changelog=listing.changelog,
    )
