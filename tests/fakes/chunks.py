"""Files in chunks, as a publisher's index says them."""

import hashlib
import random

from edged.wire.listing import CHUNK_BYTES, Chunked


def content(size: int, seed: int = 0) -> bytes:
    """Return bytes that look like nothing, the same each time."""
    return random.Random(seed).randbytes(size)  # noqa: S311  # not for secrets


def chunked(data: bytes) -> Chunked:
    """Return what an index says of a file."""
    pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    return Chunked(
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        chunks=tuple(hashlib.sha256(piece).hexdigest() for piece in pieces),
    )


def unindexed(data: bytes) -> Chunked:
    """Return what is known of a file without an index."""
    return Chunked(sha256=hashlib.sha256(data).hexdigest(), size=len(data), chunks=())


def piece(data: bytes, index: int) -> bytes:
    """Return one chunk."""
    return data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
