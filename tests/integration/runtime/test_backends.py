"""Who loads what."""

import sys
from pathlib import Path

import numpy as np
import pytest

from edged.errors import BadModel
from edged.runtime import backends
from edged.wire.release import BackendName
from tests.data import onnx_files, tflite_files


@pytest.mark.parametrize(
    ("backend", "data"),
    [
        (BackendName.ONNX, onnx_files.adder()),
        (BackendName.LITERT, tflite_files.adder(dynamic=True)),
    ],
)
def test_each_backend_runs_its_own_files(
    tmp_path: Path, backend: BackendName, data: bytes
) -> None:
    """The same arithmetic, the same answer, one port."""
    path = tmp_path / "m"
    path.write_bytes(data)

    loaded = backends.load(backend, path, threads=1)

    x = np.float32([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert np.array_equal(2 * x, loaded.run({"x": x}, ("y",))["y"])


def test_versions_name_what_is_imported(tmp_path: Path) -> None:
    """A box that runs ONNX alone does not import the other runtime to say so."""
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx_files.adder())

    backends.load(BackendName.ONNX, path, threads=1)

    versions = backends.versions()
    assert versions["onnxruntime"].count(".") == 2
    assert set(versions) <= {"onnxruntime", "ai-edge-litert", "tflite-runtime"}


def test_a_runtime_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint is the command that installs it."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "edged.runtime.onnx", raising=False)

    with pytest.raises(BadModel, match="onnxruntime is not usable here") as caught:
        backends.load(BackendName.ONNX, tmp_path / "m.onnx", threads=1)

    assert caught.value.hint == "pip install onnxruntime"
