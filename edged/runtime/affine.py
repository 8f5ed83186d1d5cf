"""Numbers between a signature and a file: quantised, cast, transposed.

Law: pure; fresh C-contiguous results; no warning and no exception for any input
value. One pass over memory for each step and no more temporaries than one.
"""

from typing import Any

import numpy as np

from edged.runtime.base import Array, Quantization

Axes = tuple[int, int, int, int]

TO_NHWC: Axes = (0, 2, 3, 1)
TO_NCHW: Axes = (0, 3, 1, 2)

#: float32 holds every integer to 2^24, so it serves stored types of up to 16 bits.
_FLOAT32_ITEM_BYTES = 2

#: Up to so many channels a strided write beats numpy's strided read: 3x224x224 takes
#: 40 us instead of 140; 64x28x28 takes 99 us instead of 11.
_FEW_CHANNELS = 8


class Quantize:
    """Turns real values into stored integers.

    Rounds half to even and clips, infinities too; NaN, which no integer can say,
    becomes the zero point (real 0).

    Args:
        quantization: of the stored tensor.
        real: floating-point, of what comes in (C-contiguous).
        stored: of the result: an integer of at most 32 bits.
        axes: the transposition on the way, or None.
    """

    # Constants are made once: for a tensor of 64 values making them took longer than
    # using them (28 us a run instead of 11).
    def __init__(
        self,
        quantization: Quantization,
        *,
        real: np.dtype[Any],
        stored: np.dtype[Any],
        axes: Axes | None,
    ) -> None:
        self._work = work = _work_type(real, stored)
        self._scale = work(quantization.scale)
        self._zero_point = work(quantization.zero_point)
        self._least = work(np.iinfo(stored).min)
        self._most = work(np.iinfo(stored).max)
        self._dtype = stored
        self._axes = axes

    def __call__(self, real: Array) -> Array:
        """Return a fresh array."""
        stored = np.empty(_shape(real, self._axes), self._work)
        source, target = real, stored
        if self._axes is not None:
            if _few_channels(real, self._axes):
                target = stored.transpose(TO_NCHW)
            else:
                source = real.transpose(self._axes)
        # Infinite where real / scale overflows; clipped below.
        with np.errstate(over="ignore", invalid="ignore"):
            np.divide(source, self._scale, out=target, dtype=self._work)
        np.rint(stored, out=stored)
        np.add(stored, self._zero_point, out=stored)
        stored.clip(self._least, self._most, out=stored)
        missing = np.isnan(stored)
        if missing.any():
            stored[missing] = self._zero_point
        return stored.astype(self._dtype)


class Dequantize:
    """Turns stored integers into real values: `scale * (stored - zero_point)`.

    Args:
        quantization: of the stored tensor.
        real: floating-point, of the result.
        stored: integer of at most 32 bits, of what comes in (C-contiguous).
        axes: the transposition on the way, or None.
    """

    def __init__(
        self,
        quantization: Quantization,
        *,
        real: np.dtype[Any],
        stored: np.dtype[Any],
        axes: Axes | None,
    ) -> None:
        self._work = work = _work_type(real, stored)
        self._scale = work(quantization.scale)
        self._zero_point = work(quantization.zero_point)
        self._dtype = real
        self._axes = axes

    def __call__(self, stored: Array) -> Array:
        """Return a fresh array."""
        real = np.empty(_shape(stored, self._axes), self._work)
        source = stored if self._axes is None else stored.transpose(self._axes)
        np.subtract(source, self._zero_point, out=real, dtype=self._work)
        np.multiply(real, self._scale, out=real)
        if self._work is self._dtype.type:
            return real
        with np.errstate(over="ignore"):  # where FP16 cannot hold it: infinite
            return real.astype(self._dtype)


def cast(array: Array, dtype: np.dtype[Any], axes: Axes | None) -> Array:
    """Change dtype, layout or both; too large for a narrower float is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if axes is None:
            return array.astype(dtype)
        if not _few_channels(array, axes):
            return np.ascontiguousarray(array.transpose(axes), dtype)
        result = np.empty(_shape(array, axes), dtype)
        for channel in range(array.shape[1]):
            result[..., channel] = array[:, channel]
        return result


def bounds(quantization: Quantization, dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the least and the greatest real value that a stored tensor can say."""
    limits = np.iinfo(dtype)
    return (
        quantization.scale * (int(limits.min) - quantization.zero_point),
        quantization.scale * (int(limits.max) - quantization.zero_point),
    )


def _work_type(real: np.dtype[Any], stored: np.dtype[Any]) -> type[np.floating[Any]]:
    if stored.itemsize <= _FLOAT32_ITEM_BYTES and real.itemsize <= 4:  # noqa: PLR2004  # FP32
        return np.float32
    return np.float64


def _few_channels(array: Array, axes: Axes) -> bool:
    return axes == TO_NHWC and array.shape[1] <= _FEW_CHANNELS


def _shape(array: Array, axes: Axes | None) -> tuple[int, ...]:
    if axes is None:
        return array.shape
    return tuple(array.shape[axis] for axis in axes)
