"""Tensors as bytes: little-endian, row-major, no padding.

Law: a tensor that is read is a view of the body wherever numpy can address it there;
a tensor that is written is handed out as its own memory. Only what cannot be viewed
is copied: BYTES, and numbers that stand at an odd address.
Source: Triton's extension_binary_data.md; OIP inference_rest.md, "Tensor Data".
"""

import math
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.errors import InvalidTensor
from edged.wire.tensors import Datatype, Shape

Array = npt.NDArray[Any]
Buffer = bytes | bytearray | memoryview

#: numpy 1 knows 32 dimensions; no model comes near.
MAX_RANK = 32

#: A dimension that fits in 31 bits is one that every runtime can hold.
MAX_DIM = 2**31 - 1

#: Elements, counting empty dimensions as one: numpy refuses more on some machines
#: even where the tensor is empty.
MAX_ELEMENTS = 2**31 - 1

_LENGTH = struct.Struct("<I")
_DATATYPES = {
    np.dtype(datatype.numpy_name): datatype
    for datatype in Datatype
    if datatype is not Datatype.BYTES
}


def dtype_of(datatype: Datatype) -> np.dtype[Any]:
    """Return the numpy dtype of a datatype; `object` for BYTES."""
    return np.dtype(datatype.numpy_name)


def datatype_of(dtype: np.dtype[Any]) -> Datatype:
    """Return the datatype of a numpy dtype, of either byte order.

    Raises:
        InvalidTensor: the protocol has no such datatype (complex, dates, structs).
    """
    if dtype.kind in "OSU":
        return Datatype.BYTES
    try:
        return _DATATYPES[dtype.newbyteorder("<")]
    except (KeyError, TypeError) as exc:
        raise InvalidTensor(
            f"cannot send an array of {dtype}: the protocol has no such datatype",
            hint="convert it first, for example with .astype('float32')",
        ) from exc


def check_shape(shape: Shape, what: str) -> int:
    """Return the number of elements of a concrete shape.

    Raises:
        InvalidTensor: a dimension is negative or larger than any runtime takes.
    """
    if len(shape) > MAX_RANK:
        raise InvalidTensor(
            f"cannot read {what}: it has {len(shape)} dimensions, at most {MAX_RANK} "
            "are possible"
        )
    if any(not 0 <= dim <= MAX_DIM for dim in shape):
        raise InvalidTensor(
            f"cannot read {what}: its shape is {list(shape)}, dimensions must be "
            f"within 0..{MAX_DIM}"
        )
    if math.prod(dim or 1 for dim in shape) > MAX_ELEMENTS:
        raise InvalidTensor(
            f"cannot read {what}: its shape {list(shape)} has more than "
            f"{MAX_ELEMENTS} elements"
        )
    return math.prod(shape)


def read_tensor(
    chunk: memoryview, datatype: Datatype, shape: Shape, what: str
) -> Array:
    """Read one tensor.

    Args:
        chunk: exactly the tensor's bytes.
        datatype: of its elements.
        shape: concrete, already checked by `check_shape`.
        what: how errors call it, such as `input 'x'`.

    Returns:
        A view of `chunk`, or a copy where that is not possible; BYTES come as an
        object array of `bytes`.

    Raises:
        InvalidTensor: the bytes do not make up such a tensor.
    """
    if datatype is Datatype.BYTES:
        return _read_strings(chunk, shape, what)
    dtype = dtype_of(datatype)
    expected = math.prod(shape) * dtype.itemsize
    if len(chunk) != expected:
        raise InvalidTensor(
            f"cannot read {what}: {datatype.value}{list(shape)} takes {expected} "
            f"bytes, {len(chunk)} came"
        )
    if not expected:
        return np.empty(shape, dtype)
    array = np.frombuffer(chunk, dtype).reshape(shape)
    if datatype is Datatype.BOOL and array.view(np.uint8).max() > 1:
        raise InvalidTensor(
            f"cannot read {what}: a BOOL is a byte of 0 or 1, "
            f"{array.view(np.uint8).max()} came"
        )
    return array if array.flags.aligned else array.copy()


def tensor_buffer(array: Array) -> Buffer:
    """Return a tensor's bytes: its own memory where that is laid out so already."""
    if array.dtype.kind in "OSU":
        return _write_strings(array.ravel())
    if not array.size:
        return b""
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return plain.reshape(-1).view(np.uint8).data


def object_array(elements: list[bytes]) -> Array:
    """Return a BYTES tensor of rank 1."""
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def text_bytes(element: object) -> bytes:
    """Return a BYTES element as bytes; text becomes UTF-8."""
    if isinstance(element, bytes):
        return element
    if isinstance(element, str):
        return element.encode()
    raise InvalidTensor(
        f"cannot send an object array: its elements must be bytes or str, one is "
        f"{type(element).__name__}"
    )


def _read_strings(chunk: memoryview, shape: Shape, what: str) -> Array:
    count = math.prod(shape)
    if len(chunk) < _LENGTH.size * count:
        raise InvalidTensor(
            f"cannot read {what}: {count} BYTES elements take at least "
            f"{_LENGTH.size * count} bytes, {len(chunk)} came"
        )
    elements: list[bytes] = []
    at = 0
    for index in range(count):
        start = at + _LENGTH.size
        if start > len(chunk):
            raise InvalidTensor(
                f"cannot read {what}: it ends before the length of element {index}"
            )
        at = start + _LENGTH.unpack_from(chunk, at)[0]
        if at > len(chunk):
            raise InvalidTensor(
                f"cannot read {what}: element {index} is {at - start} bytes long by "
                f"its prefix, {len(chunk) - start} are left"
            )
        elements.append(bytes(chunk[start:at]))
    if at != len(chunk):
        raise InvalidTensor(
            f"cannot read {what}: {len(chunk) - at} bytes are left after its "
            f"{count} elements"
        )
    return object_array(elements).reshape(shape)


def _write_strings(elements: Iterable[object]) -> bytes:
    parts: list[bytes] = []
    for element in elements:
        data = text_bytes(element)
        parts += (_LENGTH.pack(len(data)), data)
    return b"".join(parts)
