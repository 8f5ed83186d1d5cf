"""What edged must know of an ONNX file before a runtime sees it.

Law: reads field headers only, through a memory map; bounded in depth and in number
of fields; never follows a reference. No protobuf package.

Which other files does it name? ONNX lets a tensor live in a file of its own
("external data"), and that name is an attacker's to choose (CVE-2022-25882,
CVE-2024-27318, CVE-2026-27489). Do its tensors fit into what is there (`onnx_bounds`)?
Has anybody here its operators (`onnx_ops`)? All else is the runtime's to judge, such
as an opset that it does not know yet.
Source: onnx/onnx.proto.
"""

import mmap
import os
from io import BufferedReader
from pathlib import Path

from edged.errors import BadModel
from edged.host.beneath import Elsewhere, open_plain
from edged.runtime import onnx_bounds
from edged.runtime.onnx_bounds import Piece
from edged.runtime.onnx_ops import MAIN, Calls
from edged.runtime.protobuf import COPY_AGAIN, Field, Fields, Wire

#: Messages inside messages: a graph in an attribute of a node is three levels. Real
#: models nest control flow a few times; protobuf's own parsers stop at 100.
MAX_DEPTH = 100

#: Files that tensors lie in: one for each tensor, where an exporter likes it so.
MAX_FILES = 10_000

#: Which fields of a message are looked into: field number -> message kind.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 8: "Opset", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        22: "Sparse",
        23: "Sparse",
    },
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 9: "Opset", 11: "Attribute"},
}

#: Fields that hold one message: a parser merges a second one into the first, so that
#: the parts are harmless and the whole is not. No exporter writes two.
_ONCE: dict[str, frozenset[int]] = {
    "Model": frozenset({7}),
    "Attribute": frozenset({5, 6, 22}),
    "Sparse": frozenset({1, 2}),
    "Training": frozenset({1, 2}),
}

#: Texts that name an operator or a function: domain, name, overload.
_NAMES: dict[str, tuple[int, int, int]] = {
    "Node": (7, 4, 8),
    "Function": (10, 1, 13),
}
_GRAPH_FIELD = 7

#: An empty message is as much work as so many fields: 1.9 us, and 0.5.
_MESSAGE_STEPS = 3
_OPSET_VERSION = 2

#: onnxruntime takes it for an address in its memory: kTensorProtoMemoryAddressTag.
_ADDRESS = "_ORT_MEM_ADDR_"

#: Where a TensorFlow Lite file has its mark.
_TFLITE_MARK = slice(4, 8)


def external_files(path: Path) -> tuple[str, ...]:
    """Check an ONNX file; return the names of the files that it keeps tensors in.

    Returns:
        Relative POSIX paths, sorted; each is a regular file in the model's own folder
        or below it, reached through no link, and as long as its tensors need.

    Raises:
        BadModel: not an ONNX file, truncated, one that claims what is not there, one
            with operators that nobody here has, or a name that leaves the folder or
            leads to no regular file.
    """
    try:
        with path.open("rb") as file:
            return external_files_of(file, path)
    except OSError as error:
        raise BadModel(f"cannot load {path.name}: {error.strerror}") from error


def external_files_of(file: BufferedReader, path: Path) -> tuple[str, ...]:
    """Check a file that is open; see `external_files`.

    Args:
        file: open for reading.
        path: its name and folder; not opened again.

    Raises:
        BadModel: see there.
        OSError: it cannot be read.
    """
    pieces = _read(file, path.name)
    for piece in pieces:
        _check(path, piece)
    return tuple(piece.location for piece in pieces)


def _read(file: BufferedReader, name: str) -> list[Piece]:
    if file.seek(0, os.SEEK_END) == 0:
        raise BadModel(f"cannot load {name}: the file is empty", hint=COPY_AGAIN)
    with (
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as view,
    ):
        if bytes(view[_TFLITE_MARK]) == b"TFL3":
            raise BadModel(
                f"cannot load {name}: this is a TensorFlow Lite file, not an ONNX one",
                hint="name it .tflite and load it with the litert backend",
            )
        return _Walk(Fields(name, view)).pieces()


