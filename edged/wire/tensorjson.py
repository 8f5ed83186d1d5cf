"""Tensors as JSON arrays: flat, or nested exactly as the shape says.

Law: numbers keep what their datatype can hold (64-bit integers to the last digit) or
are refused; nothing is rounded into range. What JSON cannot say (NaN, infinities,
bytes that are not UTF-8, FP16) is refused with the way out: binary data.

Big arrays go through simdjson, which parses straight into a C buffer: 150,528 floats
cost an eighth of what the standard json module needs (`benchmarks/json_codec.py`).
Each document has a parser of its own, which goes with it: a parser keeps about 14
times the largest document that it ever saw.
"""

import math
import re
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import simdjson

from edged.errors import InvalidRequest, InvalidTensor, TooLarge
from edged.wire.tensorbytes import Array, dtype_of, object_array, text_bytes
from edged.wire.tensors import Datatype, Shape
from edged.wire.unreadable import UNREADABLE

#: JSON of one request, as Triton's default; most models' own limit is far lower.
MAX_JSON_BYTES = 64 * 1024 * 1024

JsonObject = simdjson.Object
JsonArray = simdjson.Array

#: Values of one document. simdjson needs up to 40 bytes for each: 31 MiB of `1,` took
#: 680 MB. (It also counts an array's elements in 24 bits only.)
MAX_JSON_VALUES = 2**22

_BINARY_HINT = "send it as binary data: parameters.binary_data_size"
#: Counted at a time: comparing makes a copy of this size.
_COUNTED_BYTES = 2**20

_NOT_JSON = re.compile(rb"[\[,:\s-](NaN|Infinity|nan|inf)\b")
_OPENING = re.compile(rb"\[")


def load(text: memoryview, what: str) -> Any:
    """Parse a document whose top is an object.

    Args:
        text: UTF-8, at most `MAX_JSON_BYTES`.
        what: how errors call it, such as `the request`.

    Returns:
        A `simdjson.Object`: values are materialised when they are asked for.

    Raises:
        TooLarge, InvalidRequest: with the place of the first fault.
    """
    if len(text) > MAX_JSON_BYTES:
        raise TooLarge(
            f"cannot read {what}: its JSON has {len(text)} bytes, the limit is "
            f"{MAX_JSON_BYTES}",
            hint=_BINARY_HINT,
        )
    if _has_too_many_values(text):
        raise TooLarge(
            f"cannot read {what}: its JSON has over {MAX_JSON_VALUES} values",
            hint=_BINARY_HINT,
        )
    try:
        root = simdjson.Parser().parse(text)
    except MemoryError as exc:
        raise TooLarge(
            f"cannot read {what}: no memory for {len(text)} bytes of JSON",
            hint=_BINARY_HINT,
        ) from exc
    except (ValueError, RuntimeError) as exc:
        raise _malformed(text, what, exc) from exc
    if not isinstance(root, JsonObject):
        raise InvalidRequest(f"cannot read {what}: its JSON must be an object {{...}}")
    return root


