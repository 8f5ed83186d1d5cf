"""Blobs and targets of a release on the real disk."""

import hashlib
from pathlib import Path

import msgspec

from edged.host.files import DiskFiles
from edged.publish.home import Home
from edged.publish.intake import taken
from edged.publish.shelf import Shelf, chunked, target_name
from edged.wire.listing import CHUNK_BYTES, ChunkIndex, chunks_path
from tests.fakes.publishing import small_bundle, states


def put(home: Home, bundle: Path) -> tuple[dict[str, bytes], int]:
    """Put a bundle's files in place; return targets by path, and what was new."""
    with taken(bundle, bare=None, work=home.work, files=DiskFiles()) as candidate:
        targets, new_bytes = Shelf(home, DiskFiles()).put(candidate)
    return {
        path: (home.targets / target_name(target)).read_bytes()
        for path, target in targets.items()
    }, new_bytes


def test_a_file_is_in_pieces_of_one_length(tmp_path: Path) -> None:
    """But the last; the pieces are those of the whole."""
    data = bytes(range(256)) * (CHUNK_BYTES // 256) + b"rest"
    (tmp_path / "x").write_bytes(data)

    found = chunked(tmp_path / "x")

    assert (
        hashlib.sha256(data).hexdigest(),
        len(data),
        (
            hashlib.sha256(data[:CHUNK_BYTES]).hexdigest(),
            hashlib.sha256(b"rest").hexdigest(),
        ),
    ) == (found.sha256, found.size, found.chunks)


def test_an_empty_file_has_no_piece(tmp_path: Path) -> None:
    """Nothing to fetch."""
    (tmp_path / "x").touch()

    assert () == chunked(tmp_path / "x").chunks


def test_every_blob_is_called_by_its_sha256(tmp_path: Path) -> None:
    """And holds what that says."""
    home = Home(tmp_path / "home")
    home.prepare(DiskFiles())

    put(home, small_bundle(tmp_path / "bundle"))

    blobs = states(home.blobs)
    assert {hashlib.sha256(data).hexdigest() for data in blobs.values()} == {*blobs}
    assert 4 == len(blobs)


def test_a_second_release_adds_what_is_new_alone(tmp_path: Path) -> None:
    """The model is the same, its card is another."""
    home = Home(tmp_path / "home")
    home.prepare(DiskFiles())
    put(home, small_bundle(tmp_path / "one", seq=1))

    _, new_bytes = put(home, small_bundle(tmp_path / "two", seq=2))

    assert (len("release 2\n"), 5) == (new_bytes, len(states(home.blobs)))


def test_the_chunk_index_names_every_file_of_the_manifest(tmp_path: Path) -> None:
    """A device asks for nothing else."""
    home = Home(tmp_path / "home")
    home.prepare(DiskFiles())
    bundle = small_bundle(tmp_path / "bundle")

    targets, _ = put(home, bundle)

    index = msgspec.json.decode(targets[chunks_path("digits", 1)], type=ChunkIndex)
    assert {*states(bundle)} - {"model.yaml"} == {*index.files}
    assert (bundle / "model.yaml").read_bytes() in targets.values()


def test_a_damaged_blob_is_put_in_place_again(tmp_path: Path) -> None:
    """A length that is not its own tells it."""
    home = Home(tmp_path / "home")
    home.prepare(DiskFiles())
    bundle = small_bundle(tmp_path / "bundle")
    put(home, bundle)
    before = states(home.blobs)
    (home.blobs / min(before)).write_bytes(b"")

    put(home, bundle)

    assert before == states(home.blobs)
