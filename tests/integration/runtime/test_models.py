"""Real models with real inputs answer as they are known to, behind one signature.

Every file is asked twice: as it is, and through `adapt` by a caller who sends FP32
(NCHW where it is a picture) and cannot tell which file answers.
"""

import json
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from edged.runtime import backends, golden
from edged.runtime.convert import Adapted, adapt
from edged.runtime.golden import GoldenSet
from edged.wire.release import (
    Golden,
    Input,
    Layout,
    Output,
    Signature,
    TensorIO,
    Variant,
)
from edged.wire.tensors import Datatype, Shape

#: Softmax of int8 files comes in steps of 1/256.
QUANTUM = 1 / 256

NHWC = {"input": TensorIO(layout=Layout.NHWC)}
FLAT: dict[str, TensorIO] = {}


def signature(inputs: Shape, outputs: Shape) -> Signature:
    """Describe a net of one FP32 input and one FP32 output."""
    fp32 = Datatype.FP32
    return Signature(
        inputs=(Input(name="input", datatype=fp32, shape=inputs),),
        outputs=(Output(name="probabilities", datatype=fp32, shape=outputs),),
    )


@contextmanager
def served(
    path: Path, declared: Signature, io: dict[str, TensorIO]
) -> Iterator[Adapted]:
    """Load a file behind a signature."""
    backend = backends.SUFFIXES[path.suffix]
    layout = io if path.suffix == ".tflite" else {}
    variant = Variant(id=path.stem, backend=backend, file=path.name, io=layout)
    adapted = adapt(backends.load(backend, path, threads=1), declared, variant)
    yield adapted
    adapted.close()


def ask(adapted: Adapted, samples: np.ndarray) -> np.ndarray:
    """Answer samples [n, ...] one by one, as [n, classes]."""
    answers = [
        adapted.run({"input": sample[np.newaxis]}, ("probabilities",))["probabilities"]
        for sample in samples
    ]
    return np.concatenate(answers)


def expected(folder: Path) -> dict[str, Any]:
    """Read what a folder's files are known to answer."""
    known: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return known


def tolerance(file: str) -> float:
    """Return how far a probability may be off: the README's words."""
    return 1.01 * QUANTUM if "int8" in file or "quant" in file else 1e-3


@pytest.mark.parametrize(
    "file",
    [
        *("resnet8_float.tflite", "resnet8_fp32.onnx", "resnet8_int8.tflite"),
        *("resnet_large_float.tflite", "resnet_large_fp32.onnx"),
        "resnet_large_int8.tflite",
    ],
)
def test_image_classes(models: Path, file: str) -> None:
    """CIFAR-10: the share of right answers and the first image's probabilities."""
    folder = models / "mlperf-tiny-ic"
    data = np.load(folder / "cifar10_jpeg_300.npz")
    pictures = np.float32(data["images"].transpose(0, 3, 1, 2))
    known = expected(folder)[file]

    with served(folder / file, signature((1, 3, 32, 32), (1, 10)), NHWC) as model:
        answers = ask(model, pictures)

    classes = answers.argmax(axis=1)
    right = float((classes == data["labels"]).mean())
    assert right == pytest.approx(known["top1_on_300"], abs=1e-3)
    assert classes[:20].tolist() == known["argmax_first_20"]
    assert answers[0] == pytest.approx(
        known["first_image"]["probs"], abs=tolerance(file)
    )


@pytest.mark.parametrize(
    "file", ["kws_float.tflite", "kws_fp32.onnx", "kws_int8.tflite"]
)
def test_keywords(models: Path, file: str) -> None:
    """Speech commands from MFCC frames; one channel, so layouts differ in name only."""
    folder = models / "mlperf-tiny-kws"
    data = np.load(folder / "mfcc_300.npz")
    frames = np.float32(
        (np.float32(data["features_int8"]) - data["zero_point"]) * data["scale"]
    ).reshape(300, 1, 49, 10)
    known = expected(folder)[file]

    with served(folder / file, signature((1, 1, 49, 10), (1, 12)), NHWC) as model:
        answers = ask(model, frames)

    right = float((answers.argmax(axis=1) == data["labels"]).mean())
    assert right == pytest.approx(known["top1_on_300"], abs=1e-3)
    assert answers[0] == pytest.approx(known["first"]["probs"], abs=tolerance(file))


@pytest.mark.parametrize(
    "file", ["vww_float.tflite", "vww_fp32.onnx", "vww_int8.tflite"]
)
def test_persons(models: Path, file: str) -> None:
    """Visual wake words: the probability of a person in ten pictures."""
    folder = models / "mlperf-tiny-vww"
    known = expected(folder)["person_probability"][file]
    pictures = np.stack(
        [np.asarray(Picture.open(folder / "images" / name)) for name in known]
    )
    sent = np.float32(pictures.transpose(0, 3, 1, 2)) / 255

    with served(folder / file, signature((1, 3, 96, 96), (1, 2)), NHWC) as model:
        answers = ask(model, sent)

    assert answers[:, 1] == pytest.approx(list(known.values()), abs=tolerance(file))


@pytest.mark.parametrize("file", ["ad_float.tflite", "ad_fp32.onnx", "ad_int8.tflite"])
def test_anomalies(models: Path, file: str) -> None:
    """An autoencoder's mean squared error over one clip, in one batch of 196."""
    folder = models / "mlperf-tiny-ad"
    clip = folder / "normal_id_01_00000000_logmel_200x128_f32.bin"
    bins = np.fromfile(clip, np.float32).reshape(200, 128)
    windows = np.stack([bins[start : start + 5].ravel() for start in range(196)])
    known = expected(folder)["anomaly_score_mean_mse"][file]

    with served(folder / file, signature((-1, 640), (-1, 640)), FLAT) as model:
        answers = model.run({"input": windows}, ("probabilities",))["probabilities"]

    score = float(((answers - windows) ** 2).mean())
    assert score == pytest.approx(known, abs=1e-3)


