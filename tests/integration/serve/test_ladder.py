"""A release's variants in memory."""

from pathlib import Path

import numpy as np
import pytest

from edged.errors import BadModel
from edged.serve.ladder import load_ladder
from edged.store.releases import Release
from edged.wire.release import BackendName, Variant
from tests.data import tflite_files
from tests.fakes.box import Box, bundle

ONES = {"x": np.ones((1, 4), "<f4")}
TWO = (
    Variant(id="big", backend=BackendName.ONNX, file="model.onnx"),
    Variant(id="small", backend=BackendName.LITERT, file="small.tflite"),
)


@pytest.fixture
async def release(tmp_path: Path) -> Release:
    """Return an installed release of two rungs."""
    box = Box(tmp_path)
    await box.start()
    files = bundle(extra={"small.tflite": tflite_files.adder()}, variants=TWO)
    live = (await box.install(files)).live
    box.close()
    assert live is not None
    return box.releases.read("sums", live.folder)


def test_rungs_stand_best_first(release: Release) -> None:
    """In the manifest's order, each behind the same signature."""
    ladder = load_ladder(release, threads=1, strict=True)

    answers = [rung.run(ONES, ("y",)).outputs["y"].tolist() for rung in ladder.rungs]

    assert [rung.id for rung in ladder.rungs] == ["big", "small"]
    assert answers == [[[2.0] * 4]] * 2
    ladder.close()


def test_a_rung_that_does_not_load_is_left_out_with_its_reason(
    release: Release,
) -> None:
    """Unless the caller is strict; with none left it is an error."""
    big, small = release.path / "model.onnx", release.path / "small.tflite"
    big.write_bytes(b"nothing")

    ladder = load_ladder(release, threads=1, strict=False)
    with pytest.raises(BadModel, match=r"model\.onnx"):
        load_ladder(release, threads=1, strict=True)
    small.write_bytes(b"nothing")
    with pytest.raises(BadModel, match="none of its 2 variants loads"):
        load_ladder(release, threads=1, strict=False)

    assert [rung.id for rung in ladder.rungs] == ["small"]
    assert "model.onnx" in ladder.failures["big"].message
    ladder.close()


def test_a_run_is_timed_on_the_monotonic_clock(release: Release) -> None:
    """Its end is not before its start."""
    ladder = load_ladder(release, threads=1, strict=True)

    ran = ladder.rungs[0].run(ONES, ("y",))

    assert 0 < ran.started_ns <= ran.ended_ns
    ladder.close()
