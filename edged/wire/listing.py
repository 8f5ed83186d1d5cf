"""What a publisher signs about a release, beside its bytes.

Law: this is the `custom` part of a TUF target and the chunk index; both are read only
after their signatures were checked. Tolerant: a newer publisher may say more. Times are
RFC 3339 in UTC. Signed JSON has no fractions (OLPC's canonical form, which TUF signs,
knows whole numbers alone), so they stand there as text: read `custom` by `read_custom`.

A repository, on any static host:

    metadata/   N.root.json, timestamp.json, N.snapshot.json, N.targets.json
    targets/models/NAME/SEQ/HASH.model.yaml     the manifest; `custom` is a `Listing`
    targets/models/NAME/SEQ/HASH.chunks.json    a `ChunkIndex`
    blobs/SHA256                                every file of every release, once
"""

from typing import Annotated

import msgspec

from edged.wire.names import Name

#: How much of a file is checked, and written, at a time.
CHUNK_BYTES = 256 << 10

#: Key in `custom`, and of the extra fields of signed metadata.
CUSTOM = "edged"

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """From when on which share of all boxes may take a release.

    Attributes:
        share: 0 to 1.
        after_s: seconds after the listing's `starts`.
    """

    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    after_s: Annotated[float, msgspec.Meta(ge=0)]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One release, as its publisher offers it.

    Attributes:
        size_bytes: of all its files together, the manifest not counted.
        starts: when its roll-out begins.
        rollout: stages, ascending in both fields; empty: for all boxes at once.
        halted: nobody new takes it; who has it keeps it.
        revoked: why it must not run any more; empty for one that may.
        mandatory_by: when it no longer waits for windows and networks; None: never.
        changelog: for people.
        needs_edged, arch: as in the manifest's `needs`, so that a box can tell without
            fetching it.
    """

    format: int = 1
    model: Name
    version: str
    seq: Annotated[int, msgspec.Meta(ge=0)]
    size_bytes: int
    issued: str
    starts: str
    rollout: tuple[Stage, ...] = ()
    halted: bool = False
    revoked: str = ""
    mandatory_by: str | None = None
    changelog: str = ""
    needs_edged: str = ""
    arch: tuple[str, ...] = ()


class Chunked(msgspec.Struct, frozen=True, kw_only=True):
    """One file in pieces of `CHUNK_BYTES`, the last one shorter.

    Attributes:
        chunks: sha256 of each, hex, in order; none for an empty file.
    """

    sha256: Sha256
    size: Annotated[int, msgspec.Meta(ge=0)]
    chunks: tuple[Sha256, ...]


class ChunkIndex(msgspec.Struct, frozen=True, kw_only=True):
    """Every file of a release, by the name that its manifest gives it."""

    format: int = 1
    chunk_bytes: int = CHUNK_BYTES
    files: dict[str, Chunked]


def custom_of(listing: Listing) -> dict[str, object]:
    """Return a target's `custom` that says this."""
    fields = msgspec.to_builtins(listing)
    fields["rollout"] = [
        {"share": _signable(stage.share), "after_s": _signable(stage.after_s)}
        for stage in listing.rollout
    ]
    return {CUSTOM: fields}


def read_custom(custom: object) -> Listing:
    """Return what a target's `custom` says.

    Raises:
        msgspec.ValidationError: it is not a listing.
    """
    fields = custom.get(CUSTOM) if isinstance(custom, dict) else None
    return msgspec.convert(fields, Listing, strict=False)


def _signable(value: float) -> int | str:
    return int(value) if value == int(value) else repr(value)


def manifest_path(model: str, seq: int) -> str:
    """Name the target that is a release's `model.yaml`."""
    return f"models/{model}/{seq}/model.yaml"


def chunks_path(model: str, seq: int) -> str:
    """Name the target that is a release's chunk index."""
    return f"models/{model}/{seq}/chunks.json"
