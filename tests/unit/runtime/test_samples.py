"""Inputs made up from a signature."""

import numpy as np

from edged.runtime.samples import make_up
from edged.wire.release import Image, Input, Layout, Signature
from edged.wire.tensors import Datatype


def one(datatype: Datatype, *shape: int, image: Image | None = None) -> Signature:
    """Describe a release with one input `x`."""
    inputs = (Input(name="x", datatype=datatype, shape=shape, image=image),)
    return Signature(inputs=inputs, outputs=())


def test_the_same_seed_makes_the_same_inputs() -> None:
    """A golden set can be made again anywhere."""
    signature = one(Datatype.FP32, -1, 3)

    first, again, other = (
        make_up(signature, samples=2, seed=seed)["x"] for seed in (1, 1, 2)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_free_dimensions_become_one_and_samples_stand_first() -> None:
    """[?, 3] four times is [4, 1, 3]."""
    inputs = make_up(one(Datatype.FP32, -1, 3), samples=4, seed=0)

    assert inputs["x"].shape == (4, 1, 3)
    assert inputs["x"].dtype == np.float32


def test_known_ranges_are_kept_to() -> None:
    """A quantised input gets values that it can say."""
    inputs = make_up(
        one(Datatype.FP32, 100), samples=9, seed=0, ranges={"x": (5.0, 7.0)}
    )

    assert 5.0 <= inputs["x"].min() < inputs["x"].max() <= 7.0


def test_pictures_go_through_mean_and_std() -> None:
    """Pixels 0..255 become what the input takes, channel by channel."""
    image = Image(layout=Layout.NCHW, mean=(0.0, 1000.0), std=(255.0, 1.0))

    x = make_up(one(Datatype.FP32, 1, 2, 8, 8, image=image), samples=9, seed=0)["x"]

    assert 0.0 <= x[:, :, 0].min() < x[:, :, 0].max() <= 1.0
    assert -1000.0 <= x[:, :, 1].min() < x[:, :, 1].max() <= -745.0


def test_wide_integers_are_zero_and_one() -> None:
    """They may index a table."""
    x = make_up(one(Datatype.INT64, 200), samples=1, seed=0)["x"]

    assert set(x.ravel().tolist()) == {0, 1}


def test_bytes_fill_their_range_and_text_is_text() -> None:
    """UINT8 is pixels; BYTES elements are bytes."""
    pixels = make_up(one(Datatype.UINT8, 500), samples=1, seed=0)["x"]
    text = make_up(one(Datatype.BYTES, 2), samples=1, seed=0)["x"]

    assert (0, 255) == (pixels.min(), pixels.max())
    assert [bytes] * 2 == [type(item) for item in text.ravel()]
