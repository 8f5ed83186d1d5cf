"""A manifest for a bare model file."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edged.errors import BadBundle, BadModel
from edged.runtime import backends, convert, golden
from edged.runtime.draft import draft
from edged.wire.release import (
    BackendName,
    FileEntry,
    GoldenSource,
    Manifest,
    StateMode,
    TensorIO,
)
from tests.data import onnx_files, tflite_files


def drafted(
    folder: Path, name: str, data: bytes, given: Path | None = None
) -> tuple[Manifest, golden.GoldenSet]:
    """Write a bare file, draft it, and read its golden set back."""
    path = folder / name
    path.write_bytes(data)
    manifest, extra = draft(path, name="m", seq=3, golden=given)
    (folder / "out.npz").write_bytes(extra["golden.npz"])
    return manifest, golden.read(folder / "out.npz", manifest.signature)


def tensors(manifest: Manifest) -> list[str]:
    """Return inputs and outputs as people read them."""
    return [str(spec) for specs in manifest.signature.specs() for spec in specs]


def test_an_onnx_file_describes_itself(tmp_path: Path) -> None:
    """Signature from the graph, answers recorded, files by their bytes."""
    data = onnx_files.adder()

    manifest, known = drafted(tmp_path, "m.onnx", data)

    assert ("m", "3", 3) == (manifest.name, manifest.version, manifest.seq)
    assert tensors(manifest) == ["x: FP32[?,4]", "y: FP32[?,4]"]
    assert manifest.variants[0].backend is BackendName.ONNX
    assert manifest.files["m.onnx"] == FileEntry(
        sha256=hashlib.sha256(data).hexdigest(), size=len(data)
    )
    assert manifest.golden is not None
    assert manifest.golden.source is GoldenSource.GENERATED
    assert np.array_equal(2 * known.inputs["x"], known.outputs["y"])


def test_the_draft_serves_what_it_describes(tmp_path: Path) -> None:
    """Loaded again, it gives its golden answers."""
    data = tflite_files.adder(stored=np.int8, quantization=(0.5, 3))
    manifest, known = drafted(tmp_path, "m.tflite", data)
    variant = manifest.variants[0]

    loaded = backends.load(variant.backend, tmp_path / variant.file, threads=1)
    adapted = convert.adapt(loaded, manifest.signature, variant)

    assert manifest.golden is not None
    assert golden.check(adapted, known, manifest.golden, best=True).ok


def test_quantised_tensors_are_offered_as_real_numbers(tmp_path: Path) -> None:
    """Callers need not know a scale; made-up inputs are ones it can say."""
    data = tflite_files.adder(stored=np.int8, quantization=(0.5, 3))

    manifest, known = drafted(tmp_path, "m.tflite", data)

    assert tensors(manifest) == ["x: FP32[1,4]", "y: FP32[1,4]"]
    assert -65.5 <= known.inputs["x"].min() < known.inputs["x"].max() <= 62.0
    assert manifest.golden is not None
    assert manifest.golden.tolerance.atol == 1.0  # two quanta


@pytest.mark.parametrize(
    ("file_names", "clean"),
    [
        (("serving_default_x:0", "StatefulPartitionedCall:0"), ("x", "output")),
        (("Model/in put", "Model/Softmax"), ("in_put", "Softmax")),
        (("a", "scope/a"), ("a", "a_1")),
        (("///", "42"), ("input", "output")),
    ],
)
def test_converters_names_are_cleaned(
    tmp_path: Path, file_names: tuple[str, str], clean: tuple[str, str]
) -> None:
    """The signature has usable names, `io` the file's own."""
    data = tflite_files.adder(name=file_names[0], output=file_names[1])

    manifest, _ = drafted(tmp_path, "m.tflite", data)

    names = tuple(text.partition(":")[0] for text in tensors(manifest))
    assert names == clean
    assert manifest.variants[0].io == {
        name: TensorIO(tensor=tensor)
        for name, tensor in zip(clean, file_names, strict=True)
        if name != tensor
    }


def test_the_exporters_own_names_win(tmp_path: Path) -> None:
    """A signature in the file says what its author calls the tensors."""
    data = tflite_files.named_adder(input_name="samples", output_name="score")

    manifest, _ = drafted(tmp_path, "m.tflite", data)

    assert tensors(manifest) == ["samples: FP32[1,4]", "score: FP32[1,4]"]