def _check(path: Path, piece: Piece) -> None:
    """Hold a part of another file against that file."""
    try:
        if _ADDRESS in piece.location:
            raise Elsewhere("that is an address in memory")
        with open_plain(path.parent, piece.location) as file:
            size = os.fstat(file.fileno()).st_size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _misplaced(path, piece, "no such file is beside it") from error
    except OSError as error:
        raise _misplaced(path, piece, f"that says: {error.strerror}") from error
    except Elsewhere as error:
        raise _misplaced(path, piece, str(error)) from error
    if size < piece.end:
        raise BadModel(
            f"cannot load {path.name}: its tensor {piece.tensor!r} ends at byte "
            f"{piece.end} of {piece.location!r}, which has {size}",
            hint=COPY_AGAIN,
        )


def _misplaced(path: Path, piece: Piece, why: str) -> BadModel:
    return BadModel(
        f"cannot load {path.name}: it keeps tensors in {piece.location!r}, and {why}",
        hint="put the file into the bundle, or save the model with its tensors inside",
    )


class _Walk:
    """One pass over a file's fields."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._calls = Calls(fields)
        self._functions = MAIN
        #: The part that ends last, of each file.
        self._pieces: dict[str, Piece] = {}

    def pieces(self) -> list[Piece]:
        """Return the farthest part of every other file, by its name."""
        kinds = self._walk("Model", 0, len(self._fields), 1, MAIN)
        if _GRAPH_FIELD not in kinds:
            raise self._fields.damaged("it has no graph")
        self._calls.check()
        return [self._pieces[name] for name in sorted(self._pieces)]

    def _walk(
        self, kind: str, start: int, end: int, depth: int, caller: int
    ) -> set[int]:
        """Look into one message; return which fields with a message it has."""
        if depth > MAX_DEPTH:
            raise self._fields.damaged(
                f"its graphs nest deeper than {MAX_DEPTH} levels"
            )
        children, names = _CHILDREN[kind], _NAMES.get(kind, ())
        if kind == "Function":
            self._functions += 1
            caller = self._functions
        texts: dict[int, bytes] = {}
        seen: set[int] = set()
        for field in self._fields.split(start, end):
            number, wire, begin, stop = field
            child = children.get(number)
            if child is not None and wire == Wire.LENGTH:
                self._once(kind, number, seen)
                self._child(child, field, depth, caller)
            elif number in names and wire == Wire.LENGTH:
                texts[number] = self._fields.raw(begin, stop)
        if names:
            self._named(kind, texts, caller)
        return seen

    def _child(self, kind: str, field: Field, depth: int, caller: int) -> None:
        _, _, begin, stop = field
        self._fields.spend(_MESSAGE_STEPS)
        if kind == "Tensor":
            self._keep(onnx_bounds.tensor(self._fields, begin, stop))
        elif kind == "Opset":
            self._opset(begin, stop)
        else:
            if kind == "Sparse":
                onnx_bounds.sparse(self._fields, begin, stop)
            self._walk(kind, begin, stop, depth + 1, caller)

    def _once(self, kind: str, number: int, seen: set[int]) -> None:
        if number in seen and number in _ONCE.get(kind, ()):
            raise self._fields.damaged(f"field {number} of a {kind} is there twice")
        seen.add(number)

    def _named(self, kind: str, texts: dict[int, bytes], caller: int) -> None:
        domain, name, overload = (texts.get(at, b"") for at in _NAMES[kind])
        if kind == "Node":
            self._calls.call(caller, domain, name, overload)
        else:
            self._calls.define(caller, domain, name, overload)

    def _opset(self, begin: int, stop: int) -> None:
        """Refuse a version that none ever had; too new ones the runtime names best."""
        version = 0
        for number, wire, value, _ in self._fields.split(begin, stop):
            if number == _OPSET_VERSION and wire == Wire.VARINT:
                version = value
        if not 0 < version < 1 << 31:
            raise self._fields.damaged("an opset has no version")

    def _keep(self, piece: Piece | None) -> None:
        if piece is None:
            return
        known = self._pieces.get(piece.location)
        if known is None and len(self._pieces) >= MAX_FILES:
            raise self._fields.damaged(
                f"it keeps tensors in more than {MAX_FILES} files"
            )
        if known is None or known.end < piece.end:
            self._pieces[piece.location] = piece
