"""What a tensor of an ONNX file says of its size, held against what there is.

Law: pure but for the bytes it is given; numbers alone are looked at, never contents.
A runtime may set memory aside for what a tensor claims before it looks for the bytes:
a claim of a kilobyte's file must not cost a gigabyte.
Source: onnx/onnx.proto, TensorProto; docs/ExternalData.md.
"""

from collections.abc import Iterator

import msgspec

from edged.errors import BadModel
from edged.runtime.protobuf import Fields, Wire

#: More than any box has memory for: 2^40 bytes of the smallest kind.
MAX_ELEMENTS = 1 << 40

#: Field numbers.
_DIMS, _KIND, _NAME, _RAW, _EXTERNAL, _PLACE = 1, 2, 8, 9, 13, 14
_STRINGS = 6
#: float, int32, int64, double, uint64.
_TYPED = frozenset({4, 5, 7, 10, 11})
_KEY, _VALUE = 1, 2
_SPARSE_DIMS = 3
_IN_A_FILE = 1
_INT_MASK, _LONG_SIGN = 0xFFFFFFFF, 1 << 63

#: Bits of an element by TensorProto.DataType.
_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32,
    13: 64, 14: 64, 15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4,
    24: 8, 25: 2, 26: 2,
}  # fmt: skip
_STRING = 8
_BYTE = 8

#: Digits of 2^63, the largest offset that a runtime can read.
_MAX_DIGITS = 19
_NAME_SHOWN = 100

_DAMAGED_EXPORT = "export the model again; its tensors do not fit together"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of another file.

    Attributes:
        tensor: which tensor it holds.
        location: the file, as written: relative, POSIX.
        end: bytes that the file must have at least.
    """

    tensor: str
    location: str
    end: int


class _Tensor:
    """What is read of one tensor."""

    def __init__(self) -> None:
        self.name = ""
        self.elements = 1
        self.kind = 0
        self.raw: int | None = None
        self.typed = 0
        self.strings = 0
        self.outside = False
        self.entries: dict[bytes, bytes] = {}


def tensor(fields: Fields, start: int, end: int) -> Piece | None:
    """Check one TensorProto; return where it lies if that is another file.

    Raises:
        BadModel: it claims more than is there, or more than anything has.
    """
    found = _Tensor()
    for number, wire, begin, stop in fields.split(start, end):
        if number == _DIMS:
            _grow(fields, found, _numbers(fields, wire, begin, stop))
        elif number in _TYPED:
            found.typed += 1 if wire == Wire.VARINT else stop - begin
        elif number == _STRINGS:
            found.strings += 1
        elif wire == Wire.VARINT:
            _take_number(found, number, begin)
        elif wire == Wire.LENGTH:
            _take_bytes(fields, found, number, begin, stop)
    if found.outside or found.entries:
        return _piece(fields, found)
    _check_inside(fields, found)
    return None


def sparse(fields: Fields, start: int, end: int) -> None:
    """Check how large a SparseTensorProto is as a whole: a runtime makes it dense.

    Raises:
        BadModel: it claims more elements than anything has.
    """
    found = _Tensor()
    for number, wire, begin, stop in fields.split(start, end):
        if number == _SPARSE_DIMS:
            _grow(fields, found, _numbers(fields, wire, begin, stop))


def _numbers(fields: Fields, wire: int, begin: int, stop: int) -> Iterator[int]:
    if wire == Wire.VARINT:
        yield begin
    elif wire == Wire.LENGTH:
        yield from fields.packed(begin, stop)


def _grow(fields: Fields, found: _Tensor, dims: Iterator[int]) -> None:
    for dim in dims:
        if dim >= _LONG_SIGN:
            raise fields.refused("a tensor has a negative dimension", _DAMAGED_EXPORT)
        found.elements *= dim
        if max(found.elements, dim) > MAX_ELEMENTS:
            raise fields.refused(
                f"a tensor claims more than {MAX_ELEMENTS} elements", _DAMAGED_EXPORT
            )


def _take_number(found: _Tensor, number: int, value: int) -> None:
    if number == _KIND:
        found.kind = value & _INT_MASK
    elif number == _PLACE:
        found.outside = value & _INT_MASK == _IN_A_FILE


def _take_bytes(
    fields: Fields, found: _Tensor, number: int, begin: int, stop: int
) -> None:
    if number == _RAW:
        found.raw = stop - begin
    elif number == _NAME:
        shown = fields.raw(begin, min(stop, begin + _NAME_SHOWN))
        found.name = shown.decode("utf-8", "replace")
    elif number == _EXTERNAL:
        _take_entry(fields, found, begin, stop)


def _take_entry(fields: Fields, found: _Tensor, begin: int, stop: int) -> None:
    entry = {
        number: fields.raw(start, end)
        for number, wire, start, end in fields.split(begin, stop)
        if wire == Wire.LENGTH and number in (_KEY, _VALUE)
    }
    key = entry.get(_KEY, b"")
    if key not in (b"location", b"offset", b"length"):
        return
    if key in found.entries:
        raise fields.damaged(f"tensor {found.name!r} says {key.decode()} twice")
    found.entries[key] = entry.get(_VALUE, b"")


def _piece(fields: Fields, found: _Tensor) -> Piece:
    """Say which part of which file a tensor takes."""
    needed = _needed(found) or 0
    length = _number(fields, found, b"length")
    if length is not None and length < needed:
        raise _short(fields, found, needed, length)
    offset = _number(fields, found, b"offset") or 0
    location = found.entries.get(b"location", b"")
    return Piece(
        tensor=found.name,
        location=location.decode("utf-8", "surrogateescape"),
        end=offset + (needed if length is None else length),
    )


def _number(fields: Fields, found: _Tensor, key: bytes) -> int | None:
    text = found.entries.get(key)
    if text is None:
        return None
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        raise fields.damaged(
            f"tensor {found.name!r} says {key.decode()} "
            f"{text[:_NAME_SHOWN].decode('utf-8', 'replace')!r}, which is no number "
            "of bytes"
        )
    return int(text)


def _check_inside(fields: Fields, found: _Tensor) -> None:
    if found.kind == _STRING:
        if found.strings < found.elements:
            raise fields.refused(
                f"tensor {found.name!r} has {found.elements} texts, and holds "
                f"{found.strings}",
                _DAMAGED_EXPORT,
            )
        return
    needed = _needed(found)
    if needed is None:
        return  # a kind that the runtime knows, or refuses
    if found.raw is not None:
        if found.raw < needed:
            raise _short(fields, found, needed, found.raw)
        return
    # Numbers smaller than a byte are packed into one; a varint has a byte at least.
    most = found.typed * max(1, _BYTE // _BITS[found.kind])
    if most < found.elements:
        raise _short(fields, found, needed, found.typed)


def _needed(found: _Tensor) -> int | None:
    bits = _BITS.get(found.kind)
    return None if bits is None else -(-found.elements * bits // _BYTE)


def _short(fields: Fields, found: _Tensor, needed: int, there: int) -> BadModel:
    return fields.refused(
        f"tensor {found.name!r} has {found.elements} elements, which take {needed} "
        f"bytes, and holds {there}",
        _DAMAGED_EXPORT,
    )
