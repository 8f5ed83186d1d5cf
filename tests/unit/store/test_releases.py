"""Installed releases."""

import errno
import hashlib
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edged.errors import BadBundle, BadRelease, StoreFailed, UnknownModel
from edged.host.files import Site
from edged.store.bundle import Limits, receive
from edged.store.manifest import write_manifest
from edged.store.releases import Release
from tests.fakes.bundles import (
    LABELS,
    Shop,
    bundle_files,
    in_pieces,
    manifest_for,
    tar_of,
)
from tests.fakes.files import RecordingFiles


@pytest.fixture
def disk() -> RecordingFiles:
    """Return a disk that can fail."""
    return RecordingFiles()


@pytest.fixture
def shop(tmp_path: Path, disk: RecordingFiles) -> Shop:
    """Return an open store on that disk."""
    return Shop(tmp_path / "state", disk).open()


def _inode(release: Release, name: str) -> int:
    return (release.path / name).stat().st_ino


# --- adopt -------------------------------------------------------------------------


def test_an_adopted_release_is_what_was_sent(shop: Shop) -> None:
    """Its folder is named by seq and digest; nothing is left in `incoming/`."""
    sent = bundle_files(seq=14)
    digest = hashlib.sha256(sent["model.yaml"]).hexdigest()

    release = shop.install(seq=14)

    assert f"14-{digest[:12]}" == release.folder
    assert shop.layout.release("pets", release.folder) == release.path
    assert (digest, "pets", 14) == (release.digest, release.name, release.manifest.seq)
    assert sent == {p.name: p.read_bytes() for p in release.path.iterdir()}
    assert [] == shop.leftovers()
    assert (release,) == shop.releases.installed("pets")


def test_a_release_knows_its_size_and_age(shop: Shop) -> None:
    """For `models show`."""
    release = shop.install()

    assert len(bundle_files()["model.onnx"]) + len(LABELS) == release.size_bytes
    assert abs(datetime.now(UTC) - release.installed_utc) < timedelta(minutes=1)


def test_the_same_bytes_are_kept_once(shop: Shop) -> None:
    """Also between two models; what differs stays apart."""
    one = shop.install("pets", 1)
    two = shop.install("pets", 2)
    other = shop.install("wolves", 1)

    labels = {_inode(release, "labels.txt") for release in (one, two, other)}
    assert 1 == len(labels)
    assert _inode(one, "model.onnx") == _inode(other, "model.onnx")
    assert _inode(one, "model.onnx") != _inode(two, "model.onnx")
    assert () == shop.releases.verify(two)


def test_a_damaged_twin_is_not_shared(shop: Shop) -> None:
    """Rot of the same size must not spread."""
    one = shop.install(seq=1)
    (one.path / "labels.txt").write_bytes(b"cat\ndoX\n")

    two = shop.install(seq=2)

    assert () == shop.releases.verify(two)


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EPERM, errno.EXDEV])
def test_without_hard_links_a_copy_does_as_well(
    shop: Shop, disk: RecordingFiles, number: int
) -> None:
    """Some file systems have none."""
    one = shop.install(seq=1)
    disk.fail(Site.RELEASE_SHARE, OSError(number, ""))

    two = shop.install(seq=2)

    assert _inode(one, "labels.txt") != _inode(two, "labels.txt")
    assert () == shop.releases.verify(two)


def test_adopting_twice_is_adopting_once(shop: Shop) -> None:
    """The second staged folder is dropped."""
    first = shop.install()
    before = shop.tree(), _inode(first, "model.onnx")

    second = shop.install()

    assert first == second
    assert before == (shop.tree(), _inode(second, "model.onnx"))
    assert [] == shop.leftovers()


