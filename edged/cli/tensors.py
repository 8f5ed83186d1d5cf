"""A file or a stream -> the tensors of a model's inputs.

Law: the content decides what a file is, not its name. Numbers are converted where
nothing but precision can be lost; leading dimensions of one are added; anything else
that does not fit is an error that names the input, what it takes and what it got.
"""

import enum
import io
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edged.cli import pictures
from edged.errors import BadBundle, InvalidTensor, NoInput
from edged.runtime import npz
from edged.wire.release import Input
from edged.wire.tensors import FREE, Datatype, Shape

Array = npt.NDArray[Any]


class Format(enum.Enum):
    """What a file holds."""

    PICTURE = "picture"
    NPY = "npy"
    NPZ = "npz"
    JSON = "json"


_MAGIC = {
    **dict.fromkeys(pictures.MAGIC, Format.PICTURE),
    b"\x93NUMPY": Format.NPY,
    b"PK\x03\x04": Format.NPZ,
}


#: Orders that turn one layout of pictures into the other.
_LAYOUTS = (
    ((0, 2, 3, 1), "NCHW", "NHWC"),
    ((0, 3, 1, 2), "NHWC", "NCHW"),
    ((1, 2, 0), "CHW", "HWC"),
    ((2, 0, 1), "HWC", "CHW"),
)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a person points at: its bytes, what they are, and its name for errors."""

    name: str
    data: bytes
    format: Format


def load(source: str) -> Source:
    """Read a path, or `-` for standard input.

    Raises:
        NoInput: it is missing or unreadable.
        InvalidTensor: it is empty.
    """
    if source == "-":
        data, name = sys.stdin.buffer.read(), "standard input"
    else:
        try:
            data, name = Path(source).read_bytes(), source
        except OSError as exc:
            raise NoInput(
                f"cannot read {source}: {(exc.strerror or str(exc)).lower()}",
                hint=f"ls -ld {source}",
            ) from exc
    if not data:
        raise InvalidTensor(
            f"cannot send {name}: it is empty",
            hint="send a .png or .jpg, .npy, .npz or JSON",
        )
    return Source(name=name, data=data, format=format_of(data))


def read(source: Source, inputs: tuple[Input, ...]) -> dict[str, Array]:
    """Turn a source into the inputs of one request.

    Raises:
        InvalidTensor: it is broken, or what it holds does not fit the model.
        Unsupported: a picture, and no Pillow.
    """
    name, data = source.name, source.data
    match source.format:
        case Format.PICTURE:
            return _picture(data, name, inputs)
        case Format.NPY:
            return _named({_only(inputs, name).name: _npy(data, name)}, inputs, name)
        case Format.NPZ:
            return _named(_npz(data, name), inputs, name)
        case Format.JSON:
            return _named(_json(data, name, inputs), inputs, name)


def format_of(data: bytes) -> Format:
    """Tell what the bytes are by how they begin; JSON has no sign of its own."""
    for magic, found in _MAGIC.items():
        if data.startswith(magic):
            return found
    return Format.JSON


def fitted(array: Array, spec: Input) -> Array:
    """Return `array` as the input takes it: datatype, leading ones, contiguous.

    Raises:
        InvalidTensor: it cannot be.
    """
    values = _cast(array, spec)
    shape = values.shape
    missing = spec.shape[: len(spec.shape) - len(shape)]
    if missing and all(dim in (1, FREE) for dim in missing):
        values = values.reshape((1,) * len(missing) + shape)
    elif len(shape) == 1 and values.size == _count(spec.shape):
        values = values.reshape(spec.shape)
    if not spec.admits(values.shape):
        raise InvalidTensor(
            f"cannot send {_shape_text(shape)} as {spec}: the shape does not fit",
            hint=_layout_hint(values, spec),
            input=spec.name,
        )
    return np.asarray(values, order="C")  # ascontiguousarray makes a scalar a list


def _layout_hint(values: Array, spec: Input) -> str:
    """Guess a picture whose channels stand at the other end: the shape would fit."""
    for order, given, taken in _LAYOUTS:
        if values.ndim == len(order) and spec.admits(
            tuple(values.shape[axis] for axis in order)
        ):
            return f"the array looks like {given}: send x.transpose{order}, {taken}"
    return ""


def _picture(data: bytes, name: str, inputs: tuple[Input, ...]) -> dict[str, Array]:
    takers = [spec for spec in inputs if spec.image is not None]
    if len(takers) == 1 and len(inputs) == 1:
        return {takers[0].name: pictures.tensor(data, name, takers[0])}
    takes = "; ".join(str(spec) for spec in inputs)
    if takers:
        why = "it takes more than one picture"
    else:
        why = "its manifest does not say how a picture becomes an input (`image:`)"
    raise InvalidTensor(
        f"cannot send a picture to this model: {why}; it takes {takes}",
        hint="send .npz or JSON with an array for each input",
    )


def _npy(data: bytes, name: str) -> Array:
    with _unfit():
        return npz.read_npy(data, name)


def _npz(data: bytes, name: str) -> dict[str, Array]:
    with _unfit():
        return npz.read_npz(io.BytesIO(data), name)


@contextmanager
def _unfit() -> Iterator[None]:
    """Here a bad file is no bundle but what a person wants to send."""
    try:
        yield
    except BadBundle as exc:
        raise InvalidTensor(exc.message, hint=exc.hint) from exc


class _Tensor(msgspec.Struct):
    """One entry of an OIP request's `inputs`."""

    name: str
    data: list[object]
    shape: tuple[int, ...] = ()
    datatype: str = ""