@pytest.mark.parametrize(
    ("file", "side"),
    [
        ("mobilenet_v1_0.25_128_quant.tflite", 128),
        ("mobilenet_v1_0.25_128_fp32.onnx", 128),
        ("mobilenet_v1_0.5_160_quant.tflite", 160),
        ("mobilenet_v2_1.0_224_quant.tflite", 224),
        ("mobilenet_v2_1.0_224_fp32.onnx", 224),
    ],
)
def test_thousand_classes(models: Path, file: str, side: int) -> None:
    """ImageNet: one caller's FP32 NCHW pictures for uint8 NHWC and FP32 NCHW files."""
    folder = models / "mobilenet-ladder"
    known = expected(folder)
    sent = np.stack(
        [
            np.asarray(
                Picture.open(next((folder / "images").glob(f"{name}.*")))
                .convert("RGB")
                .resize((side, side), Picture.Resampling.BILINEAR)
            )
            for name in known
        ]
    )
    pixels = np.float32(sent.transpose(0, 3, 1, 2))
    trained = (pixels - 127.5) / 127.5
    # The uint8 files say (pixel - 128) / 128, so the exact pixel needs that.
    exact = (pixels - 128) / 128 if file.endswith("tflite") else trained

    declared = signature((1, 3, side, side), (1, 1001))
    with served(folder / file, declared, NHWC) as model:
        answers = ask(model, exact)
        same_as_trained = ask(model, trained)

    for answer, known_of_picture in zip(answers, known.values(), strict=True):
        for index, _, probability in known_of_picture[file]:
            assert answer[index] == pytest.approx(probability, abs=tolerance(file))
    tops = [known_of_picture[file][0][0] for known_of_picture in known.values()]
    assert tops == answers.argmax(axis=1).tolist()
    # Off by one of 256 in bright pixels, the smallest net changes its mind on a cat
    # that it held 1.6 % more likely than the next.
    assert (same_as_trained.argmax(axis=1) == tops).sum() >= len(tops) - 1


def test_voice_activity(models: Path) -> None:
    """A caller who carries the state: 625 frames of real speech."""
    folder = models / "silero-vad"
    with wave.open(str(folder / "speech_20s_16k.wav")) as sound:
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    chunks = (np.float32(pcm) / 32768)[: 625 * 512].reshape(625, 512)
    path = folder / "silero_vad_16k_op15.onnx"
    loaded = backends.load(backends.SUFFIXES[".onnx"], path, threads=1)
    state, tail, got = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []

    for chunk in chunks:
        feeds = {
            "input": np.concatenate([tail, chunk])[np.newaxis],
            "state": state,
            "sr": np.array(16000, np.int64),
        }
        answers = loaded.run(feeds, ("output", "stateN"))
        state, tail = answers["stateN"], chunk[-64:]
        got.append(float(answers["output"][0, 0]))

    assert got == pytest.approx(
        np.load(folder / "expected_probs.npy").ravel(), abs=1e-3
    )


@pytest.mark.parametrize(
    ("folder", "net", "shape", "classes"),
    [
        ("mlperf-tiny-ic", "resnet8", (1, 3, 32, 32), 10),
        ("mlperf-tiny-ic", "resnet_large", (1, 3, 32, 32), 10),
        ("mlperf-tiny-vww", "vww", (1, 3, 96, 96), 2),
    ],
)
def test_two_runtimes_agree_behind_one_signature(
    models: Path, folder: str, net: str, shape: Shape, classes: int
) -> None:
    """The ONNX file and the float TFLite of one net give the same answers."""
    declared = signature(shape, (1, classes))
    pictures = np.random.default_rng(0).uniform(0, 1, (8, *shape[1:]))
    sent = np.float32(pictures * (1 if net == "vww" else 255))

    with served(models / folder / f"{net}_fp32.onnx", declared, NHWC) as onnx:
        one = ask(onnx, sent)
    with served(models / folder / f"{net}_float.tflite", declared, NHWC) as litert:
        other = ask(litert, sent)

    assert other == pytest.approx(one, abs=1e-4)


def test_a_real_ladder_passes_its_golden_check_and_a_collapsed_rung_does_not(
    models: Path,
) -> None:
    """int8 agrees with fp32 on real pictures; with a wrong scale it does not."""
    folder = models / "mlperf-tiny-ic"
    pictures = np.load(folder / "cifar10_jpeg_300.npz")["images"][:50]
    sent = np.float32(pictures.transpose(0, 3, 1, 2))[:, np.newaxis]
    declared = signature((1, 3, 32, 32), (1, 10))
    rules = Golden(file="g.npz", agreement=0.94)
    wrong = {"input": TensorIO(layout=Layout.NHWC, scale=1e6, zero_point=0)}
    asked = GoldenSet(inputs={"input": sent}, outputs={}, samples=50)

    with served(folder / "resnet8_fp32.onnx", declared, NHWC) as best:
        known = golden.answer(best, declared, asked)
    with served(folder / "resnet8_int8.tflite", declared, NHWC) as int8:
        good = golden.check(int8, known, rules, best=False)
    with served(folder / "resnet8_int8.tflite", declared, wrong) as broken:
        bad = golden.check(broken, known, rules, best=False)

    assert good.ok, good.text
    assert bad.verdict is golden.Verdict.COLLAPSED, bad.text
