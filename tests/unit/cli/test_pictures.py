"""Pictures as tensors."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from edged.cli.pictures import tensor
from edged.errors import InvalidTensor
from edged.wire.release import Color, Image, Input, Layout
from edged.wire.tensors import Datatype


def png(*, size: tuple[int, int] = (4, 2)) -> bytes:
    """Return a picture: red on the left, blue on the right."""
    picture = Pillow.new("RGB", size, (255, 0, 0))
    picture.paste((0, 0, 255), (size[0] // 2, 0, *size))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def spec(*shape: int, datatype: Datatype = Datatype.FP32, **image: object) -> Input:
    """Return an input that takes pictures."""
    return Input(name="x", datatype=datatype, shape=shape, image=Image(**image))


def test_channels_come_first_in_nchw() -> None:
    """Red is the first plane, full on the left half."""
    found = tensor(png(), "p", spec(1, 3, 2, 4))

    assert ((1, 3, 2, 4), [255, 255, 0, 0], [0, 0, 255, 255]) == (
        found.shape,
        found[0, 0, 0].tolist(),
        found[0, 2, 0].tolist(),
    )


def test_channels_come_last_in_nhwc() -> None:
    """Each pixel has its colours side by side."""
    found = tensor(png(), "p", spec(1, 2, 4, 3, layout=Layout.NHWC))

    assert ((1, 2, 4, 3), [255, 0, 0]) == (found.shape, found[0, 0, 0].tolist())


def test_bgr_turns_the_channels() -> None:
    """OpenCV's order has blue first."""
    found = tensor(png(), "p", spec(1, 3, 2, 4, color=Color.BGR))

    assert [0, 0, 255, 255] == found[0, 0, 0].tolist()


def test_gray_has_one_channel() -> None:
    """A colour picture is made gray."""
    found = tensor(png(), "p", spec(1, 1, 2, 4, color=Color.GRAY))

    assert ((1, 1, 2, 4), [76, 76, 29, 29]) == (found.shape, found[0, 0, 0].tolist())


def test_mean_and_std_are_applied_by_channel() -> None:
    """`(pixel - mean) / std`."""
    image = {"mean": (255.0, 0.0, 1.0), "std": (1.0, 1.0, 2.0)}

    found = tensor(png(), "p", spec(1, 3, 2, 4, **image))

    assert [0.0, 0.0, -0.5] == found[0, :, 0, 0].tolist()


def test_a_picture_is_resized_to_the_input() -> None:
    """The tensor's shape gives the size."""
    assert (1, 3, 8, 6) == tensor(png(), "p", spec(1, 3, 8, 6)).shape


def test_a_free_size_keeps_the_picture() -> None:
    """Where height and width are free, nothing is resized."""
    assert (1, 3, 2, 4) == tensor(png(), "p", spec(1, 3, -1, -1)).shape


def test_a_model_may_have_no_batch() -> None:
    """Three dimensions are those of one picture."""
    assert (3, 2, 4) == tensor(png(), "p", spec(3, 2, 4)).shape


def test_integers_are_rounded_and_clipped() -> None:
    """An int8 input takes what it can hold."""
    found = tensor(png(), "p", spec(1, 3, 2, 4, datatype=Datatype.INT8, std=(2.0,)))

    assert ("int8", [127, 0, 0]) == (str(found.dtype), found[0, :, 0, 0].tolist())


def test_the_camera_s_way_up_counts() -> None:
    """EXIF turns a picture before it is resized."""
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise
    file = io.BytesIO()
    Pillow.new("RGB", (4, 2)).save(file, "JPEG", exif=exif)

    assert (1, 3, 4, 2) == tensor(file.getvalue(), "p", spec(1, 3, -1, -1)).shape


@pytest.mark.parametrize("data", [b"", png()[:40], b"\xff\xd8\xff", b"GIF89a"])
def test_a_broken_picture_is_bad_data(data: bytes) -> None:
    """Pillow's many exceptions become one of ours."""
    with pytest.raises(InvalidTensor, match="cannot read p"):
        tensor(data, "p", spec(1, 3, 2, 4))


@pytest.mark.parametrize("shape", [(1, 4, 2, 4), (2, 4), (1, 1, 3, 2, 4)])
def test_a_contradiction_of_the_manifest_is_told(shape: tuple[int, ...]) -> None:
    """`image:` and the shape must agree."""
    with pytest.raises(InvalidTensor, match="of a picture"):
        tensor(png(), "p", spec(*shape))


def test_values_are_contiguous() -> None:
    """They are sent without another copy."""
    assert tensor(png(), "p", spec(1, 3, 2, 4)).flags["C_CONTIGUOUS"]


def test_float16_is_kept() -> None:
    """The input's datatype decides."""
    found = tensor(png(), "p", spec(1, 3, 2, 4, datatype=Datatype.FP16))

    assert np.float16 == found.dtype
