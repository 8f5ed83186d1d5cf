"""What is refused of a release before a runtime sees one of its files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edged.activate.gate import check_static
from edged.errors import BadBundle, BadModel
from edged.runtime.onnx_file import external_files
from edged.runtime.tflite_file import read
from edged.store.manifest import read_manifest
from edged.wire.release import BackendName, Manifest
from tests.data import onnx_files, tflite_files
from tests.fakes.box import bundle

DEMO = Path(__file__).resolve().parents[3] / "demo"

Lay = Callable[[dict[str, bytes]], Manifest]


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    """Return a function that lays a bundle's files into the test's folder."""

    def laid(files: dict[str, bytes]) -> Manifest:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        return read_manifest(files["model.yaml"], "model.yaml")

    return laid


def test_a_whole_release_passes(lay: Lay, tmp_path: Path) -> None:
    """Tensors in a file that the manifest names are no fault."""
    model = onnx_files.with_external_tensor("w.bin")
    manifest = lay(bundle(model, extra={"w.bin": bytes(16)}))

    check_static(tmp_path, manifest)


def test_a_file_that_changed_since_is_refused(lay: Lay, tmp_path: Path) -> None:
    """Of the same size, so that only its digest tells."""
    manifest = lay(bundle())
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(path.stat().st_size))

    with pytest.raises(BadBundle, match=r"model\.onnx has sha256"):
        check_static(tmp_path, manifest)


def test_a_missing_file_is_refused(lay: Lay, tmp_path: Path) -> None:
    """As a sentence."""
    manifest = lay(bundle())
    (tmp_path / "model.onnx").unlink()

    with pytest.raises(BadBundle, match=r"model\.onnx is missing"):
        check_static(tmp_path, manifest)


def test_a_link_is_refused(lay: Lay, tmp_path: Path) -> None:
    """Also where it leads to the very same bytes."""
    manifest = lay(bundle())
    (tmp_path / "model.onnx").rename(tmp_path / "elsewhere")
    (tmp_path / "model.onnx").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BadBundle, match=r"model\.onnx is not a plain file"):
        check_static(tmp_path, manifest)


def test_tensors_in_a_file_that_nobody_named_are_refused(
    lay: Lay, tmp_path: Path
) -> None:
    """It lies beside the model, and no digest vouches for it."""
    manifest = lay(bundle(onnx_files.with_external_tensor("w.bin")))
    (tmp_path / "w.bin").write_bytes(bytes(16))

    with pytest.raises(BadBundle, match="which its manifest does not name"):
        check_static(tmp_path, manifest)


@pytest.mark.parametrize(
    ("model", "file", "backend"),
    [
        (onnx_files.adder()[:-20], "model.onnx", BackendName.ONNX),
        (onnx_files.with_external_tensor("../w"), "model.onnx", BackendName.ONNX),
        (tflite_files.knot(2000), "model.tflite", BackendName.LITERT),
        (tflite_files.adder()[:40], "model.tflite", BackendName.LITERT),
    ],
)
def test_a_hostile_model_is_refused(
    lay: Lay, tmp_path: Path, model: bytes, file: str, backend: BackendName
) -> None:
    """Truncated, out of its folder, or made to keep readers busy."""
    manifest = lay(bundle(model, file=file, backend=backend))

    with pytest.raises(BadModel, match=r"cannot load model\."):
        check_static(tmp_path, manifest)


def test_an_operator_of_nobody_is_refused(lay: Lay, tmp_path: Path) -> None:
    """By name and domain, before a runtime sees it."""
    manifest = lay(bundle(onnx_files.of_domain("com.acme", "Magic")))

    with pytest.raises(BadModel, match=r"operator Magic is of the domain 'com\.acme'"):
        check_static(tmp_path, manifest)


def test_every_real_model_passes(models: Path) -> None:
    """Six trained networks in two formats: nothing that serves is refused."""
    onnx = sorted(models.rglob("*.onnx"))
    tflite = sorted(models.rglob("*.tflite"))

    assert onnx
    assert tflite
    assert not [path for path in onnx if external_files(path)]
    assert len(tflite) == len([read(path) for path in tflite])


def test_the_demo_passes() -> None:
    """It is what people install first."""
    found = sorted(DEMO.rglob("*.onnx")) + sorted(DEMO.rglob("*.tflite"))

    assert found
    for path in found:
        if path.suffix == ".onnx":
            assert external_files(path) == ()
        else:
            read(path)
