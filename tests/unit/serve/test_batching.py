"""Several requests as one run, and its answer apart again."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.serve.batching import Batching, alike, batching, join, rows, split
from edged.wire.release import (
    BackendName,
    Batch,
    Input,
    Manifest,
    Output,
    Signature,
    Variant,
)
from edged.wire.tensors import Datatype

FREE = Signature(
    inputs=(Input(name="x", datatype=Datatype.FP32, shape=(-1, 4)),),
    outputs=(Output(name="y", datatype=Datatype.FP32, shape=(-1, 4)),),
)
MANIFEST = Manifest(
    name="m",
    version="1",
    seq=1,
    signature=FREE,
    variants=(Variant(id="v", backend=BackendName.ONNX, file="m.onnx"),),
    batch=Batch(axis=0, max=16),
    files={},
)


def ones(count: int, width: int = 4) -> dict[str, np.ndarray]:
    """Return a request of some rows."""
    return {"x": np.ones((count, width), "<f4")}


def test_the_smaller_of_both_bounds_holds() -> None:
    """The manifest knows the model, the setting the box."""
    assert Batching(axis=0, most=8) == batching(MANIFEST, most=8)
    assert Batching(axis=0, most=16) == batching(MANIFEST, most=99)


FIXED = msgspec.structs.replace(
    FREE, outputs=(Output(name="y", datatype=Datatype.FP32, shape=(1, 4)),)
)
TEXT = msgspec.structs.replace(
    FREE, inputs=(Input(name="x", datatype=Datatype.BYTES, shape=(-1, 4)),)
)


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, 1),
        ({"batch": None}, 8),
        ({"batch": Batch(axis=0, max=1)}, 8),
        ({"batch": Batch(axis=2, max=8)}, 8),
        ({"signature": FIXED}, 8),
        ({"signature": TEXT}, 8),
    ],
)
def test_most_models_stay_alone(changes: dict[str, object], most: int) -> None:
    """One row at a time, not named by the manifest, not free everywhere, or text."""
    manifest = msgspec.structs.replace(MANIFEST, **changes)

    assert batching(manifest, most=most) is None


def test_requests_are_alike_but_for_their_rows() -> None:
    """Every other dimension must be the same."""
    assert alike(ones(1), ones(7), 0)
    assert not alike(ones(1), ones(1, width=5), 0)


def test_rows_are_counted_only_where_all_inputs_agree() -> None:
    """Two inputs of different length have no number of rows."""
    mixed = {"x": np.ones((2, 1)), "y": np.ones((3, 1))}

    assert (rows(ones(3), 0), rows(mixed, 0)) == (3, 0)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 1))
def test_what_is_joined_comes_apart_as_it_was(counts: list[int], axis: int) -> None:
    """Along either axis."""
    rng = np.random.default_rng(len(counts))
    requests = []
    for count in counts:
        shape = (count, 3) if axis == 0 else (3, count)
        requests.append({"x": rng.standard_normal(shape)})

    apart = split(join(requests, axis), counts, axis)

    assert apart is not None
    for got, sent in zip(apart, requests, strict=True):
        np.testing.assert_array_equal(got["x"], sent["x"])


def test_an_output_without_those_rows_is_not_split() -> None:
    """A model that sums over its batch must run alone."""
    assert split({"y": np.ones((1, 4))}, [1, 1], 0) is None
