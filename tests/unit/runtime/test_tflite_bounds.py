"""Does a TensorFlow Lite file refer to what it has?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edged.errors import BadModel
from edged.runtime.tflite_file import read
from tests.data import tflite_files

Spoil = Callable[[Any], None]


def _spoiled(spoil: Spoil) -> bytes:
    """Write an adder with a signature, spoilt."""
    whole = tflite_files.named_adder(input_name="a", output_name="b")
    model = schema.ModelT.InitFromPackedBuf(bytearray(whole), 0)
    spoil(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _set(model: Any, path: str, value: object) -> None:
    """Set what a dotted path of attributes and indices leads to."""
    *way, last = path.split(".")
    for step in way:
        model = model[int(step)] if step.isdigit() else getattr(model, step)
    setattr(model, last, value)


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        ("subgraphs.0.inputs", [2], "an input or output is a tensor"),
        ("subgraphs.0.outputs", [-1], "an input or output is a tensor"),
        ("subgraphs.0.operators.0.inputs", [0, 2], "operator 0 takes or gives"),
        ("subgraphs.0.operators.0.inputs", [-2], "operator 0 takes or gives"),
        ("subgraphs.0.operators.0.outputs", [-1], "operator 0 takes or gives"),
        ("subgraphs.0.operators.0.opcodeIndex", 1, "operator 0 is of a kind"),
        ("subgraphs.0.tensors.1.buffer", 99, "tensor 1 is in a buffer"),
        ("subgraphs.0.tensors.0.shape", [1 << 21, 1 << 20], "tensor 0 claims more"),
        ("buffers.0.size", 1 << 40, "a buffer lies outside"),
        ("signatureDefs.0.subgraphIndex", 1, "a signature is of a subgraph"),
        ("signatureDefs.0.inputs.0.tensorIndex", 2, "a signature names a tensor"),
    ],
)
def test_what_is_not_there_is_refused(
    tmp_path: Path, path: str, value: object, wrong: str
) -> None:
    """The interpreter would read behind its end."""
    file = tmp_path / "m.tflite"
    file.write_bytes(_spoiled(lambda model: _set(model, path, value)))

    with pytest.raises(BadModel, match=wrong):
        read(file)


def test_an_input_that_is_left_out_is_none_of_the_faults(tmp_path: Path) -> None:
    """Minus one says so."""
    spoil: Spoil = lambda m: _set(m, "subgraphs.0.operators.0.inputs", [0, -1])  # noqa: E731
    file = tmp_path / "m.tflite"
    file.write_bytes(_spoiled(spoil))

    read(file)
