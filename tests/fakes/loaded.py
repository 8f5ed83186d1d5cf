"""A runtime that computes nothing: canned answers, and a memory of what it was fed."""

from collections.abc import Mapping

from edged.runtime.base import NOWHERE, Array, Quantization, Tensors
from edged.wire.tensors import TensorSpec


class FakeLoaded:
    """Satisfies `edged.runtime.base.Loaded`.

    Args:
        inputs: what it declares.
        outputs: what it declares.
        answers: by output name; what every run gives.
        quantization: by tensor name.

    Attributes:
        fed: the feeds of every run.
        into: where every run was asked to put its outputs.
        resets: how often it was told to forget.
        closed: whether it was let go.
    """

    stateful = False
    concurrent = True

    def __init__(
        self,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        *,
        answers: Mapping[str, Array],
        quantization: Mapping[str, Quantization] | None = None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.quantization = quantization or {}
        self._answers = answers
        self.fed: list[dict[str, Array]] = []
        self.into: list[dict[str, Array]] = []
        self.resets = 0
        self.closed = False

    def run(
        self, feeds: Tensors, wanted: tuple[str, ...], into: Tensors = NOWHERE
    ) -> dict[str, Array]:
        """Remember what it is given and give the canned answers."""
        self.fed.append(dict(feeds))
        self.into.append(dict(into))
        return {name: self._answers[name] for name in wanted}

    def reset(self) -> None:
        """Count."""
        self.resets += 1

    def close(self) -> None:
        """Remember."""
        self.closed = True