def plain(value: Any) -> Any:
    """Return a simdjson value as Python's own."""
    if isinstance(value, JsonObject):
        return value.as_dict()
    return value.as_list() if isinstance(value, JsonArray) else value


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor read from JSON, and the arrays that it was written with."""

    tensor: Array
    source: Any  # JsonArray
    depth: int  # 1 for flat data
    arrays: int


def read_tensor(source: Any, datatype: Datatype, shape: Shape, what: str) -> Read:
    """Read one tensor's data.

    Args:
        source: the value of `data`.
        datatype: of its elements.
        shape: concrete, already checked by `check_shape`.
        what: how errors call it, such as `input 'x'`.

    Raises:
        InvalidRequest: the datatype cannot stand in JSON.
        InvalidTensor: the data is no such tensor.
    """
    if datatype is Datatype.FP16:
        raise InvalidRequest(
            f"cannot read {what}: FP16 cannot be written as JSON", hint=_BINARY_HINT
        )
    if not isinstance(source, JsonArray):
        raise InvalidTensor(f"cannot read {what}: its data must be an array")
    nested = len(shape) > 1 and isinstance(next(iter(source), None), JsonArray)
    depth = len(shape) if nested else 1
    arrays = _check_nesting(source, shape if nested else (math.prod(shape),), what)
    if not math.prod(shape):
        tensor = np.empty(0, dtype_of(datatype))
    elif datatype in _ELEMENT:
        tensor = _objects(source, datatype, depth, what)
    else:
        tensor = _numbers(source, datatype, what)
    if tensor.size != math.prod(shape):
        raise _ragged(what)
    return Read(tensor=tensor.reshape(shape), source=source, depth=depth, arrays=arrays)


def check_no_hidden_arrays(
    text: memoryview, reads: list[Read], others: int, what: str
) -> None:
    """Check that no array hides among a tensor's elements, as in `[1, [2]]`.

    simdjson flattens whatever is nested. So count: a text with no more `[` than the
    arrays that were seen has no others. Only where there are more (a `[` in a string
    is enough) every element is looked at.

    Args:
        text: the whole document.
        reads: every tensor read from it.
        others: arrays outside of tensors.
        what: how errors call the document.

    Raises:
        InvalidTensor: one does.
    """
    seen = others + sum(read.arrays for read in reads)
    if next(islice(_OPENING.finditer(text), seen, None), None) is None:
        return
    for read in reads:
        if _hides_array(read.source, read.depth):
            raise _ragged(f"a tensor of {what}")


def write_tensor(array: Array, what: str) -> msgspec.Raw:
    """Write a tensor's data as a flat JSON array.

    Raises:
        InvalidRequest: JSON cannot say it; the hint tells the way out.
    """
    hint = 'ask for it as binary data: "parameters": {"binary_data": true}'
    if array.dtype.kind == "f":
        if array.dtype.itemsize == dtype_of(Datatype.FP16).itemsize:
            raise InvalidRequest(
                f"cannot answer {what} as JSON: it is FP16, which JSON does not have",
                hint=hint,
            )
        if not np.isfinite(array).all():
            raise InvalidRequest(
                f"cannot answer {what} as JSON: it holds NaN or an infinity, which "
                "JSON cannot say",
                hint=hint,
            )
    elements = array.ravel().tolist()
    if array.dtype.kind in "OSU":
        try:
            elements = [text_bytes(element).decode() for element in elements]
        except UnicodeDecodeError as exc:
            raise InvalidRequest(
                f"cannot answer {what} as JSON: it holds bytes that are not UTF-8",
                hint=hint,
            ) from exc
    return msgspec.Raw(msgspec.json.encode(elements))


def _has_too_many_values(text: memoryview) -> bool:
    """Count commas, where the text is long enough for so many values at all."""
    if len(text) <= 2 * MAX_JSON_VALUES:
        return False
    characters = np.frombuffer(text, np.uint8)
    commas = sum(
        np.count_nonzero(characters[at : at + _COUNTED_BYTES] == ord(","))
        for at in range(0, len(characters), _COUNTED_BYTES)
    )
    return bool(commas > MAX_JSON_VALUES)


def _malformed(text: memoryview, what: str, exc: Exception) -> InvalidRequest:
    """Say where the JSON breaks: simdjson tells only that it does."""
    if _NOT_JSON.search(text):
        return InvalidRequest(
            f"cannot read {what}: NaN and infinities are not JSON", hint=_BINARY_HINT
        )
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except UNREADABLE as found:
        reason = str(found)
    else:
        reason = str(exc)
    if "BIGINT" in str(exc) or "NUMBER" in str(exc):
        reason = "a number is malformed, or an integer does not fit in 64 bits"
    elif "DEPTH" in str(exc):
        reason = "it is nested too deeply"
    return InvalidRequest(f"cannot read {what}: {reason}")


def _check_nesting(source: Any, shape: Shape, what: str) -> int:
    """Check the lengths of all arrays against the shape; return their number."""
    if len(source) != shape[0]:
        raise InvalidTensor(
            f"cannot read {what}: {shape[0]} elements were expected where "
            f"{len(source)} came; its data must be flat, or nested as its shape says"
        )
    if len(shape) == 1:
        return 1
    arrays = 1
    for part in source:
        if not isinstance(part, JsonArray):
            raise _ragged(what)
        arrays += _check_nesting(part, shape[1:], what)
    return arrays


def _hides_array(source: Any, depth: int) -> bool:
    if depth > 1:
        return any(_hides_array(part, depth - 1) for part in source)
    return any(isinstance(element, JsonArray) for element in source)


def _ragged(what: str) -> InvalidTensor:
    return InvalidTensor(
        f"cannot read {what}: its data is ragged; it must be flat, or nested exactly "
        "as its shape says"
    )


def _numbers(source: Any, datatype: Datatype, what: str) -> Array:
    """Read numbers by way of the widest type of their kind, then narrow them."""
    dtype = dtype_of(datatype)
    wide = {"f": "d", "i": "i", "u": "u"}[dtype.kind]
    try:
        buffer = source.as_buffer(of_type=wide)
    except TypeError as exc:
        kind = "numbers" if dtype.kind == "f" else "integers"
        raise InvalidTensor(
            f"cannot read {what}: {datatype.value} takes {kind} only, something else "
            "stands among its data",
        ) from exc
    except ValueError as exc:
        raise _out_of_range(datatype, what) from exc
    numbers = np.frombuffer(buffer, {"d": "<f8", "i": "<i8", "u": "<u8"}[wide])
    if numbers.dtype == dtype or not numbers.size:
        return numbers.astype(dtype, copy=False)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            narrow = numbers.astype(dtype)
        if not np.isfinite(narrow).all():
            raise _out_of_range(datatype, what)
        return narrow
    bounds = np.iinfo(dtype)
    if numbers.min() < bounds.min or numbers.max() > bounds.max:
        raise _out_of_range(datatype, what)
    return numbers.astype(dtype)


def _out_of_range(datatype: Datatype, what: str) -> InvalidTensor:
    return InvalidTensor(
        f"cannot read {what}: a number does not fit in {datatype.value}"
    )


_ELEMENT: dict[Datatype, type] = {Datatype.BOOL: bool, Datatype.BYTES: str}


def _objects(source: Any, datatype: Datatype, depth: int, what: str) -> Array:
    """Read true and false, or strings."""
    elements = source.as_list()
    for _ in range(depth - 1):
        elements = [element for part in elements for element in part]
    wanted = _ELEMENT[datatype]
    if not all(type(element) is wanted for element in elements):
        kind = "true and false" if datatype is Datatype.BOOL else "strings"
        raise InvalidTensor(
            f"cannot read {what}: {datatype.value} takes {kind} only, something else "
            "stands among its data"
        )
    if datatype is Datatype.BOOL:
        return np.array(elements, bool)
    return object_array([element.encode() for element in elements])
