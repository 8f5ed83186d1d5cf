"""The committed demo release, file by file, in the real runtimes themselves.

Nothing of edged runs here but the manifest reader: what the manifest and the model
card claim must hold without us.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edged.store.manifest import read_manifest
from edged.wire.release import BackendName, Manifest, Variant

Array = npt.NDArray[Any]
Answer = Callable[[Array], Array]

DEMO = Path(__file__).resolve().parents[2] / "demo"
BUNDLE = DEMO / "digits"

#: Accuracy may move this much between runtime versions and CPUs: one image of 510.
ACCURACY_SLACK = 0.002

#: What all files of the release may weigh together.
MOST_BYTES = 300_000


def _manifest() -> Manifest:
    path = BUNDLE / "model.yaml"
    return read_manifest(path.read_bytes(), str(path))


MANIFEST = _manifest()


def _onnx(path: Path) -> Answer:
    import onnxruntime as ort  # noqa: PLC0415  # after conftest has set its environment

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def answer(image: Array) -> Array:
        return np.asarray(session.run(["probabilities"], {"image": image})[0])

    return answer


def _litert(path: Path) -> Answer:
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  # as above

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    target = interpreter.get_output_details()[0]
    (scale_in, zero_in), (scale_out, zero_out) = (
        source["quantization"],
        target["quantization"],
    )

    def answer(image: Array) -> Array:
        stored = np.rint(image.transpose(0, 2, 3, 1) / scale_in + zero_in)
        interpreter.set_tensor(source["index"], stored.astype(np.int8))
        interpreter.invoke()
        raw = interpreter.get_tensor(target["index"]).astype(np.float32)
        return np.asarray((raw - zero_out) * scale_out)

    return answer


def _run(variant: Variant) -> Answer:
    load = {BackendName.ONNX: _onnx, BackendName.LITERT: _litert}[variant.backend]
    return load(BUNDLE / variant.file)


@pytest.fixture(params=MANIFEST.variants, ids=lambda variant: variant.id)
def variant(request: pytest.FixtureRequest) -> Variant:
    """Return each rung of the ladder in turn."""
    found: Variant = request.param
    return found


def test_files_are_those_of_the_manifest() -> None:
    """Every file has the digest and size that the manifest names; none is left out."""
    claimed = {name: (f.sha256, f.size) for name, f in MANIFEST.files.items()}

    found = {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in BUNDLE.iterdir()
        if path.name != "model.yaml"
    }

    assert claimed == found


def test_release_stays_small() -> None:
    """The release is small enough to be committed."""
    size = sum(path.stat().st_size for path in BUNDLE.iterdir())

    assert size <= MOST_BYTES


def test_ladder_holds_both_runtimes_and_both_precisions() -> None:
    """The demo shows what a ladder is for: the same answers at other prices."""
    ladder = [(variant.id, variant.backend.value) for variant in MANIFEST.variants]

    assert [("fp32", "onnx"), ("int8", "onnx"), ("int8-litert", "litert")] == ladder


def test_held_out_accuracy_is_what_the_manifest_says(variant: Variant) -> None:
    """Each variant names as many held-out images rightly as its author claims."""
    held_out = np.load(DEMO / "heldout.npz")
    answer = _run(variant)

    guesses = [
        answer(image[None, None].astype(np.float32) / np.float32(255)).argmax()
        for image in held_out["images"]
    ]

    accuracy = float((np.array(guesses) == held_out["labels"]).mean())
    assert variant.accuracy == pytest.approx(accuracy, abs=ACCURACY_SLACK)


def test_model_card_tells_the_manifests_accuracy(variant: Variant) -> None:
    """The card and the manifest state one figure for each variant."""
    card = (BUNDLE / "MODEL_CARD.md").read_text()

    row = next(line for line in card.splitlines() if f"| `{variant.id}` |" in line)

    assert f"**{variant.accuracy:.2%}**" in row


def test_golden_answers_come_back(variant: Variant) -> None:
    """The best variant is within tolerance; the others agree on the digit."""
    golden = MANIFEST.golden
    assert golden is not None
    known = np.load(BUNDLE / golden.file)
    answer = _run(variant)

    found = np.stack([answer(image) for image in known["image"]])

    expected = known["probabilities"]
    agreement = float((found.argmax(axis=-1) == expected.argmax(axis=-1)).mean())
    assert agreement >= golden.agreement
    if variant is MANIFEST.variants[0]:
        tolerance = golden.tolerance
        np.testing.assert_allclose(
            found, expected, rtol=tolerance.rtol, atol=tolerance.atol
        )


def test_pictures_are_named_after_what_they_show() -> None:
    """Each committed 8x8 picture shows the digit in its file's name."""
    image = pytest.importorskip("PIL.Image")
    answer = _run(MANIFEST.variants[0])
    paths = sorted(DEMO.glob("images/digit_?.png"))

    seen = {}
    for path in paths:
        pixels = np.asarray(image.open(path), dtype=np.float32) / np.float32(255)
        seen[path.stem] = int(answer(pixels[None, None]).argmax())

    assert {f"digit_{digit}": digit for digit in range(10)} == seen
