"""The best classes of an output, as OIP's extension "classification" writes them.

Law: pure. Source: triton server, docs/protocol/extension_classification.md.
"""

import math
from collections.abc import Sequence

import numpy as np

from edged.errors import InvalidRequest
from edged.wire.tensorbytes import Array, object_array

#: Texts in one answer: 8 ms of the event loop. ImageNet has 1000 classes.
MAX_TEXTS = 10_000


def best_classes(tensor: Array, count: int, labels: Sequence[str], what: str) -> Array:
    """Write the highest values along the last dimension as `value:index[:label]`.

    Args:
        tensor: [..., classes] of numbers; a scalar counts as one class.
        count: how many, at least 1; more than there are gives all.
        labels: by index; may be short or empty.
        what: how errors call the output.

    Returns:
        [..., min(count, classes)] BYTES, highest first; equal values by index, NaN
        last.

    Raises:
        InvalidRequest: the output has no numbers, or too many texts are asked for.
    """
    if tensor.dtype.kind not in "iuf":
        raise InvalidRequest(
            f"cannot classify {what}: it holds no numbers",
            hint="leave out classification",
        )
    *outer, classes = tensor.shape or (1,)
    kept = min(count, classes)
    if (texts := math.prod(outer) * kept) > MAX_TEXTS:
        raise InvalidRequest(
            f"cannot classify {what}: {texts} classes are asked for, the limit is "
            f"{MAX_TEXTS}",
            hint="ask for fewer, or for the tensor: leave out classification",
        )
    rows = tensor.reshape(math.prod(outer), classes)
    strings = [
        _text(row[index], index, labels)
        for row in rows
        for index in _order(row)[:kept].tolist()
    ]
    return object_array(strings).reshape((*outer, kept))


def _order(row: Array) -> Array:
    """Return indices by descending value, stable, NaN last."""
    # Ascending by a stable sort of the reversed row, then reversed: keeps equal values
    # by index without negating, which unsigned integers could not bear.
    ascending = np.argsort(row[::-1], kind="stable")
    descending = (len(row) - 1 - ascending)[::-1]
    unknown = np.isnan(row[descending])
    return np.concatenate((descending[~unknown], descending[unknown]))


def _text(value: np.generic, index: int, labels: Sequence[str]) -> bytes:
    text = f"{value:f}:{index}" if value.dtype.kind == "f" else f"{value}:{index}"
    return (f"{text}:{labels[index]}" if index < len(labels) else text).encode()