@pytest.mark.parametrize("name", ["model.onnx", "labels.txt", "model.yaml"])
@pytest.mark.parametrize("damage", ["missing", "changed", "folder", "link"])
def test_adopting_again_puts_damage_right(shop: Shop, name: str, damage: str) -> None:
    """The live link leads to it, so the folder stays where it is."""
    release = shop.install()
    path, inode = release.path / name, release.path.stat().st_ino
    whole = path.read_bytes()
    path.unlink()
    if damage == "changed":
        path.write_bytes(bytes(len(whole)))
    elif damage == "folder":
        path.mkdir()
    elif damage == "link":
        path.symlink_to("/etc/hostname")
    (release.path / "extra").write_bytes(b"")

    again = shop.install()

    assert () == shop.releases.verify(again)
    assert release.folder == shop.links.current("pets")
    assert inode == again.path.stat().st_ino
    assert whole == path.read_bytes()
    assert [] == shop.leftovers()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"labels.txt": b"cat\ndoX\n"}, "labels.txt has sha256"),
        ({"README": b""}, "README is in the bundle and not under"),
        ({"model.yaml": b"name: pets\n"}, "model.yaml"),
    ],
)
def test_a_bundle_that_lies_is_not_adopted(
    shop: Shop, changes: dict[str, bytes], why: str
) -> None:
    """Nothing of it stays."""
    with pytest.raises(BadBundle, match=why):
        shop.take(in_pieces(tar_of({**bundle_files(), **changes})))

    assert {} == shop.tree()
    assert [] == shop.leftovers()


def test_a_manifest_may_not_name_a_file_elsewhere(shop: Shop) -> None:
    """Its names are held against the names that were unpacked."""
    files = {"model.onnx": b"w"}
    manifest = manifest_for({**files, "sub/labels.txt": b""}, name="pets", seq=1)

    with pytest.raises(BadBundle, match=r"sub/labels\.txt"):
        shop.take(in_pieces(tar_of({"model.yaml": write_manifest(manifest), **files})))

    assert {} == shop.tree()


def test_a_staged_folder_can_be_discarded(shop: Shop) -> None:
    """When a candidate is refused before it is adopted."""
    chunks = in_pieces(tar_of(bundle_files()))
    staged = receive(chunks, shop.layout.incoming / "new", shop.files, Limits())

    shop.releases.discard(staged)
    shop.releases.discard(staged)

    assert [] == shop.leftovers()


# --- looking -----------------------------------------------------------------------


def test_releases_stand_by_sequence_number(shop: Shop) -> None:
    """Not by the order of installation, nor as text."""
    for seq in (10, 9, 100):
        shop.install(seq=seq)

    found = shop.releases.installed("pets")

    assert [9, 10, 100] == [release.manifest.seq for release in found]


def test_models_are_those_with_a_release_or_a_link(shop: Shop) -> None:
    """Other folders are nobody's; a link alone is damage that must be seen."""
    shop.install("pets")
    shop.layout.releases("empty").mkdir(parents=True)
    shop.layout.model("linked").mkdir()
    shop.layout.current("linked").symlink_to("releases/1-0123456789ab")
    (shop.layout.models_dir / "lost+found").mkdir()
    (shop.layout.models_dir / "notes").write_bytes(b"")

    assert ("linked", "pets") == shop.releases.names()


def test_a_model_that_cannot_be_looked_at_is_still_a_name(shop: Shop) -> None:
    """It fails on its own: others are listed, installed and swept around it."""
    shop.install("pets")
    shop.layout.model("wolves").symlink_to("wolves")  # for root too

    shop.releases.sweep()
    again = shop.install("pets", 2)

    assert ("pets", "wolves") == shop.releases.names()
    assert () == shop.releases.verify(again)
    with pytest.raises(StoreFailed, match="wolves"):
        shop.releases.installed("wolves")


def test_a_manifest_that_is_no_file_blocks_nobody(shop: Shop) -> None:
    """Nobody ever writes into this FIFO."""
    release = shop.install()
    (release.path / "model.yaml").unlink()
    os.mkfifo(release.path / "model.yaml")

    with pytest.raises(BadRelease, match=r"its model\.yaml is not a plain file"):
        shop.releases.read("pets", release.folder)


def test_a_huge_manifest_is_not_read_whole(shop: Shop) -> None:
    """A sparse file of a terabyte would be."""
    release = shop.install()
    with (release.path / "model.yaml").open("r+b") as file:
        file.truncate(1 << 40)

    with pytest.raises(BadRelease, match="is larger than 1048576 bytes"):
        shop.releases.read("pets", release.folder)


