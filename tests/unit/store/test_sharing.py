"""Files that several releases have, once on the disk."""

import errno
import hashlib
from pathlib import Path

import pytest

from edged.errors import BadBundle, StoreFailed
from edged.host.files import Site
from edged.store.bundle import Limits, Staged, receive
from edged.store.releases import Release
from tests.fakes.bundles import LABELS, Shop, bundle_files, in_pieces, tar_of
from tests.fakes.files import RecordingFiles


@pytest.fixture
def files() -> RecordingFiles:
    """Return a disk that notes what is done to it."""
    return RecordingFiles()


@pytest.fixture
def shop(tmp_path: Path, files: RecordingFiles) -> Shop:
    """Return a store with one release."""
    made = Shop(tmp_path, files).open()
    made.install("pets", 1)
    return made


def _staged(shop: Shop, *left_out: str, name: str = "wolves", seq: int = 7) -> Staged:
    sent = {n: d for n, d in bundle_files(name, seq).items() if n not in left_out}
    return receive(
        in_pieces(tar_of(sent)), shop.layout.incoming / "new", shop.files, Limits()
    )


def _inode(release: Release, file: str) -> int:
    return (release.path / file).stat().st_ino


def test_what_was_left_out_comes_from_another_model(shop: Shop) -> None:
    """It is one file with two names; the release is whole."""
    release = shop.releases.adopt(shop.releases.filled(_staged(shop, "labels.txt")))

    (pets,) = shop.releases.installed("pets")
    assert () == shop.releases.verify(release)
    assert _inode(pets, "labels.txt") == _inode(release, "labels.txt")


def test_a_release_whose_files_are_all_here_is_its_manifest_alone(shop: Shop) -> None:
    """The same model under another name."""
    staged = _staged(shop, "labels.txt", "model.onnx", seq=1)

    release = shop.releases.adopt(shop.releases.filled(staged))

    assert () == shop.releases.verify(release)


def test_nothing_is_done_for_a_whole_bundle(shop: Shop) -> None:
    """It may come from anywhere."""
    staged = _staged(shop)

    assert staged is shop.releases.filled(staged)


def test_what_no_release_has_is_told_by_its_sum(shop: Shop) -> None:
    """Whoever sent it can send the file along."""
    staged = _staged(shop, "labels.txt", "model.onnx")
    sent = bundle_files("wolves", 7)

    with pytest.raises(BadBundle, match=r"leaves out model\.onnx, and") as caught:
        shop.releases.filled(staged)

    missing = caught.value.fields["missing"]
    assert [hashlib.sha256(sent["model.onnx"]).hexdigest()] == missing


@pytest.mark.parametrize("damage", [b"cat\nDOG\n", b"", None])
def test_a_damaged_twin_does_not_count(shop: Shop, damage: bytes | None) -> None:
    """It is missing here, whatever the list of installed files said."""
    (pets,) = shop.releases.installed("pets")
    (pets.path / "labels.txt").unlink()
    if damage is not None:
        (pets.path / "labels.txt").write_bytes(damage)

    with pytest.raises(BadBundle, match=r"leaves out labels\.txt"):
        shop.releases.filled(_staged(shop, "labels.txt"))


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EPERM, errno.EXDEV])
def test_without_hard_links_a_file_is_copied(
    shop: Shop, files: RecordingFiles, number: int
) -> None:
    """Its bytes are its own then, and durable before anybody counts on them."""
    staged = _staged(shop, "labels.txt")
    files.fail(Site.RELEASE_SHARE, OSError(number, ""), verb="link")

    filled = shop.releases.filled(staged)

    assert LABELS == (staged.path / "labels.txt").read_bytes()
    assert 1 == (staged.path / "labels.txt").stat().st_nlink
    assert {"model.onnx", "labels.txt"} == filled.files.keys()


def test_new_names_are_durable_before_the_release_is(
    shop: Shop, files: RecordingFiles
) -> None:
    """The folder is synced after its last link."""
    staged = _staged(shop, "labels.txt")

    shop.releases.filled(staged)

    assert [("link", staged.path / "labels.txt"), ("sync_dir", staged.path)] == [
        (op.verb, op.path) for op in files.ops[-2:]
    ]


def test_a_disk_that_refuses_is_told(shop: Shop, files: RecordingFiles) -> None:
    """The folder is still the caller's to discard."""
    staged = _staged(shop, "labels.txt")
    files.fail(Site.RELEASE_SHARE, OSError(errno.EIO, ""), verb="link")

    with pytest.raises(StoreFailed):
        shop.releases.filled(staged)

    shop.releases.discard(staged)
    assert [] == shop.leftovers()


def test_the_same_file_is_not_linked_twice(shop: Shop, files: RecordingFiles) -> None:
    """What came from a release is shared already."""
    staged = shop.releases.filled(_staged(shop, "labels.txt"))
    before = len(files.ops)

    shop.releases.adopt(staged)

    assert [] == [op for op in files.ops[before:] if op.verb == "link"]


def test_a_file_that_rotted_is_asked_for_once(shop: Shop) -> None:
    """From then on it is not among the sums, until it is whole again."""
    (pets,) = shop.releases.installed("pets")
    before = shop.releases.sums()
    (pets.path / "labels.txt").unlink()
    (pets.path / "labels.txt").write_bytes(b"cat\nDOG\n")
    with pytest.raises(BadBundle) as caught:
        shop.releases.filled(_staged(shop, "labels.txt"))
    missing = caught.value.fields["missing"]
    assert isinstance(missing, list)

    rotten = shop.releases.sums()
    shop.open().install("pets", 1)

    assert {*before} == {*rotten, *missing}
    assert 1 == len(rotten)
    assert before == shop.releases.sums()


def test_a_twin_that_is_whole_makes_up_for_a_damaged_one(shop: Shop) -> None:
    """The sum stays on the list while one file has it."""
    shop.install("wolves", 1)
    before = shop.releases.sums()
    (pets,) = shop.releases.installed("pets")
    (pets.path / "labels.txt").unlink()
    (pets.path / "labels.txt").write_bytes(b"cat\nDOG\n")

    assert {"labels.txt"} == shop.releases.rotten(pets).keys()
    assert before == shop.releases.sums()


def test_sums_are_those_of_every_installed_file_once(shop: Shop) -> None:
    """Sorted; the manifest is always sent and is not among them."""
    shop.install("wolves", 1)
    shop.install("pets", 2)

    sums = shop.releases.sums()

    every = {
        entry.sha256
        for name in ("pets", "wolves")
        for release in shop.releases.installed(name)
        for entry in release.manifest.files.values()
    }
    assert tuple(sorted(every)) == sums
    assert 3 == len(sums)
