"""What a TensorFlow Lite file says that its interpreter does not tell.

Law: reads through a memory map, a few offsets each; one that leaves the file
raises. Offsets may point anywhere, many to one place too, so work is bounded for the
whole file and nothing is collected. No flatbuffers package: tflite-runtime does not
bring one.
Source: tensorflow/lite/schema/schema.fbs; flatbuffers.dev "Internals".
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edged.errors import BadModel

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

_COPY_AGAIN = "copy it again and compare its sha256 with the original's"

#: Tables and pieces of text looked at; real files have some
#: thousand tensors. 0.3 s on a laptop.
MAX_STEPS = 500_000

#: Bytes of text that count as one step.
_TEXT_PIECE = 64


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
            if file.seek(0, 2) == 0:
                raise BadModel(
                    f"cannot load {path.name}: the file is empty", hint=_COPY_AGAIN
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _facts(path.name, data)
    except _TooMuch as error:
        raise BadModel(
            f"cannot load {path.name}: its tables refer to each other more than "
            f"{MAX_STEPS} times: it is damaged, or made to keep readers busy",
            hint=_COPY_AGAIN,
        ) from error
    except OSError as error:
        raise BadModel(f"cannot load {path.name}: {error.strerror}") from error
    except (struct.error, IndexError, OverflowError) as error:
        raise BadModel(
            f"cannot load {path.name}: it is a truncated or damaged TensorFlow Lite "
            "file",
            hint=_COPY_AGAIN,
        ) from error


def _facts(name: str, data: mmap.mmap) -> TfliteFile:
    if data[4:8] != b"TFL3":
        raise BadModel(
            f"cannot load {name}: not a TensorFlow Lite file: bytes 4 to 8 are "
            f"{data[4:8]!r}, not b'TFL3'",
            hint="an ONNX file is named .onnx and loaded with the onnx backend",
        )
    model = _Table(data, _u32(data, 0), _Work())
    _refuse_flex(name, model)
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


def _refuse_flex(name: str, model: "_Table") -> None:
    for code in model.tables(_MODEL_CODES):
        custom = code.text(_CODE_CUSTOM)
        if custom.startswith(_FLEX):
            raise BadModel(
                f"cannot load {name}: its operator {custom} needs TensorFlow's Flex "
                "delegate, which is not here",
                hint="convert it again with TFLITE_BUILTINS as the only supported_ops",
            )


class _TooMuch(Exception):  # never leaves this module
    """A file asks for more work than any real one."""


class _Work:
    """How much of one file may still be looked at."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            _TooMuch: it was the last straw.
        """
        self._left -= steps
        if self._left < 0:
            raise _TooMuch


class _Table:
    """A flatbuffers table: fields by number, absent ones are their default."""

    def __init__(self, data: mmap.mmap, at: int, work: _Work) -> None:
        work.spend(1)
        self._data = data
        self._at = at
        self._work = work
        self._vtable = at - struct.unpack_from("<i", data, at)[0]
        self._size = struct.unpack_from("<H", data, self._vtable)[0]

    def number(self, field: int, kind: str) -> int:
        """Read a scalar of a struct format; 0 where absent."""
        at = self._field(field)
        return int(struct.unpack_from("<" + kind, self._data, at)[0]) if at else 0

    def text(self, field: int) -> str:
        """Read a string; empty where absent."""
        at = self._field(field)
        if not at:
            return ""
        start = at + _u32(self._data, at)
        length = _u32(self._data, start)
        self._work.spend(length // _TEXT_PIECE)
        raw = self._data[start + 4 : start + 4 + length]
        return raw.decode("utf-8", "replace")

    def tables(self, field: int) -> Iterator["_Table"]:
        """Yield the tables of a vector; none where absent."""
        start, count = self._vector(field)
        for entry in range(start, start + 4 * count, 4):
            yield _Table(self._data, entry + _u32(self._data, entry), self._work)

    def entry(self, field: int, index: int) -> "_Table":
        """Return one table of a vector.

        Raises:
            IndexError: it has no such entry.
        """
        start, count = self._vector(field)
        if index >= count:
            raise IndexError(index)
        at = start + 4 * index
        return _Table(self._data, at + _u32(self._data, at), self._work)

    def _vector(self, field: int) -> tuple[int, int]:
        """Return where a vector's entries begin, and how many there are."""
        at = self._field(field)
        if not at:
            return 0, 0
        start = at + _u32(self._data, at)
        return start + 4, _u32(self._data, start)

    def _field(self, number: int) -> int:
        slot = 4 + 2 * number
        if slot >= self._size:
            return 0
        offset = struct.unpack_from("<H", self._data, self._vtable + slot)[0]
        return self._at + offset if offset else 0


def _u32(data: mmap.mmap, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])
