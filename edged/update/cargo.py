"""What a release consists of, and which of it must come over the network.

Law: pure. What signed documents say is held against each other before the first byte:
the daemon would refuse it after the last one.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from edged.errors import BadBundle, NotFetched
from edged.store.manifest import read_manifest
from edged.update.moves import Wanted
from edged.update.source import Described
from edged.wire.listing import CHUNK_BYTES, Chunked
from edged.wire.updates import Reason


def check(wanted: Wanted, described: Described) -> None:
    """Check that manifest and index speak of the release that was chosen.

    Raises:
        NotFetched: `not-understood`: they contradict each other, and its publisher may
            put that right.
    """
    if not described.manifest:
        (file,) = described.index.files.values()
        if file.sha256 != wanted.digest:
            raise _contradiction(wanted, "its one file is another")
        return
    try:
        manifest = read_manifest(described.manifest, "model.yaml")
    except BadBundle as error:
        raise _contradiction(wanted, error.message) from error
    if (manifest.name, manifest.seq) != (wanted.model, wanted.seq):
        raise _contradiction(
            wanted, f"its manifest is that of {manifest.name} seq {manifest.seq}"
        )
    index = described.index
    if index.chunk_bytes != CHUNK_BYTES:
        raise _contradiction(
            wanted,
            f"its index has chunks of {index.chunk_bytes} bytes; this edged reads "
            f"{CHUNK_BYTES}",
        )
    for name, entry in manifest.files.items():
        listed = index.files.get(name)
        if listed is None or (listed.sha256, listed.size) != (
            entry.sha256,
            entry.size,
        ):
            raise _contradiction(wanted, f"its index and its manifest differ on {name}")
        if listed.chunks and len(listed.chunks) != -(-listed.size // CHUNK_BYTES):
            raise _contradiction(
                wanted, f"its index lists another number of chunks of {name}"
            )
    if extra := index.files.keys() - manifest.files.keys():
        raise _contradiction(wanted, f"its manifest does not name {min(extra)}")


def missing(described: Described, had: AbstractSet[str]) -> dict[str, Chunked]:
    """Return the files that the daemon has not got, by name.

    Args:
        described: the release.
        had: sha256 of what the daemon has.
    """
    return {
        name: file
        for name, file in described.index.files.items()
        if file.sha256 not in had
    }


def by_digest(files: Mapping[str, Chunked]) -> dict[str, Chunked]:
    """Return files by what is in them: two of the same bytes are fetched once."""
    return {file.sha256: file for file in files.values()}


def total_bytes(described: Described) -> int:
    """Return the size of a release: every file once."""
    return sum(file.size for file in by_digest(described.index.files).values())


def _contradiction(wanted: Wanted, why: str) -> NotFetched:
    return NotFetched(
        f"cannot take {wanted}: {why}",
        hint="ask its publisher to sign it again",
        reason=Reason.NOT_UNDERSTOOD.value,
    )
