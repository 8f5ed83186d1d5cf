"""Inputs made up from a signature, for models that come without real ones.

Law: the same seed makes the same inputs. They prove that a model runs and still
answers as it did, and no more.
"""

from collections.abc import Mapping

import numpy as np

from edged.runtime.base import Array, numpy_dtype
from edged.wire.release import Image, Input, Layout, Signature
from edged.wire.tensors import FREE, Datatype

#: Made-up inputs have so many levels: noise that a .npz packs to a fifth.
_LEVELS = 16

#: The range of float inputs of which nothing is known.
_FLOAT_RANGE = (-1.0, 1.0)
_PIXEL_RANGE = (0.0, 255.0)

#: Integers may index a table: 0 and 1 exist in all but empty ones.
_INDEX_RANGE = (0, 1)

Ranges = Mapping[str, tuple[float, float]]


def make_up(
    signature: Signature, *, samples: int, seed: int, ranges: Ranges | None = None
) -> dict[str, Array]:
    """Make inputs, by name, [samples, *shape]; free dimensions become 1.

    Args:
        signature: an input with `image` gets pixels, put through its mean and std.
        samples: how many.
        seed: of the generator.
        ranges: of float inputs, where known (a quantised file's own).
    """
    source = np.random.default_rng(seed)
    known = ranges or {}
    return {
        spec.name: np.stack(
            [_sample(source, spec, known.get(spec.name)) for _ in range(samples)]
        )
        for spec in signature.inputs
    }


def _sample(
    source: "np.random.Generator",  # quoted: its import costs 2 MB
    spec: Input,
    known: tuple[float, float] | None,
) -> Array:
    """Make up one input.

    Each float sample has a range of its own inside the tensor's, so that samples
    differ in brightness as well as in noise.
    """
    image = spec.image
    shape = tuple(1 if dim == FREE else dim for dim in spec.shape)
    dtype = numpy_dtype(spec)
    if spec.datatype is Datatype.BYTES:
        text = np.empty(shape, object)
        text.reshape(-1)[:] = [b"%d" % n for n in source.integers(10, size=text.size)]
        return text
    levels = source.integers(_LEVELS, size=shape)
    if not spec.datatype.is_float:
        least, most = _INDEX_RANGE
        if spec.datatype in (Datatype.UINT8, Datatype.INT8):
            least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        return (least + (most - least) * levels // (_LEVELS - 1)).astype(dtype)
    low, high = known or (_FLOAT_RANGE if image is None else _PIXEL_RANGE)
    start, stop = np.sort(source.uniform(low, high, 2))
    real = start + (stop - start) * levels / (_LEVELS - 1)
    return np.asarray(real if image is None else _normalised(real, image), dtype)


def _normalised(pixels: Array, image: Image) -> Array:
    """Apply mean and std along the channels' dimension."""
    shape = (-1, 1, 1) if image.layout is Layout.NCHW else (-1,)
    mean, std = np.array(image.mean), np.array(image.std)
    normalised: Array = (pixels - mean.reshape(shape)) / std.reshape(shape)
    return normalised
