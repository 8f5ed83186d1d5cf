"""What a publisher signs about a release."""

import msgspec
import pytest

from edged.wire.listing import (
    CHUNK_BYTES,
    Chunked,
    ChunkIndex,
    Listing,
    Stage,
    chunks_path,
    manifest_path,
)

SUM = "ab" * 32


def test_a_flush_unit_is_within_the_promise() -> None:
    """At most 1 MiB is fetched again after a cut."""
    assert (1 << 20) >= CHUNK_BYTES
    assert CHUNK_BYTES == ChunkIndex(files={}).chunk_bytes


def test_targets_of_a_release_stand_side_by_side() -> None:
    """By model and `seq`."""
    assert "models/digits/14/model.yaml" == manifest_path("digits", 14)
    assert "models/digits/14/chunks.json" == chunks_path("digits", 14)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Stage, {"share": 1.1, "after_s": 0}),
        (Stage, {"share": 0.1, "after_s": -1}),
        (Chunked, {"sha256": "AB" * 32, "size": 0, "chunks": []}),
        (Chunked, {"sha256": SUM, "size": -1, "chunks": []}),
        (Chunked, {"sha256": SUM, "size": 1, "chunks": ["x"]}),
        (
            Listing,
            {
                "model": "../x",
                "version": "1",
                "seq": 1,
                "size_bytes": 1,
                "issued": "",
                "starts": "",
            },
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(kind: type, data: dict[str, object]) -> None:
    """Bounds stand in the types."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, kind)


def test_a_newer_publisher_may_say_more() -> None:
    """Unknown keys are let pass."""
    data = {"share": 0.5, "after_s": 60, "weather": "fine"}

    assert Stage(share=0.5, after_s=60) == msgspec.convert(data, Stage)
