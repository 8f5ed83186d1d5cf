"""Are a release's files what its manifest says?"""

import hashlib
from pathlib import Path

import pytest

from edged.errors import BadBundle
from edged.store.bundle import Staged
from edged.store.integrity import (
    agreed,
    fault,
    fault_inside,
    size_fault,
    with_manifest,
)
from edged.wire.release import FileEntry
from tests.fakes.bundles import bundle_files


def _entry(data: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _staged(changes: dict[str, bytes | None]) -> Staged:
    """Stage a bundle in which some files are not what the manifest says."""
    files: dict[str, bytes | None] = {**bundle_files(), **changes}
    manifest = files.pop("model.yaml")
    entries = {n: _entry(data) for n, data in files.items() if data is not None}
    return Staged(path=Path("/s/incoming/new"), manifest=manifest, files=entries)


def test_a_bundle_that_tells_the_truth_is_read() -> None:
    """Its digest is that of the manifest's bytes."""
    manifest, digest = agreed(_staged({}))

    assert ("pets", 1) == (manifest.name, manifest.seq)
    assert hashlib.sha256(bundle_files()["model.yaml"]).hexdigest() == digest


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"labels.txt": None}, ["labels.txt is named in model.yaml and is not in"]),
        ({"extra": b""}, ["extra is in the bundle and not under `files:`"]),
        ({"labels.txt": b"c"}, ["labels.txt has 1 bytes, model.yaml says 8"]),
        ({"labels.txt": b"cat\ndoX\n"}, ["labels.txt has sha256 "]),
        (
            {"labels.txt": b"c", "extra": b""},
            ["extra is in the bundle", "labels.txt has 1 bytes"],
        ),
    ],
)
def test_every_lie_is_told_at_once(
    changes: dict[str, bytes | None], problems: list[str]
) -> None:
    """In the sentence and for machines."""
    with pytest.raises(BadBundle) as caught:
        agreed(_staged(changes))

    found = caught.value.fields["problems"]
    assert isinstance(found, list)
    assert len(problems) == len(found)
    for said, problem in zip(found, problems, strict=True):
        assert said.startswith(problem)
        assert problem in caught.value.message


def test_many_lies_fit_into_one_sentence() -> None:
    """The rest is counted."""
    with pytest.raises(BadBundle, match=r"and 4 more$"):
        agreed(_staged({f"extra-{n}": b"" for n in range(9)}))


def test_a_bundle_without_manifest_is_no_release() -> None:
    """Whoever adopts it has forgotten to draft one."""
    bare = Staged(path=Path("/s"), manifest=None, files={})

    with pytest.raises(BadBundle, match=r"holds no model\.yaml"):
        agreed(bare)


def test_a_bad_manifest_says_its_own_faults() -> None:
    """They come with line and key from where it is read."""
    with pytest.raises(BadBundle, match=r"model\.yaml"):
        agreed(_staged({"model.yaml": b"format: 1\n"}))


def test_the_manifest_stands_last_and_is_hashed_too() -> None:
    """Repairs go in that order."""
    files = with_manifest(_staged({}))

    assert ["model.onnx", "labels.txt", "model.yaml"] == list(files)
    assert _entry(bundle_files()["model.yaml"]) == files["model.yaml"]


@pytest.mark.parametrize(
    ("make", "size", "whole"),
    [
        (lambda path: path.write_bytes(b"good"), None, None),
        (lambda path: path.write_bytes(b"gone"), None, "f has sha256 "),
        (lambda path: path.write_bytes(b"goods"), "f has 5 bytes, ", "f has 5 bytes, "),
        (lambda _: None, "f is missing", "f is missing"),
        (lambda path: path.mkdir(), "f is not a plain file", "f is not a plain file"),
        (
            lambda path: path.symlink_to("elsewhere"),
            "f is not a plain file",
            "f is not a plain file",
        ),
    ],
    ids=["whole", "changed", "longer", "missing", "folder", "link"],
)
def test_what_is_wrong_with_a_file_is_one_sentence(
    tmp_path: Path, make: object, size: str | None, whole: str | None
) -> None:
    """By size alone, and by all its bytes; a link is never followed."""
    path = tmp_path / "f"
    assert callable(make)
    make(path)

    by_size, by_bytes = size_fault(path, _entry(b"good")), fault(path, _entry(b"good"))

    assert (size is None, whole is None) == (by_size is None, by_bytes is None)
    assert (by_size or "").startswith(size or "")
    assert (by_bytes or "").startswith(whole or "")


def test_a_file_below_a_file_is_missing(tmp_path: Path) -> None:
    """The release's folder is no folder."""
    (tmp_path / "release").write_bytes(b"")

    assert "f is missing" == fault(tmp_path / "release" / "f", _entry(b""))


def test_a_name_that_the_disk_refuses_is_a_sentence(tmp_path: Path) -> None:
    """Whoever verifies wants all faults, not the first error."""
    found = fault(tmp_path / ("x" * 300), _entry(b""))

    assert found is not None
    assert "file name too long" in found


def test_a_file_exchanged_while_it_is_hashed_is_the_one_that_was_opened(
    tmp_path: Path,
) -> None:
    """A path opened a second time may lead elsewhere by then."""
    path = tmp_path / "f"
    path.write_bytes(b"good")
    with path.open("rb") as file:
        path.unlink()
        path.write_bytes(b"evil")

        inside = fault_inside(file, path, _entry(b"good"))

    assert inside is None
    assert fault(path, _entry(b"good")) is not None
