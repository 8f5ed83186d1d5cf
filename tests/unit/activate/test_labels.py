"""Labels that have rotted would name answers wrongly."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edged.activate.labels import check_labels
from edged.errors import BadRelease
from edged.store.manifest import read_manifest
from edged.store.releases import Release

MANIFEST = b"""
format: 1
name: pets
version: "1"
seq: 1
signature:
  inputs: [{name: x, datatype: FP32, shape: [1]}]
  outputs: [{name: y, datatype: FP32, shape: [2], labels: names.txt}]
variants: [{id: a, backend: onnx, file: a.onnx}]
files:
  a.onnx: {sha256: "%064d", size: 1}
  names.txt: {sha256: "%064d", size: 1}
""" % (0, 0)


def release() -> Release:
    """Return a release with labels."""
    return Release(
        name="pets",
        folder="1-aaaaaaaaaaaa",
        path=Path("/nowhere"),
        digest="a" * 64,
        manifest=read_manifest(MANIFEST, "model.yaml"),
        installed_utc=datetime.now(UTC),
    )


def test_a_rotten_label_file_stops_the_load() -> None:
    """With the way to mend it."""
    with pytest.raises(BadRelease, match="another sha256") as caught:
        check_labels(release(), {"names.txt": "names.txt has another sha256"})

    assert caught.value.hint == "install 1 again: edgectl install PATH"


def test_other_rotten_files_are_not_its_business() -> None:
    """A ladder may do without a rung."""
    check_labels(release(), {"a.onnx": "a.onnx has another sha256"})
