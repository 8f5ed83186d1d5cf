"""What a publisher signs about a release."""

import json

import msgspec
import pytest
from securesystemslib.formats import encode_canonical

from edged.wire.listing import (
    CHUNK_BYTES,
    Chunked,
    ChunkIndex,
    Listing,
    Stage,
    chunks_path,
    custom_of,
    manifest_path,
    read_custom,
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


def test_a_listing_can_be_signed_and_reads_back() -> None:
    """The canonical form knows no fractions: they are text, and numbers again."""
    listing = Listing(
        model="digits",
        version="1.0",
        seq=3,
        size_bytes=7,
        issued="2026-01-01T00:00:00Z",
        starts="2026-01-01T00:00:00Z",
        rollout=(Stage(share=0.015, after_s=0.0), Stage(share=1.0, after_s=0.5)),
        arch=("aarch64",),
    )

    custom = custom_of(listing)

    assert encode_canonical(custom)
    assert listing == read_custom(json.loads(json.dumps(custom)))


@pytest.mark.parametrize("custom", [None, [], {}, {"edged": 7}, {"edged": {}}])
def test_a_target_of_somebody_else_is_no_listing(custom: object) -> None:
    """Whatever it says."""
    with pytest.raises(msgspec.ValidationError):
        read_custom(custom)
