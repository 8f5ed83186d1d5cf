"""A picture -> a tensor, as the manifest says.

Law: `(pixel - mean) / std` in the order of the manifest's layout; nothing is guessed.
Pillow is optional: who has no pictures does not need it.
"""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edged.errors import InvalidTensor, Unsupported
from edged.wire.release import Color, Input, Layout
from edged.wire.tensors import FREE

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

#: The first bytes of what Pillow is asked to read.
MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")

_CHANNELS = {Color.RGB: 3, Color.BGR: 3, Color.GRAY: 1}
_MODES = {Color.RGB: "RGB", Color.BGR: "RGB", Color.GRAY: "L"}


def tensor(data: bytes, source: str, spec: Input) -> npt.NDArray[Any]:
    """Turn a PNG or JPEG into one input.

    Args:
        data: the file's bytes.
        source: its name, for errors.
        spec: an input with an `image` block. Its shape gives height and width; where
            they are free, the picture keeps its own.

    Returns:
        [1, C, H, W] or [1, H, W, C], or the same without the batch dimension, in the
        input's datatype; integers are rounded and clipped to their range.

    Raises:
        InvalidTensor: the bytes are no picture, or the manifest's block and shape
            contradict each other.
        Unsupported: Pillow is not installed.
    """
    if spec.image is None:
        raise AssertionError(spec.name)
    order = _order(spec)
    image = spec.image
    want = dict(zip(order, spec.shape, strict=True))
    channels = _CHANNELS[image.color]
    if want["C"] not in (FREE, channels):
        raise InvalidTensor(
            f"cannot make {spec} of a picture: {image.color.value} has {channels} "
            f"channels, and the input has {want['C']}",
            hint="correct `image:` in model.yaml and install it again",
        )
    picture = _opened(data, source)
    size = tuple(
        have if asked == FREE else asked
        for asked, have in zip((want["W"], want["H"]), picture.size, strict=True)
    )
    pixels = np.asarray(
        _resized(picture.convert(_MODES[image.color]), size), dtype=np.float32
    )
    pixels = pixels.reshape(size[1], size[0], channels)
    if image.color is Color.BGR:
        pixels = pixels[:, :, ::-1]
    mean, std = (np.array(of, dtype=np.float32) for of in (image.mean, image.std))
    pixels = ((pixels - mean) / std).astype(np.float32)
    if image.layout is Layout.NCHW:
        pixels = pixels.transpose(2, 0, 1)
    return _cast(pixels.reshape(_batched(pixels.shape, spec)), spec)


def _order(spec: Input) -> str:
    """Return the letters of the input's dimensions, without N where it has none."""
    layout = spec.image.layout.value if spec.image else ""
    order = layout[-len(spec.shape) :]
    if len(order) != len(spec.shape) or len(order) < len("CHW"):
        raise InvalidTensor(
            f"cannot make {spec} of a picture: {layout} has 4 dimensions, or 3 without "
            f"the batch, and the input has {len(spec.shape)}",
            hint="correct `image:` in model.yaml and install it again",
        )
    return order


def _opened(data: bytes, source: str) -> "Picture":
    try:
        from PIL import Image, ImageOps  # noqa: PLC0415  # optional
    except ImportError as exc:
        raise Unsupported(
            f"cannot read {source}: pictures need Pillow, which is not installed",
            hint="sudo apt install python3-pil (or: pip install 'edged[images]')",
        ) from exc
    try:
        picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        picture.load()
        upright: Picture = ImageOps.exif_transpose(picture)
    except Image.DecompressionBombError as exc:
        raise InvalidTensor(f"cannot read {source}: it has too many pixels") from exc
    except (OSError, ValueError, SyntaxError) as exc:
        raise InvalidTensor(
            f"cannot read {source}: the picture is cut off or damaged",
            hint="copy it again, whole; an image viewer tells whether it is",
        ) from exc
    return upright


def _resized(picture: "Picture", size: tuple[int, ...]) -> "Picture":
    from PIL import Image  # noqa: PLC0415  # optional; `_opened` has found it

    if picture.size == size:
        return picture
    return picture.resize((size[0], size[1]), Image.Resampling.BILINEAR)


def _batched(shape: tuple[int, ...], spec: Input) -> tuple[int, ...]:
    return shape if len(shape) == len(spec.shape) else (1, *shape)


def _cast(pixels: npt.NDArray[Any], spec: Input) -> npt.NDArray[Any]:
    dtype = np.dtype(spec.datatype.numpy_name)
    if spec.datatype.is_float:
        return np.ascontiguousarray(pixels, dtype=dtype)
    limits = np.iinfo(dtype)
    return np.ascontiguousarray(np.clip(np.rint(pixels), limits.min, limits.max), dtype)
