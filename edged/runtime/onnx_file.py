"""What edged must know of an ONNX file before a runtime sees it.

Law: reads field headers only, through a memory map; bounded in depth and in number
of fields; never follows a reference. No protobuf package.

The one question here: which other files does it name? ONNX lets a tensor live in a
file of its own ("external data"), and that name is an attacker's to choose
(CVE-2022-25882, CVE-2024-27318, CVE-2026-27489).
Source: onnx/onnx.proto, protobuf.dev "Encoding".
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from edged.errors import BadModel

#: Messages inside messages: a graph in an attribute of a node is three levels. Real
#: models nest control flow a few times; protobuf's own parsers stop at 100.
MAX_DEPTH = 100

#: Fields looked at. An 8,000-node language model has 200,000; 5 s on a small board.
MAX_FIELDS = 4_000_000

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_VARINT_MAX_BYTES = 10

#: Which fields of a message lead to tensors: field number -> message kind.
#: A StringStringEntry of `external_data` is the end of the way.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
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
    "Tensor": {13: "Entry"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
}
_GRAPH_FIELD = 7
_KEY_FIELD, _VALUE_FIELD = 1, 2

_COPY_AGAIN = "copy it again and compare its sha256 with the original's"

#: Where a TensorFlow Lite file has its mark.
_TFLITE_MARK = slice(4, 8)


def external_files(path: Path) -> tuple[str, ...]:
    """Return the names of the files that this one keeps tensors in, sorted.

    Returns:
        Relative POSIX paths; each is a regular file in the model's own folder or
        below it, reached through no link.

    Raises:
        BadModel: not an ONNX file, truncated, or a name leaves the folder or leads
            to no regular file.
    """
    locations = _read(path)
    for location in sorted(locations):
        _check(path, location)
    return tuple(sorted(locations))


def _read(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) == 0:
                raise BadModel(
                    f"cannot load {path.name}: the file is empty", hint=_COPY_AGAIN
                )
            with (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
                memoryview(data) as view,
            ):
                return _Walk(path.name, view).locations()
    except OSError as error:
        raise BadModel(f"cannot load {path.name}: {error.strerror}") from error


def _check(path: Path, location: str) -> None:
    target = path.parent / location
    parts = Path(location).parts
    if Path(location).is_absolute() or ".." in parts or "\0" in location:
        why = "that is outside its own folder"
    elif target.resolve() != path.parent.resolve() / location:
        why = "a link is on the way there"
    elif not target.is_file():
        why = "no such file is beside it"
    else:
        return
    raise BadModel(
        f"cannot load {path.name}: it keeps tensors in {location!r}, and {why}",
        hint="put the file into the bundle, or save the model with its tensors inside",
    )


class _Walk:
    """One pass over a file's fields."""

    def __init__(self, name: str, data: memoryview) -> None:
        self._name = name
        self._data = data
        self._fields = 0
        self._locations: set[str] = set()

    def locations(self) -> set[str]:
        """Return every `location` of external data."""
        if bytes(self._data[_TFLITE_MARK]) == b"TFL3":
            raise BadModel(
                f"cannot load {self._name}: this is a TensorFlow Lite file, "
                "not an ONNX one",
                hint="name it .tflite and load it with the litert backend",
            )
        has_graph = False
        for number, start, end in self._split(0, len(self._data)):
            has_graph = has_graph or number == _GRAPH_FIELD
            self._descend("Model", number, start, end, 1)
        if not has_graph:
            raise self._damaged("it has no graph")
        return self._locations

    def _descend(
        self, kind: str, number: int, start: int, end: int, depth: int
    ) -> None:
        child = _CHILDREN[kind].get(number)
        if child is None:
            return
        if depth > MAX_DEPTH:
            raise self._damaged(f"its graphs nest deeper than {MAX_DEPTH} levels")
        if child == "Entry":
            self._entry(start, end)
            return
        for inner, inner_start, inner_end in self._split(start, end):
            self._descend(child, inner, inner_start, inner_end, depth + 1)

    def _entry(self, start: int, end: int) -> None:
        texts = {
            number: bytes(self._data[begin:stop])
            for number, begin, stop in self._split(start, end)
        }
        if texts.get(_KEY_FIELD) == b"location":
            location = texts.get(_VALUE_FIELD, b"")
            self._locations.add(location.decode("utf-8", "surrogateescape"))

    def _split(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield number, start and end of every length-delimited field in a range."""
        while start < end:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise self._damaged(f"it has more than {MAX_FIELDS} fields")
            tag, start = self._varint(start, end)
            number, wire = tag >> 3, tag & 7
            if wire == _LENGTH:
                length, start = self._varint(start, end)
                stop = start + length
            elif wire == _VARINT:
                _, stop = self._varint(start, end)
            elif wire in (_FIXED32, _FIXED64):
                stop = start + (4 if wire == _FIXED32 else 8)
            else:
                raise self._damaged(f"byte {start} is no field of a model")
            if number == 0 or stop > end:
                raise self._damaged(f"it breaks off at byte {start}")
            if wire == _LENGTH:
                yield number, start, stop
            start = stop

    def _varint(self, start: int, end: int) -> tuple[int, int]:
        value = 0
        for index in range(start, min(end, start + _VARINT_MAX_BYTES)):
            byte = self._data[index]
            value |= (byte & 0x7F) << 7 * (index - start)
            if byte < 0x80:  # noqa: PLR2004  # the continuation bit
                return value, index + 1
        raise self._damaged(f"it breaks off at byte {start}")

    def _damaged(self, why: str) -> BadModel:
        return BadModel(
            f"cannot load {self._name}: not a whole ONNX file: {why}",
            hint=_COPY_AGAIN,
        )
