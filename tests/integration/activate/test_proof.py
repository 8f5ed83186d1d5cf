"""Does a loaded release answer as its author says."""

import io

import numpy as np
import pytest

from edged.activate.proof import prove
from edged.errors import BadBundle
from edged.runtime.base import Array, Tensors
from edged.wire.release import Golden
from tests.fakes.box import Box, bundle


class Answers:
    """Stands for a rung: `y = factor * x`."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def run(self, feeds: Tensors, wanted: tuple[str, ...]) -> dict[str, Array]:
        """Answer."""
        return {name: feeds["x"] * np.float32(self._factor) for name in wanted}

    def reset(self) -> None:
        """Have no state."""


async def test_every_rung_is_asked_and_the_wrong_one_is_named(box: Box) -> None:
    """The best by tolerance, the others by agreement."""
    x = np.random.default_rng(5).standard_normal((16, 1, 4)).astype("<f4")
    out = io.BytesIO()
    np.savez(out, x=x, y=x + x)
    files = bundle(
        extra={"golden.npz": out.getvalue()}, golden=Golden(file="golden.npz")
    )
    live = (await box.install(files)).live
    assert live is not None
    release = box.releases.read("sums", live.folder)

    prove(release, {"fp32": Answers(2), "int8": Answers(2.01)})
    with pytest.raises(BadBundle, match="variant fp32") as caught:
        prove(release, {"fp32": Answers(2.01)})
    with pytest.raises(BadBundle, match="variant int8"):
        prove(release, {"fp32": Answers(2), "int8": Answers(-2)})

    assert caught.value.fields["variant"] == "fp32"


async def test_a_release_without_golden_answers_is_believed(box: Box) -> None:
    """Nothing is asked: there is nothing to compare with."""
    live = (await box.install(bundle())).live
    assert live is not None

    prove(box.releases.read("sums", live.folder), {"fp32": Answers(0)})
