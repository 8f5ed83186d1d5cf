"""The data: scikit-learn's copy of optdigits, split so that no form is on both sides.

Law: the order and the pixels are the package's own; nothing is shuffled or dropped.

The package keeps the images in the order in which people filled in their forms: the
labels run 0..9 three times and then through a fixed mix, and start again about every
130 images. `HELD_OUT_FROM` is the start of such a run, so the held-out images come
from forms that training never saw. A random split would be kinder and would say less.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

Array = npt.NDArray[Any]

#: Index of the first held-out image, of 1,797.
HELD_OUT_FROM = 1287

#: optdigits counts the ink of 4x4 blocks: 0..16.
MOST_INK = 16

#: A picture's pixel is 0..255; the net sees `pixel / 255`.
WHITE = 255

CLASSES = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Samples:
    """Pictures and what they show.

    Attributes:
        pixels: [N, 8, 8] uint8, 0 background, 255 ink.
        labels: [N] uint8, 0..9.
    """

    pixels: Array
    labels: Array

    def inputs(self) -> Array:
        """Return the net's input, [N, 8, 8, 1] float32 in 0..1."""
        return (self.pixels[..., None] / np.float32(WHITE)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.labels)


def load() -> tuple[Samples, Samples]:
    """Return the training part (1,287 images) and the held-out part (510)."""
    digits = load_digits()
    pixels = np.rint(digits.images * (WHITE / MOST_INK)).astype(np.uint8)
    labels = digits.target.astype(np.uint8)

    def part(which: slice) -> Samples:
        return Samples(pixels=pixels[which], labels=labels[which])

    return part(slice(None, HELD_OUT_FROM)), part(slice(HELD_OUT_FROM, None))
