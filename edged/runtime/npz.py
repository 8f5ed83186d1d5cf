"""Arrays in .npy and .npz files that anybody may have made.

Law: bounded by what a file says of itself before anything is unpacked, and by what
was allocated while it is; numbers and texts only, nothing is unpickled; whatever is
wrong comes out as `BadBundle`.
Source: numpy/lib/format.py, "Format Version 1.0" and 2.0.
"""

import io
import math
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from edged.errors import BadBundle
from edged.runtime.base import Array

#: Unpacked size of a file: 300 images of 3x224x224 FP32 are 180 MB.
MAX_BYTES = 256 * 2**20

#: Arrays in a .npz; a model has some tens of tensors.
MAX_ARRAYS = 1000

#: Numpy's own limit for the text that describes an array.
_HEADER_MAX = 10_000

#: What one text costs as an object, beside its characters: header and pointer.
_TEXT_BYTES = 64

#: bool, signed, unsigned, float; texts as bytes or as code points.
_NUMBERS, _TEXTS = "biuf", "SU"

_LAST_CODE = 0x10FFFF

_MAGIC = b"\x93NUMPY"
_LENGTHS = {b"\x01\x00": "<H", b"\x02\x00": "<I"}
_HEADERS = {
    b"\x01\x00": np.lib.format.read_array_header_1_0,
    b"\x02\x00": np.lib.format.read_array_header_2_0,
}


def read_npz(file: Path | IO[bytes], name: str) -> dict[str, Array]:
    """Read every array of a .npz, by name.

    Raises:
        BadBundle: unreadable, too large, or holding more than numbers and texts.
    """
    hint = "numpy.savez(file, **{input_name: samples}) writes one"
    with _ours(name, ".npz", hint), zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ARRAYS:
            raise _refused(name, f"it holds {len(entries)} arrays", MAX_ARRAYS)
        size = sum(entry.file_size for entry in entries)
        if size > MAX_BYTES:
            raise _refused(name, f"it unpacks to {size} bytes", MAX_BYTES)
        arrays, left = {}, MAX_BYTES
        for entry in entries:
            with archive.open(entry) as member:
                array, cost = _array(member, name, left)
            arrays[entry.filename.removesuffix(".npy")] = array
            left -= cost
        return arrays


def read_npy(data: bytes, name: str) -> Array:
    """Read the array of a .npy.

    Raises:
        BadBundle: unreadable, too large, or holding more than numbers and texts.
    """
    with _ours(name, ".npy", "numpy.save(file, array) writes one"):
        return _array(io.BytesIO(data), name, MAX_BYTES)[0]


@contextmanager
def _ours(name: str, kind: str, hint: str) -> Iterator[None]:
    """Turn whatever the parsers raise into one error.

    Every exception there is: numpy reads the header as a Python literal and makes a
    dtype of it, zipfile hands to three decompressors. Seen from hostile files:
    TokenError, IndentationError, OverflowError, IndexError, TypeError, SystemError,
    RuntimeError (an encrypted member), zlib.error, LZMAError, RecursionError.
    """
    try:
        yield
    except BadBundle:
        raise
    except Exception as exc:  # numpy and zipfile promise no list; see above
        why = str(exc) or type(exc).__name__
        raise BadBundle(
            f"cannot use {name}: not a {kind} of plain arrays: {why[:200]}", hint=hint
        ) from exc


def _array(file: IO[bytes], name: str, left: int) -> tuple[Array, int]:
    """Read one array and what it costs; `left` is what it may."""
    shape, fortran, dtype = _described(file)
    if dtype.kind not in _NUMBERS + _TEXTS or not dtype.itemsize:
        raise ValueError(f"it holds values of dtype {dtype}")
    count = math.prod(shape)
    if min(shape, default=0) < 0:
        raise ValueError(f"an array has shape {shape}")
    cost = count * (dtype.itemsize + _TEXT_BYTES * (dtype.kind in _TEXTS))
    if cost > left:
        raise _refused(name, f"an array takes {cost} bytes", MAX_BYTES)
    array: Array = np.empty(count, dtype)
    _fill(file, array.view(np.uint8).data)
    if dtype.kind == "U":
        _check_text(array)
    return array.reshape(shape, order="F" if fortran else "C"), cost


def _described(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read an array's header: shape, Fortran's order or C's, dtype."""
    magic, version = file.read(len(_MAGIC)), file.read(2)
    if magic != _MAGIC or version not in _LENGTHS:
        raise ValueError("it does not begin as an array of format 1.0 or 2.0 does")
    prefix = file.read(struct.calcsize(_LENGTHS[version]))
    (length,) = struct.unpack(_LENGTHS[version], prefix)
    if length > _HEADER_MAX:
        raise ValueError(f"an array's header has {length} bytes")
    header = io.BytesIO(prefix + file.read(length))
    return _HEADERS[version](header, _HEADER_MAX)


def _fill(file: IO[bytes], room: memoryview) -> None:
    """Read exactly as many bytes as there is room for."""
    at = 0
    while at < len(room):
        chunk = file.read(min(len(room) - at, 1 << 20))
        if not chunk:
            raise ValueError(f"an array breaks off {len(room) - at} bytes early")
        room[at : at + len(chunk)] = chunk
        at += len(chunk)


def _check_text(array: Array) -> None:
    """Check that code points are such: numpy believes them, and fails later."""
    codes = array.view(array.dtype.str[0] + "u4")
    if np.any((codes > _LAST_CODE) | ((codes >= 0xD800) & (codes < 0xE000))):  # noqa: PLR2004  # surrogates
        raise ValueError("a text is no Unicode")


def _refused(name: str, found: str, limit: int) -> BadBundle:
    return BadBundle(
        f"cannot use {name}: {found}, and the limit is {limit}",
        hint="some ten samples prove as much",
    )