class _Body(msgspec.Struct):
    """An OIP request, as far as it is tensors."""

    inputs: list[_Tensor]


def _json(data: bytes, name: str, inputs: tuple[Input, ...]) -> dict[str, Array]:
    try:
        document = msgspec.json.decode(data)
        if isinstance(document, list):
            return {_only(inputs, name).name: _array(document, name)}
        if isinstance(document, dict) and isinstance(document.get("inputs"), list):
            tensors = msgspec.convert(document, _Body).inputs
            return {t.name: _shaped(_array(t.data, name), t.shape) for t in tensors}
    except RecursionError as exc:
        raise InvalidTensor(
            f"cannot read {name}: its JSON is nested too deeply",
            hint=_json_hint(inputs),
        ) from exc
    except msgspec.MsgspecError as exc:
        raise InvalidTensor(
            f"cannot read {name}: it is no picture, .npy, .npz or JSON: {exc}",
            hint=_json_hint(inputs),
        ) from exc
    if isinstance(document, dict):
        return {key: _array(value, name) for key, value in document.items()}
    raise InvalidTensor(
        f"cannot read {name}: its JSON is neither an object nor a list",
        hint=_json_hint(inputs),
    )


def _json_hint(inputs: tuple[Input, ...]) -> str:
    names = ", ".join(f'"{spec.name}": [...]' for spec in inputs)
    return f"JSON is {{{names}}}, or an inference request"


def _array(value: object, name: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as exc:
        raise InvalidTensor(f"cannot read {name}: a list is ragged: {exc}") from exc
    return array


def _shaped(array: Array, shape: Shape) -> Array:
    """Apply an OIP shape to its data, which may be flat or nested."""
    if not shape or array.size != math.prod(shape):
        return array
    return array.reshape(shape)


def _only(inputs: tuple[Input, ...], name: str) -> Input:
    if len(inputs) == 1:
        return inputs[0]
    takes = "; ".join(str(spec) for spec in inputs)
    raise InvalidTensor(
        f"cannot send {name}: it is one array, and the model takes {takes}",
        hint="send .npz or JSON with an array for each input",
    )


def _named(
    arrays: Mapping[str, Array], inputs: tuple[Input, ...], name: str
) -> dict[str, Array]:
    wanted = {spec.name: spec for spec in inputs}
    if set(arrays) != set(wanted):
        takes = "; ".join(str(spec) for spec in inputs)
        has = ", ".join(sorted(arrays)) or "nothing"
        raise InvalidTensor(
            f"cannot send {name}: it has {has}; the model takes {takes}",
            hint=f"name the arrays {', '.join(wanted)}",
        )
    return {key: fitted(arrays[key], spec) for key, spec in wanted.items()}


def _cast(array: Array, spec: Input) -> Array:
    if spec.datatype is Datatype.BYTES:
        return _bytes_array(array, spec)
    dtype = np.dtype(spec.datatype.numpy_name)
    if array.dtype.kind not in "biuf" or not _converts(array, dtype):
        raise InvalidTensor(
            f"cannot send {array.dtype} values as {spec}: the datatype does not fit",
            input=spec.name,
        )
    with np.errstate(over="ignore"):
        values = array.astype(dtype, copy=False)
    if dtype.kind == "f" and (lost := np.isinf(values) & ~np.isinf(array)).any():
        raise InvalidTensor(
            f"cannot send {array[lost][0]:g} as {spec}: it is beyond "
            f"{np.finfo(dtype).max:g}",
            input=spec.name,
        )
    return values


def _converts(array: Array, dtype: np.dtype[Any]) -> bool:
    """Tell whether nothing but precision is lost: integers must all be in range."""
    if array.dtype.kind in "iu" and dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        return bool(limits.min <= array.min() and array.max() <= limits.max)
    return np.can_cast(array.dtype, dtype, casting="same_kind")


def _bytes_array(array: Array, spec: Input) -> Array:
    if array.dtype.kind not in "USO":
        raise InvalidTensor(
            f"cannot send {array.dtype} values as {spec}: it takes texts",
            input=spec.name,
        )
    flat = [v if isinstance(v, bytes) else str(v).encode() for v in array.ravel()]
    texts = np.empty(len(flat), dtype=object)
    texts[:] = flat
    return texts.reshape(array.shape)


def _count(shape: Shape) -> int | None:
    """Return how many values a shape holds; None where a dimension is free."""
    return None if FREE in shape else math.prod(shape)


def _shape_text(shape: Shape) -> str:
    return f"an array of shape [{','.join(str(dim) for dim in shape)}]"
