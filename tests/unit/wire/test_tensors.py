"""Datatypes, shapes and descriptions."""

import numpy as np
import pytest

from edged.wire.tensors import Datatype, Shape, TensorSpec


@pytest.mark.parametrize("datatype", Datatype)
def test_a_datatype_is_numpys_of_that_name(datatype: Datatype) -> None:
    """Name and size agree with numpy, and numbers are little-endian."""
    dtype = np.dtype(datatype.numpy_name)

    expected = (
        (np.dtype(object), None)
        if datatype is Datatype.BYTES
        else (
            np.dtype(datatype.value.lower().replace("fp", "float")).newbyteorder("<"),
            dtype.itemsize,
        )
    )
    assert expected == (dtype, datatype.item_bytes)


def test_floats_are_three() -> None:
    """They are what may be scaled and what may be NaN."""
    actual = {datatype.value for datatype in Datatype if datatype.is_float}

    assert {"FP16", "FP32", "FP64"} == actual


@pytest.mark.parametrize(
    ("spec", "shape", "expected"),
    [
        ((1, 3), (1, 3), True),
        ((1, 3), (1, 4), False),
        ((1, 3), (3,), False),
        ((1, 3), (1, 3, 1), False),
        ((-1, 3), (7, 3), True),
        ((-1, 3), (0, 3), True),
        ((-1, 3), (7, 4), False),
        ((), (), True),
    ],
)
def test_a_spec_admits_its_shapes(
    spec: Shape,
    shape: Shape,
    expected: bool,  # noqa: FBT001  # a parameter
) -> None:
    """Dimensions agree one by one; -1 takes any size."""
    actual = TensorSpec(name="x", datatype=Datatype.FP32, shape=spec).admits(shape)

    assert expected == actual


def test_a_spec_can_speak() -> None:
    """The words that errors show."""
    spec = TensorSpec(name="image", datatype=Datatype.UINT8, shape=(-1, 8, 8))

    assert "image: UINT8[?,8,8]" == str(spec)
