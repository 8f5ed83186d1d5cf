"""Several requests as one run, and its answer apart again.

Law: pure. Requests are joined along the batch axis that the manifest names, and only
where the result is what each would have got alone: same rung, same outputs, same
shapes but for that axis.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from edged.serve.request import Array
from edged.wire.release import Manifest
from edged.wire.tensors import FREE, Datatype

Feeds = Mapping[str, Array]


class Batching(msgspec.Struct, frozen=True, kw_only=True):
    """How a release's requests may be joined.

    Attributes:
        axis: of every input and output.
        most: rows of a run, at most.
    """

    axis: int
    most: int


def batching(manifest: Manifest, *, most: int) -> Batching | None:
    """Return how a release's requests can be joined; None where they stay alone.

    Joined are releases that name a batch axis which is free in every tensor; a model
    with state never is, nor one with BYTES.
    """
    allowed = manifest.batch
    if allowed is None or min(most, allowed.max) < 2:  # noqa: PLR2004
        return None
    tensors = (*manifest.signature.inputs, *manifest.signature.outputs)
    for spec in tensors:
        if spec.datatype is Datatype.BYTES:
            return None
        if len(spec.shape) <= allowed.axis or spec.shape[allowed.axis] != FREE:
            return None
    return Batching(axis=allowed.axis, most=min(most, allowed.max))


def rows(feeds: Feeds, axis: int) -> int:
    """Return how many rows a request brings; its inputs must agree, else 0."""
    counts = {array.shape[axis] for array in feeds.values()}
    return counts.pop() if len(counts) == 1 else 0


def alike(one: Feeds, other: Feeds, axis: int) -> bool:
    """Tell whether two requests differ in nothing but their rows."""
    return all(
        _but(one[name].shape, axis) == _but(array.shape, axis)
        for name, array in other.items()
    )


def join(requests: Sequence[Feeds], axis: int) -> dict[str, Array]:
    """Put requests one after the other along the axis."""
    return {
        name: np.concatenate([feeds[name] for feeds in requests], axis=axis)
        for name in requests[0]
    }


def split(
    outputs: Mapping[str, Array], counts: Sequence[int], axis: int
) -> list[dict[str, Array]] | None:
    """Give each request its rows; None if an output has not as many as went in."""
    if any(array.shape[axis] != sum(counts) for array in outputs.values()):
        return None
    cuts = np.cumsum(counts)[:-1]
    apart = {
        name: [np.ascontiguousarray(part) for part in np.split(array, cuts, axis=axis)]
        for name, array in outputs.items()
    }
    return [
        {name: parts[n] for name, parts in apart.items()} for n in range(len(counts))
    ]


def _but(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]