def test_a_batch_is_free_only_where_the_graph_runs_with_it(tmp_path: Path) -> None:
    """The converter says -1 in both files."""
    free, _ = drafted(tmp_path, "f.tflite", tflite_files.adder(dynamic=True))
    fixed, _ = drafted(tmp_path, "r.tflite", tflite_files.reshaper())

    assert tensors(free) == ["x: FP32[?,4]", "y: FP32[?,4]"]
    assert tensors(fixed) == ["x: FP32[1,2,2]", "y: FP32[1,4]"]


def test_a_model_with_variables_is_a_sequence_model(tmp_path: Path) -> None:
    """Each golden sample starts afresh."""
    manifest, known = drafted(tmp_path, "m.tflite", tflite_files.accumulator())

    assert manifest.state is StateMode.SEQUENCE
    assert np.array_equal(known.inputs["x"], known.outputs["y"])


def test_given_inputs_are_real_and_their_answers_recorded(tmp_path: Path) -> None:
    """Arrays by the file's name, samples along the first axis, no batch dimension."""
    given = tmp_path / "given.npz"
    np.savez(given, **{"serving_default_x:0": np.ones((5, 4))})
    data = tflite_files.adder(name="serving_default_x:0")

    manifest, known = drafted(tmp_path, "m.tflite", data, given)

    assert manifest.golden is not None
    assert manifest.golden.source is GoldenSource.REAL
    assert known.outputs["y"].tolist() == [[[2, 2, 2, 2]]] * 5


def test_given_outputs_are_kept(tmp_path: Path) -> None:
    """Known answers are not overwritten by what this machine says."""
    given = tmp_path / "given.npz"
    np.savez(given, x=np.ones((1, 1, 4)), y=np.full((1, 1, 4), 9.0))

    _, known = drafted(tmp_path, "m.onnx", onnx_files.adder(), given)

    assert known.outputs["y"].tolist() == [[[9, 9, 9, 9]]]


def test_external_data_belong_to_the_release(tmp_path: Path) -> None:
    """Every file that the model needs is listed."""
    (tmp_path / "w.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())

    manifest, _ = drafted(tmp_path, "m.onnx", onnx_files.with_external_tensor("w.bin"))

    assert set(manifest.files) == {"m.onnx", "w.bin", "golden.npz"}


def test_a_draft_is_the_same_every_time(tmp_path: Path) -> None:
    """So an installation can be repeated."""
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx_files.adder())

    first, again = (draft(path, name="m", seq=1, golden=None) for _ in range(2))

    assert first == again


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    """The format is in the name."""
    with pytest.raises(BadBundle, match=r"ends in \.onnx or \.tflite"):
        draft(tmp_path / "m.pb", name="m", seq=1, golden=None)


def test_a_model_that_made_up_inputs_do_not_suit_asks_for_real_ones(
    models: Path,
) -> None:
    """A speech model wants more than one sample of sound."""
    path = models / "silero-vad" / "silero_vad_16k_op15.onnx"

    with pytest.raises(BadModel, match="cannot record golden answers") as caught:
        draft(path, name="vad", seq=1, golden=None)

    assert "--golden inputs.npz" in caught.value.hint


def test_a_speech_model_is_drafted_from_real_inputs(
    models: Path, tmp_path: Path
) -> None:
    """Three inputs, one of them a scalar; two outputs of open shape."""
    given = tmp_path / "given.npz"
    np.savez(
        given,
        input=np.zeros((2, 1, 576), np.float32),
        state=np.zeros((2, 2, 1, 128), np.float32),
        sr=np.array([16000, 16000]),
    )
    path = models / "silero-vad" / "silero_vad_16k_op15.onnx"

    manifest, extra = draft(path, name="vad", seq=1, golden=given)

    (tmp_path / "out.npz").write_bytes(extra["golden.npz"])
    known = golden.read(tmp_path / "out.npz", manifest.signature)
    assert tensors(manifest)[2] == "sr: INT64[]"
    assert known.outputs["stateN"].shape == (2, 2, 1, 128)
