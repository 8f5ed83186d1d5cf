"""Bundles that are looked at before they are published, with the real runtimes."""

from pathlib import Path

import pytest

from edged.errors import BadBundle, NoInput, Rejected
from edged.host.files import DiskFiles
from edged.publish.intake import Bare, Candidate, digest_of, proved, taken
from edged.store.manifest import read_manifest
from tests.fakes.daemon import DEMO
from tests.fakes.publishing import silent, small_bundle


def prove(path: Path, work: Path, bare: Bare | None = None) -> Candidate:
    """Take a bundle and prove it."""
    with taken(path, bare=bare, work=work, files=DiskFiles()) as candidate:
        return proved(candidate, silent)


def bare_of(golden: Path | None = None) -> Bare:
    """Describe a bare model."""
    return Bare(name="digits", version="2.0", seq=4, golden=golden)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a folder to work in."""
    made = tmp_path / "work"
    made.mkdir()
    return made


def test_every_variant_is_tried(work: Path) -> None:
    """The demo has three, for two runtimes."""
    told: list[str] = []

    with taken(DEMO, bare=None, work=work, files=DiskFiles()) as candidate:
        found = proved(candidate, told.append).variants

    assert [("fp32", 1.0), ("int8", 1.0), ("int8-litert", 1.0)] == [
        (one.id, one.agreement) for one in found
    ]
    assert "trying int8-litert, 3 of 3" == told[-1]


def test_a_bundle_that_fails_its_own_golden_set_is_refused(
    work: Path, tmp_path: Path
) -> None:
    """No box would let it live."""
    bundle = small_bundle(tmp_path / "bundle", spoilt=True)

    with pytest.raises(Rejected, match="does not give its golden answers") as caught:
        prove(bundle, work)

    assert {"fp32"} == caught.value.fields["variants"].keys()  # type: ignore[attr-defined]  # a dict


def test_a_file_that_is_not_what_the_manifest_says_is_refused(
    work: Path, tmp_path: Path
) -> None:
    """By its sha256, before it is loaded."""
    bundle = small_bundle(tmp_path / "bundle")
    (bundle / "labels.txt").write_bytes(b"0\n1\n2\n3\n4\n5\n6\n7\n8\n0\n")

    with pytest.raises(BadBundle, match=r"labels\.txt has sha256"):
        prove(bundle, work)


@pytest.mark.parametrize("spoilt", [True, False])
def test_nothing_is_left_in_the_folder(
    work: Path,
    tmp_path: Path,
    spoilt: bool,  # noqa: FBT001  # a parameter
) -> None:
    """Whether it went well or not."""
    bundle = small_bundle(tmp_path / "bundle", spoilt=spoilt)

    if spoilt:
        with pytest.raises(Rejected):
            prove(bundle, work)
    else:
        prove(bundle, work)

    assert [] == [*work.iterdir()]


def test_the_bundle_itself_is_not_what_is_published(work: Path, tmp_path: Path) -> None:
    """Somebody may be writing to it."""
    bundle = small_bundle(tmp_path / "bundle")

    with taken(bundle, bare=None, work=work, files=DiskFiles()) as candidate:
        folder = candidate.folder

    assert folder.parent == work
    assert (bundle / "labels.txt").exists()


def test_a_bare_model_gets_a_manifest(work: Path) -> None:
    """With the name, version and number that were said."""
    candidate = prove(
        DEMO / "digits_fp32.onnx", work, bare_of(golden=DEMO / "golden.npz")
    )

    manifest = read_manifest(candidate.data, "model.yaml")
    assert ("digits", "2.0", 4) == (manifest.name, manifest.version, manifest.seq)
    assert candidate.size_bytes == sum(one.size for one in manifest.files.values())


def test_a_bare_model_without_a_name_says_what_to_type(
    work: Path, tmp_path: Path
) -> None:
    """The name is all it needs."""
    bare = tmp_path / "net.onnx"
    bare.write_bytes((DEMO / "digits_fp32.onnx").read_bytes())

    with pytest.raises(BadBundle) as caught:
        prove(bare, work)

    assert f"edgectl publish add {bare} --name NAME" == caught.value.hint


def test_a_bundle_has_its_name_already(work: Path) -> None:
    """Two would contradict each other."""
    with pytest.raises(BadBundle, match="under another name"):
        prove(DEMO, work, bare_of())


def test_a_bundle_that_is_not_there_is_told(work: Path, tmp_path: Path) -> None:
    """A slip of the keyboard."""
    with pytest.raises(NoInput, match="cannot read"):
        prove(tmp_path / "no", work)


def test_a_digest_is_a_sha256() -> None:
    """Of nothing, here."""
    assert "e3b0c442" == digest_of(b"")[:8]