def test_store_folders_may_be_links_to_folders(tmp_path: Path) -> None:
    """A person may keep the models on another disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "models").symlink_to(tmp_path / "disk")

    release = Shop(tmp_path / "state", RecordingFiles()).open().install()

    assert release.path.resolve().is_relative_to(tmp_path / "disk")


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """`edgectl status` looks before the daemon ever ran."""
    shop = Shop(tmp_path / "nowhere", RecordingFiles())

    assert ((), ()) == (shop.releases.names(), shop.releases.installed("pets"))


def test_a_name_that_leads_out_of_the_store_is_refused(shop: Shop) -> None:
    """By every verb that takes one."""
    for verb in (
        shop.releases.installed,
        shop.releases.damaged,
        shop.releases.remove,
        shop.links.current,
        shop.links.clear,
    ):
        with pytest.raises(UnknownModel):
            verb("../incoming")


def _replace(path: Path, data: bytes) -> None:
    path.unlink()  # its bytes are another release's too
    path.write_bytes(data)


def _another(release: Release) -> None:
    (release.path / "model.yaml").write_bytes(bundle_files(seq=7)["model.yaml"])


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda r: (r.path / "model.yaml").unlink(), "it has no model.yaml"),
        (lambda r: (r.path / "labels.txt").unlink(), "labels.txt is missing"),
        (lambda r: _replace(r.path / "labels.txt", b""), "labels.txt has 0 bytes"),
        (lambda r: (r.path / "model.yaml").write_bytes(b"a: ["), "model.yaml"),
        (_another, "its model.yaml is that of pets 7-"),
        (lambda r: shutil.rmtree(r.path), "it has no model.yaml"),
        (
            lambda r: (shutil.rmtree(r.path), r.path.write_bytes(b"")),
            "it has no model.yaml",
        ),
    ],
    ids=["manifest", "missing", "size", "yaml", "another", "folder", "file"],
)
def test_a_damaged_release_says_what_to_type(
    shop: Shop, harm: object, why: str
) -> None:
    """Install it again, or go back; the other releases are as they were."""
    whole, release = shop.install(seq=1), shop.install(seq=2)
    assert callable(harm)
    harm(release)

    with pytest.raises(BadRelease, match=why) as caught:
        shop.releases.read("pets", release.folder)

    assert "edgectl install" in caught.value.hint
    assert "edgectl models show pets" in caught.value.hint
    assert (whole,) == shop.releases.installed("pets")


def test_damage_is_reported_beside_what_is_whole(shop: Shop) -> None:
    """By folder, with the reason."""
    shop.install(seq=1)
    broken = shop.install(seq=2)
    (broken.path / "labels.txt").unlink()
    (shop.layout.releases("pets") / "copy of 1").mkdir()

    found = shop.releases.damaged("pets")

    assert [broken.folder, "copy of 1"] == [damaged.folder for damaged in found]
    assert "labels.txt is missing" in found[0].problem.message
    assert "its folder is not named" in found[1].problem.message


def test_reading_does_not_hash_and_verifying_does(shop: Shop) -> None:
    """Start-up must be fast; `edgectl models verify` must be thorough."""
    release = shop.install()
    (release.path / "labels.txt").write_bytes(b"cat\ndoX\n")
    (release.path / "extra").write_bytes(b"")

    assert release.digest == shop.releases.read("pets", release.folder).digest
    sha256, extra = shop.releases.verify(release)
    assert sha256.startswith("labels.txt has sha256 ")
    assert "extra is in no manifest" == extra


@pytest.mark.parametrize(
    ("manifest", "why"),
    [(b"", "another sha256"), (None, "it has no model.yaml")],
)
def test_verifying_reads_the_manifest_again(
    shop: Shop, manifest: bytes | None, why: str
) -> None:
    """It can rot as well."""
    release = shop.install()
    (release.path / "model.yaml").unlink()
    if manifest is not None:
        (release.path / "model.yaml").write_bytes(manifest)

    (found,) = shop.releases.verify(release)

    assert why in found


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"cat\r\ndog", ("cat", "dog")),
        ("\ufeffcat\n\n  dog \n\n\n".encode(), ("cat", "", "dog")),
        ("Käuzchen\x0b\n鳥\n".encode(), ("Käuzchen", "鳥")),
        (b"", ()),
    ],
)
def test_labels_are_lines_of_text(
    shop: Shop, data: bytes, labels: tuple[str, ...]
) -> None:
    """Whichever editor wrote them; an empty line in between keeps its place."""
    files = {"model.onnx": b"w", "labels.txt": data}
    manifest = write_manifest(manifest_for(files, name="pets", seq=1))
    release = shop.take(in_pieces(tar_of({"model.yaml": manifest, **files})))

    assert {"y": labels} == shop.releases.labels(release)


def test_an_output_without_labels_has_none(shop: Shop) -> None:
    """It is not in the answer at all."""
    files = {"model.onnx": b"w"}
    manifest = write_manifest(manifest_for(files, name="pets", seq=1))
    release = shop.take(in_pieces(tar_of({"model.yaml": manifest, **files})))

    assert {} == shop.releases.labels(release)


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"\xff\xfe", "is not UTF-8 text"), (b"x" * (1 << 20) + b"y", "is larger than")],
)
def test_labels_that_are_no_text_are_damage(shop: Shop, data: bytes, why: str) -> None:
    """In bounded memory."""
    release = shop.install()
    (release.path / "labels.txt").write_bytes(data)

    with pytest.raises(BadRelease, match=why):
        shop.releases.labels(release)


# --- changing ----------------------------------------------------------------------


def test_deleting_a_release_leaves_the_others(shop: Shop) -> None:
    """Bytes that they share too."""
    one, two = shop.install(seq=1), shop.install(seq=2)

    shop.releases.delete(one)

    assert (two,) == shop.releases.installed("pets")
    assert () == shop.releases.verify(two)
    assert [] == shop.leftovers()


def test_removing_a_model_removes_its_links(shop: Shop) -> None:
    """The name is free again; removing it twice is harmless."""
    shop.install("pets", 1)
    shop.install("pets", 2)
    wolf = shop.install("wolves")

    shop.releases.remove("pets")
    shop.releases.remove("pets")

    assert ("wolves",) == shop.releases.names()
    assert () == shop.releases.verify(wolf)
    assert [] == shop.leftovers()
    assert 1 == shop.install("pets", 1).manifest.seq


def test_trash_that_stays_fails_no_deletion(shop: Shop, disk: RecordingFiles) -> None:
    """The same release is deleted, comes back, and is deleted again; then a sweep."""
    disk.fail(Site.TRASH_DROP, OSError(errno.EIO, ""))

    shop.releases.delete(shop.install())
    shop.releases.delete(shop.install())
    shop.install()
    shop.releases.remove("pets")

    assert ((), 3) == (shop.releases.names(), len(shop.leftovers()))
    assert [] == shop.open().leftovers()


def test_sweeping_removes_leftovers_and_nothing_else(shop: Shop) -> None:
    """Folders in `incoming/`, models that never got a release; downloads stay."""
    release = shop.install("pets")
    (shop.layout.incoming / "half" / "deep").mkdir(parents=True)
    (shop.layout.incoming / "abc.part").write_bytes(b"1")
    (shop.layout.incoming / "link").symlink_to(release.path)
    shop.layout.releases("never").mkdir(parents=True)

    shop.open()

    assert ["abc.part", "link"] == shop.leftovers()
    assert not shop.layout.model("never").exists()
    assert () == shop.releases.verify(release)


def test_preparing_makes_what_is_missing(tmp_path: Path) -> None:
    """The state directory itself too, as `--state-dir` may name a new one."""
    shop = Shop(tmp_path / "new", RecordingFiles())

    shop.releases.prepare()
    shop.releases.prepare()

    assert ["incoming", "models"] == sorted(
        p.name for p in (tmp_path / "new").iterdir()
    )
