"""A repository on a stick: found in a folder or a tar, and never trusted."""

import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edged.cli.carried import Carried
from edged.errors import BadBundle, NoInput, UnknownModel
from tests.fakes.tuf_repository import TufRepository

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)

Lay = Callable[[Path, dict[str, bytes]], Path]


def in_folder(under: Path, files: dict[str, bytes]) -> Path:
    """Lay files down in a folder."""
    for name, data in files.items():
        path = under / "stick" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return under / "stick"


def in_tar(under: Path, files: dict[str, bytes]) -> Path:
    """Lay files down in a tar."""
    path = under / "stick.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


both = pytest.mark.parametrize("lay", [in_folder, in_tar], ids=["folder", "tar"])


@pytest.fixture
def host() -> TufRepository:
    """Return a publisher with two releases of one model and one of another."""
    made = TufRepository(NOW)
    made.add("digits", 1, files={"net.onnx": b"one", "labels.txt": b"0..9"})
    made.add("digits", 2, files={"net.onnx": b"two", "labels.txt": b"0..9"})
    made.add("faces", 7)
    made.publish()
    return made


@both
def test_the_newest_of_each_model_is_found(
    host: TufRepository, tmp_path: Path, lay: Lay
) -> None:
    """With its manifest and with what is signed about it."""
    carried = Carried(lay(tmp_path, host.files))

    found = carried.releases(None)

    assert ["digits 1.2.0 (seq 2)", "faces 1.7.0 (seq 7)"] == [*map(str, found)]
    assert b"name: digits\nseq: 2\n" == found[0].manifest
    assert {"1.root.json", "timestamp.json"} <= {*found[0].documents}


@both
def test_a_release_is_packed_without_what_the_box_has(
    host: TufRepository, tmp_path: Path, lay: Lay
) -> None:
    """Signed metadata first, then the manifest, then files that are missing there."""
    carried = Carried(lay(tmp_path, host.files))
    (release,) = carried.releases("digits")
    have = {release.sha256["labels.txt"]}

    data = b"".join(carried.packed(release, have))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [
            (member.name, file.read())
            for member in archive
            if (file := archive.extractfile(member))
        ]
    names = [name for name, _ in members]
    assert [("model.yaml", release.manifest), ("net.onnx", b"two")] == members[-2:]
    assert all(name.startswith("signed/") for name in names[:-2])
    assert {f"signed/{name}" for name in release.documents} == {*names[:-2]}


def test_only_the_documents_that_the_timestamp_leads_to_are_taken(
    host: TufRepository, tmp_path: Path
) -> None:
    """And every root, because each is signed by the one before."""
    host.publish()
    carried = Carried(in_folder(tmp_path, host.files))

    (release,) = carried.releases("faces")

    kinds = sorted(name.split(".")[-2] for name in release.documents)
    newest = max(
        int(name.split("/")[1].split(".")[0])
        for name in host.files
        if name.endswith(".targets.json")
    )
    roots = [name for name in host.files if name.endswith(".root.json")]
    assert [*["root"] * len(roots), "snapshot", "targets", "timestamp"] == kinds
    assert f"{newest}.targets.json" in release.documents


@pytest.mark.parametrize("why", [{"halted": True}, {"revoked": "it sees ghosts"}])
def test_what_its_publisher_withdrew_is_not_taken(
    host: TufRepository, tmp_path: Path, why: dict[str, Any]
) -> None:
    """The one before is."""
    host.add("digits", 3, **why)
    host.publish()
    carried = Carried(in_folder(tmp_path, host.files))

    (release,) = carried.releases("digits")

    assert 2 == release.listing.seq


def test_what_is_listed_and_does_not_lie_there_is_not_taken(
    host: TufRepository, tmp_path: Path
) -> None:
    """A stick has one release of a repository that lists many."""
    files = {k: v for k, v in host.files.items() if "digits/2/" not in k}
    carried = Carried(in_folder(tmp_path, files))

    (release,) = carried.releases("digits")

    assert 1 == release.listing.seq


def test_a_model_that_is_not_there_is_unknown(
    host: TufRepository, tmp_path: Path
) -> None:
    """What is there is named."""
    carried = Carried(in_folder(tmp_path, host.files))

    with pytest.raises(UnknownModel, match="listed is digits, faces"):
        carried.releases("voices")


def test_a_missing_file_is_named(host: TufRepository, tmp_path: Path) -> None:
    """Before anything is sent."""
    files = {k: v for k, v in host.files.items() if not k.startswith("blobs/")}
    carried = Carried(in_folder(tmp_path, files))
    (release,) = carried.releases("faces")

    with pytest.raises(NoInput, match=r"its net\.onnx is not there"):
        carried.packed(release, frozenset())


@both
def test_what_is_no_repository_is_refused(tmp_path: Path, lay: Lay) -> None:
    """With what would be one."""
    path = lay(tmp_path, {"model.yaml": b""})

    with pytest.raises(BadBundle, match=r"no metadata/timestamp\.json") as caught:
        Carried(path)

    assert "edgectl publish bundle" in caught.value.hint


def test_what_is_not_there_is_no_input(tmp_path: Path) -> None:
    """A stick that is not mounted."""
    with pytest.raises(NoInput, match="no such file"):
        Carried(tmp_path / "nowhere")


def test_a_compressed_tar_is_refused(tmp_path: Path) -> None:
    """Nothing in it can be found without unpacking all of it."""
    path = tmp_path / "stick.tar.gz"
    with tarfile.open(path, "w:gz"):
        pass

    with pytest.raises(BadBundle, match="it is compressed") as caught:
        Carried(path)

    assert f"gunzip {path}" == caught.value.hint


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    """By its first header."""
    path = tmp_path / "stick.iso"
    path.write_bytes(b"CD001" * 1000)

    with pytest.raises(BadBundle, match="it is not a tar"):
        Carried(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata/timestamp.json", b"<html>sign in</html>"),
        ("metadata/timestamp.json", b'{"signed": {"meta": {}}}'),
        ("metadata/timestamp.json", b"[" * 100_000),
        ("metadata/timestamp.json", b'{"signed": {"meta": {"snapshot.json": 5}}}'),
        ("metadata/timestamp.json", b'{"signed": {"meta": {"\xff": 5}}}'),
    ],
    ids=["a page", "nothing named", "nested", "another shape", "no UTF-8"],
)
def test_metadata_that_is_none_is_refused(
    host: TufRepository, tmp_path: Path, name: str, data: bytes
) -> None:
    """Whatever lies there, it is a sentence and no traceback."""
    path = in_folder(tmp_path, {**host.files, name: data})

    with pytest.raises(BadBundle):
        Carried(path)


def test_metadata_without_end_is_refused(host: TufRepository, tmp_path: Path) -> None:
    """Memory is bounded, whatever lies there."""
    path = in_folder(tmp_path, host.files)
    with (path / "metadata" / "timestamp.json").open("r+b") as file:
        file.truncate(1 << 40)

    with pytest.raises(BadBundle, match="is larger than"):
        Carried(path)


def test_targets_without_listings_are_passed_by(
    host: TufRepository, tmp_path: Path
) -> None:
    """Other programs may publish with the same keys."""
    host.add_target("readme.txt", b"hello", {"other": 1})
    host.publish()
    carried = Carried(in_folder(tmp_path, host.files))

    assert ["digits", "faces"] == [one.listing.model for one in carried.releases(None)]
