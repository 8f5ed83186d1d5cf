"""What devices will see of a publisher's folder: documents that agree, and their files.

Law: looks, and changes nothing. A view begins at the timestamp, as a device does; what
it does not lead to is not in it. Only a view is ever pushed or bundled.
"""

from datetime import datetime
from pathlib import Path

import msgspec
from tuf.api.metadata import (
    Metadata,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from edged.errors import BadRelease, Conflict
from edged.host.files import store_errors
from edged.publish.home import Home
from edged.publish.listings import listings
from edged.publish.office import waiting_for
from edged.publish.papers import Papers
from edged.publish.shelf import target_name
from edged.wire.listing import ChunkIndex, Listing, chunks_path, manifest_path
from edged.wire.words import utc_text


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Documents that agree.

    Attributes:
        roots: versions of all roots there are, ascending.
    """

    roots: tuple[int, ...]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]
    timestamp: Metadata[Timestamp]

    @property
    def releases(self) -> tuple[Listing, ...]:
        """What is listed."""
        return listings(self.targets.signed.targets)


def view(papers: Papers, now: datetime) -> View:
    """Return what a device would see, now.

    Raises:
        Conflict: the documents do not agree, as one waits for a signature; or one has
            expired.
        NoInput: the folder is no publisher's.
        BadRelease: a document is damaged.
        StoreFailed: a document cannot be read.
    """
    root = papers.root().signed
    timestamp = papers.newest(Timestamp)
    if timestamp is None:
        raise _unfinished("timestamp")
    snapshot = papers.at(Snapshot, timestamp.signed.snapshot_meta.version)
    if snapshot is None:
        raise _unfinished("snapshot")
    targets = papers.at(Targets, snapshot.signed.meta["targets.json"].version)
    if targets is None:
        raise _unfinished("targets")
    for paper in (timestamp, snapshot, targets):
        if waiting_for(root, paper) is not None:
            raise _unfinished(paper.signed.type)
    for signed in (root, targets.signed, snapshot.signed, timestamp.signed):
        if signed.is_expired(now):
            raise _expired(signed)
    return View(
        roots=papers.roots(), snapshot=snapshot, targets=targets, timestamp=timestamp
    )


def target_files(view: View, home: Home, listing: Listing) -> list[Path]:
    """Return where the targets of a release lie.

    Raises:
        BadRelease: one is missing or damaged.
        StoreFailed: one cannot be read.
    """
    return [
        _whole(home, view.targets.signed.targets[path])[0]
        for path in (
            chunks_path(listing.model, listing.seq),
            manifest_path(listing.model, listing.seq),
        )
    ]


def blob_files(view: View, home: Home, listing: Listing) -> list[Path]:
    """Return where the files of a release lie, each once.

    Raises:
        BadRelease: one is missing or damaged.
        StoreFailed: one cannot be read.
    """
    target = view.targets.signed.targets[chunks_path(listing.model, listing.seq)]
    _, data = _whole(home, target)
    found = {}
    for name, file in msgspec.json.decode(data, type=ChunkIndex).files.items():
        path = home.blobs / file.sha256
        if not path.is_file() or path.stat().st_size != file.size:
            raise BadRelease(
                f"cannot offer {listing.model} {listing.version}: its {name} is not "
                f"there as {path}, with {file.size} bytes",
                hint=f"put the file back, or `edgectl publish revoke {listing.model} "
                f"{listing.seq} --why lost`",
            )
        found[file.sha256] = path
    return [found[sha256] for sha256 in sorted(found)]


def _unfinished(role: str) -> Conflict:
    return Conflict(
        f"cannot offer this: the {role} is not signed as the newest root asks for",
        hint="`edgectl publish sign`, or `edgectl publish renew` where its key is",
    )


def _expired(signed: Signed) -> Conflict:
    by_hand = signed.type in {Root.type, Targets.type}
    step = f"sign {signed.type}" if by_hand else "renew"
    return Conflict(
        f"cannot offer this: {signed.type} {signed.version} has expired, on "
        f"{utc_text(signed.expires)}, and devices would refuse it",
        hint=f"edgectl publish {step}",
    )


def _whole(home: Home, target: TargetFile) -> tuple[Path, bytes]:
    path = home.targets / target_name(target)
    with store_errors("read", path):
        data = path.read_bytes() if path.is_file() else b""
    if TargetFile.from_data(target.path, data, ["sha256"]).hashes != target.hashes:
        raise BadRelease(
            f"cannot offer {target.path}: {path} is missing or damaged",
            hint="put the file back from where it was pushed to",
        )
    return path, data
