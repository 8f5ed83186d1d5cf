"""Fuzz the readers of model files: whatever the bytes, an answer or `BadModel`.

    make fuzz

Law: as `tests.fuzz.express`; the tests run `check` on what hypothesis draws.
"""

import importlib
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from edged.errors import BadModel
from edged.runtime import (
    flatbuffer,
    onnx_file,
    protobuf,
    tflite_bounds,
    tflite_calls,
    tflite_file,
)
from tests.data import onnx_files, tflite_files

ONNX = (
    onnx_files.adder(),
    onnx_files.with_external_tensor("w.bin", offset="4", length="16"),
    onnx_files.with_hidden_external_tensor("w", depth=3),
    onnx_files.with_functions(onnx_files.function("L", "F", [("", "Relu")] * 3)),
)
TFLITE = (
    tflite_files.accumulator(),
    tflite_files.recurrent(),
    tflite_files.named_adder(input_name="a", output_name="b"),
)


def check(data: bytes, path: Path) -> None:
    """Read the bytes as a model file, by both readers.

    Args:
        data: of the file.
        path: where it is put.
    """
    path.write_bytes(data)
    with suppress(BadModel):
        onnx_file.external_files(path)
    with suppress(BadModel):
        tflite_file.read(path)


def main() -> None:
    """Look for bytes that break them; the last argument is a folder for the corpus."""
    atheris = importlib.import_module("atheris")  # for whoever fuzzes; it has no types
    corpus = Path(sys.argv[-1])
    corpus.mkdir(parents=True, exist_ok=True)
    for index, whole in enumerate((*ONNX, *TFLITE)):
        (corpus / f"seed-{index}").write_bytes(whole)
    readers = (
        protobuf,
        onnx_file,
        flatbuffer,
        tflite_file,
        tflite_bounds,
        tflite_calls,
    )
    for module in readers:
        for one in tuple(vars(module).values()):
            if getattr(one, "__module__", None) != module.__name__:
                continue
            methods = vars(one).values() if isinstance(one, type) else (one,)
            for function in methods:
                if hasattr(function, "__code__"):
                    atheris.instrument_func(function)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        atheris.Setup(sys.argv, lambda data: check(data, path))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
