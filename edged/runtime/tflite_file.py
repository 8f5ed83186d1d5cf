"""What a TensorFlow Lite file says that its interpreter does not tell.

Law: reads through a memory map, a few offsets each; one that leaves the file
raises. Offsets may point anywhere, many to one place too, so work is bounded for the
whole file and nothing is collected. No flatbuffers package: tflite-runtime does not
bring one.
Source: tensorflow/lite/schema/schema.fbs; flatbuffers.dev "Internals".
"""

import mmap
import os
import struct
from io import BufferedReader
from pathlib import Path

import msgspec

from edged.errors import BadModel
from edged.runtime import flatbuffer, tflite_bounds
from edged.runtime.flatbuffer import Table, TooMuch, Work, u32

# Field numbers in the schema.
_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_SIGNATURES = 1, 2, 7
_CODE_DEPRECATED, _CODE_CUSTOM, _CODE_BUILTIN = 0, 1, 3
_SUBGRAPH_TENSORS = 0
_TENSOR_NAME, _TENSOR_IS_VARIABLE = 3, 5
_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS, _SIGNATURE_SUBGRAPH = 0, 1, 4
_MAP_NAME, _MAP_TENSOR = 0, 1

#: BuiltinOperator: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE.
_VARIABLE_OPERATORS = {142, 143, 144}

#: How the converter names a TensorFlow operator that it kept (SELECT_TF_OPS).
_FLEX = "Flex"

#: Custom operators that the LiteRT 2.3 wheel registers; tflite-runtime 2.14 has the
#: first four, and refuses the others itself.
CUSTOM = frozenset(
    {
        "AudioSpectrogram",
        "Mfcc",
        "NumericVerify",
        "TFLite_Detection_PostProcess",
        "aeq.hadamard_rotation",
        "odml.scaled_dot_product_attention",
    }
)

_COPY_AGAIN = "copy it again and compare its sha256 with the original's"


class TfliteFile(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one file.

    Attributes:
        variable_tensors: some tensor keeps its value between runs (RNN, SVDF).
        resource_variables: some operator reads or writes a resource variable.
        aliases: names that the exporter's signature gives to inputs and outputs of
            the main graph, by tensor name.
    """

    variable_tensors: bool
    resource_variables: bool
    aliases: dict[str, str]


def read(path: Path) -> TfliteFile:
    """Read the facts of a file.

    Raises:
        BadModel: not a TensorFlow Lite file, truncated, or one that needs all of
            TensorFlow.
    """
    try:
        with path.open("rb") as file:
            return read_open(file, path.name)
    except OSError as error:
        raise BadModel(f"cannot load {path.name}: {error.strerror}") from error


def read_open(file: BufferedReader, name: str) -> TfliteFile:
    """Read the facts of a file that is open; see `read`.

    Raises:
        BadModel: see there.
        OSError: it cannot be read.
    """
    if file.seek(0, os.SEEK_END) == 0:
        raise BadModel(f"cannot load {name}: the file is empty", hint=_COPY_AGAIN)
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _facts(name, data)
    except TooMuch as error:
        raise BadModel(
            f"cannot load {name}: its tables refer to each other more than "
            f"{flatbuffer.MAX_STEPS} times: it is damaged, or made to keep readers "
            "busy",
            hint=_COPY_AGAIN,
        ) from error
    except (struct.error, IndexError, OverflowError) as error:
        raise BadModel(
            f"cannot load {name}: it is a truncated or damaged TensorFlow Lite file",
            hint=_COPY_AGAIN,
        ) from error


def _facts(name: str, data: mmap.mmap) -> TfliteFile:
    if data[4:8] != b"TFL3":
        raise BadModel(
            f"cannot load {name}: not a TensorFlow Lite file: bytes 4 to 8 are "
            f"{data[4:8]!r}, not b'TFL3'",
            hint="an ONNX file is named .onnx and loaded with the onnx backend",
        )
    model = Table(data, u32(data, 0), Work())
    _refuse_custom(name, model)
    if wrong := tflite_bounds.fault(model, len(data)):
        raise BadModel(
            f"cannot load {name}: a damaged TensorFlow Lite file: {wrong}",
            hint=_COPY_AGAIN,
        )
    codes = {
        max(code.number(_CODE_DEPRECATED, "b"), code.number(_CODE_BUILTIN, "i"))
        for code in model.tables(_MODEL_CODES)
    }
    return TfliteFile(
        variable_tensors=any(
            tensor.number(_TENSOR_IS_VARIABLE, "b")
            for graph in model.tables(_MODEL_SUBGRAPHS)
            for tensor in graph.tables(_SUBGRAPH_TENSORS)
        ),
        resource_variables=bool(codes & _VARIABLE_OPERATORS),
        aliases={
            model.entry(_MODEL_SUBGRAPHS, 0)
            .entry(_SUBGRAPH_TENSORS, pair.number(_MAP_TENSOR, "I"))
            .text(_TENSOR_NAME): pair.text(_MAP_NAME)
            for signature in model.tables(_MODEL_SIGNATURES)
            if signature.number(_SIGNATURE_SUBGRAPH, "I") == 0
            for field in (_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS)
            for pair in signature.tables(field)
        },
    )


def _refuse_custom(name: str, model: Table) -> None:
    for code in model.tables(_MODEL_CODES):
        custom = code.text(_CODE_CUSTOM)
        if custom.startswith(_FLEX):
            raise BadModel(
                f"cannot load {name}: its operator {custom} needs TensorFlow's Flex "
                "delegate, which is not here",
                hint="convert it again with TFLITE_BUILTINS as the only supported_ops",
            )
        if custom and custom not in CUSTOM:
            raise BadModel(
                f"cannot load {name}: unresolved custom op: {custom}; nobody here has "
                "it",
                hint="convert it again without custom operators; there are "
                + ", ".join(sorted(CUSTOM)),
            )
