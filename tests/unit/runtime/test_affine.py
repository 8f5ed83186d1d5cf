"""Quantising, casting and transposing."""

import warnings
from typing import Any

import numpy as np
import pytest

from edged.runtime import affine
from edged.runtime.affine import TO_NCHW, TO_NHWC
from edged.runtime.base import Array, Quantization


def quantize(
    real: Array,
    quantization: Quantization,
    stored: np.dtype[Any],
    axes: affine.Axes | None = None,
) -> Array:
    """Quantise from whatever dtype comes."""
    return affine.Quantize(quantization, real=real.dtype, stored=stored, axes=axes)(
        real
    )


def dequantize(
    stored: Array,
    quantization: Quantization,
    real: np.dtype[Any],
    axes: affine.Axes | None = None,
) -> Array:
    """Dequantise from whatever dtype comes."""
    return affine.Dequantize(quantization, real=real, stored=stored.dtype, axes=axes)(
        stored
    )


INT8, UINT8 = np.dtype(np.int8), np.dtype(np.uint8)
FLOAT32 = np.dtype(np.float32)


def test_halves_round_to_even() -> None:
    """0.5, 1.5 and 2.5 quanta become 0, 2 and 2."""
    real = np.float32([0.25, 0.75, 1.25, -0.25, -0.75])

    stored = quantize(real, Quantization(scale=0.5, zero_point=0), INT8)

    assert stored.tolist() == [0, 2, 2, 0, -2]
    assert stored.dtype == INT8


def test_values_outside_the_range_are_clipped() -> None:
    """Infinities and values that overflow by dividing end at the limits."""
    real = np.float32([300, -300, np.inf, -np.inf, 3e38, -3e38])

    stored = quantize(real, Quantization(scale=1e-3, zero_point=3), INT8)

    assert stored.tolist() == [127, -128, 127, -128, 127, -128]


def test_nan_becomes_the_zero_point() -> None:
    """No integer says NaN; real 0 is the least wrong."""
    real = np.float32([np.nan, 1])

    stored = quantize(real, Quantization(scale=0.5, zero_point=-7), INT8)

    assert stored.tolist() == [-7, -5]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_value_causes_a_warning(dtype: type) -> None:
    """Whatever a caller sends, nothing is printed or raised."""
    real = np.array([np.nan, np.inf, -np.inf, np.finfo(dtype).max], dtype)
    quantization = Quantization(scale=1e-6, zero_point=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stored = quantize(real, quantization, UINT8)
        affine.cast(real, np.dtype(np.float16), None)

    assert stored.tolist() == [0, 255, 0, 255]


def test_thirty_two_bit_values_keep_their_last_bit() -> None:
    """float32 would round 2147483646 away."""
    stored = np.array([2147483646, -2147483648], np.int32)
    quantization = Quantization(scale=1.0, zero_point=0)

    real = dequantize(stored, quantization, np.dtype(np.float64))
    back = quantize(real, quantization, stored.dtype)

    assert back.tolist() == stored.tolist()


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_every_stored_value_survives_the_way_out_and_back(zero_point: int) -> None:
    """Dequantising and quantising int8 is the identity."""
    stored = np.arange(-128, 128).astype(np.int8)
    quantization = Quantization(scale=0.00390625, zero_point=zero_point)

    real = dequantize(stored, quantization, FLOAT32)
    back = quantize(real, quantization, INT8)

    assert np.array_equal(stored, back)


@pytest.mark.parametrize("channels", [1, 3, 64])
def test_transposing_while_quantising_is_transposing_after(channels: int) -> None:
    """Both ways through memory give the same, for few channels and for many."""
    real = np.random.default_rng(1).normal(size=(2, channels, 5, 7)).astype(np.float32)
    quantization = Quantization(scale=0.01, zero_point=4)

    stored = quantize(real, quantization, INT8, TO_NHWC)

    straight = quantize(real, quantization, INT8)
    assert np.array_equal(straight.transpose(TO_NHWC), stored)
    assert stored.flags.c_contiguous


@pytest.mark.parametrize("channels", [1, 3, 64])
def test_a_cast_with_axes_is_contiguous(channels: int) -> None:
    """NCHW -> NHWC -> NCHW is the identity, and every step is in C order."""
    array = np.arange(2 * channels * 12, dtype=np.int32).reshape(2, channels, 3, 4)

    there = affine.cast(array, FLOAT32, TO_NHWC)
    back = affine.cast(there, array.dtype, TO_NCHW)

    assert np.array_equal(array, back)
    assert there.flags.c_contiguous
    assert back.flags.c_contiguous


def test_dequantising_transposes_into_c_order() -> None:
    """An NHWC answer comes out as contiguous NCHW."""
    stored = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)

    real = dequantize(stored, Quantization(scale=0.5, zero_point=1), FLOAT32, TO_NCHW)

    assert np.array_equal((stored.transpose(TO_NCHW) - np.float32(1)) / 2, real)
    assert real.flags.c_contiguous


def test_scalars_stay_arrays() -> None:
    """A tensor without dimensions keeps none."""
    stored = quantize(
        np.array(1.0, np.float32), Quantization(scale=0.5, zero_point=0), INT8
    )

    assert (stored.shape, stored.tolist()) == ((), 2)


def test_bounds_are_what_the_stored_type_can_say() -> None:
    """uint8 with zero point 128 and scale 1/128 says -1 to 0.992."""
    quantization = Quantization(scale=1 / 128, zero_point=128)

    assert affine.bounds(quantization, UINT8) == (-1.0, 127 / 128)
