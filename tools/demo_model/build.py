"""Build the demo release: train, convert, measure, write.

Law: everything is made and judged in memory first; a build that misses its aims
writes nothing.

    python -m tools.demo_model.build DEMO_FOLDER

writes `digits/` (the bundle), `heldout.npz` and `images/` there.
"""

import logging
import sys
from pathlib import Path

import numpy as np

from tools.demo_model import litert_model, onnx_model, release, train
from tools.demo_model.digits import Samples, load
from tools.demo_model.litert_model import Delegate
from tools.demo_model.net import Array
from tools.demo_model.release import Rung

#: What the release must reach to be written.
LEAST_ACCURACY, MOST_LOSS, MOST_BYTES = 0.975, 0.01, 300_000

#: XNNPACK and the reference kernels round differently; one step of a logit moves a
#: probability by a few steps of 1/256.
MOST_DELEGATE_DRIFT = 8 / 256


def main() -> None:
    """Build and write; exit with a sentence if an aim is missed."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.demo_model.build DEMO_FOLDER")
    # The quantiser asks for a pass that this graph, without batch norms, gains
    # nothing from.
    logging.disable(logging.WARNING)
    known, unseen = load()
    print(f"training on {len(known)} images")
    weights = train.train(known)
    fp32 = onnx_model.fp32(weights)
    files = {
        "digits_fp32.onnx": fp32,
        "digits_int8.onnx": onnx_model.int8(fp32, known.inputs()),
        "digits_int8.tflite": litert_model.int8(weights, known.inputs()),
    }
    answers = {
        name: _answers(name, data, unseen.pixels) for name, data in files.items()
    }
    best = answers["digits_fp32.onnx"]
    rungs = tuple(
        _rung(name, data, answers[name], best, unseen) for name, data in files.items()
    )
    files |= {
        "labels.txt": release.labels(),
        "golden.npz": release.golden(unseen, best),
        "MODEL_CARD.md": release.card(rungs, trained_on=len(known)),
    }
    bundle = {"model.yaml": release.manifest(rungs, files), **files}
    _judge(rungs, sum(map(len, bundle.values())))
    files = {f"digits/{name}": data for name, data in bundle.items()}
    files["heldout.npz"] = release.held_out(unseen)
    for name, data in release.pictures(unseen, best).items():
        files[f"images/{name}"] = data
    _write(Path(sys.argv[1]), files)


def _answers(name: str, data: bytes, pixels: Array) -> Array:
    if name.endswith(".onnx"):
        return onnx_model.answers(data, pixels)
    fast, reference = (
        litert_model.answers(data, pixels, delegate=delegate)
        for delegate in (Delegate.XNNPACK, Delegate.REFERENCE)
    )
    drift = float(np.abs(fast - reference).max())
    if drift > MOST_DELEGATE_DRIFT or (_named(fast) != _named(reference)).any():
        sys.exit(f"cannot accept {name}: XNNPACK and the reference differ by {drift}")
    print(f"{name}: XNNPACK and the reference agree within {drift:.4f}")
    return fast


def _named(answers: Array) -> Array:
    return answers.argmax(axis=-1)


def _rung(name: str, data: bytes, answers: Array, best: Array, unseen: Samples) -> Rung:
    stem, kind = name.removeprefix("digits_").split(".")
    backend = {"onnx": "onnx", "tflite": "litert"}[kind]
    return Rung(
        id=stem if backend == "onnx" else f"{stem}-litert",
        backend=backend,
        file=name,
        data=data,
        right=int((_named(answers) == unseen.labels).sum()),
        agrees=int((_named(answers) == _named(best)).sum()),
        of=len(unseen),
        io="" if backend == "onnx" else "{image: {layout: NHWC}}",
    )


def _judge(rungs: tuple[Rung, ...], size: int) -> None:
    for rung in rungs:
        print(f"{rung.id}: {rung.right} of {rung.of} right, {len(rung.data)} bytes")
    best, *others = rungs
    if best.accuracy < LEAST_ACCURACY:
        sys.exit(f"cannot accept fp32: {best.accuracy:.4f} is below {LEAST_ACCURACY}")
    for rung in others:
        if best.accuracy - rung.accuracy > MOST_LOSS:
            sys.exit(f"cannot accept {rung.id}: it loses more than {MOST_LOSS}")
    if size > MOST_BYTES:
        sys.exit(f"cannot accept the bundle: {size} bytes are over {MOST_BYTES}")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(f"wrote {len(files)} files, {sum(map(len, files.values()))} bytes: {folder}")


if __name__ == "__main__":
    main()
