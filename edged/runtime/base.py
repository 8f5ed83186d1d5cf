"""The port to a runtime: what a loaded model file can do.

Law: exactly these verbs; only `BadModel` (the file or the run) and `InvalidTensor`
(the input) come out. Everything else is a bug.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from edged.wire.tensors import TensorSpec

Array = npt.NDArray[Any]
Tensors = Mapping[str, Array]

#: Every output is answered freshly.
NOWHERE: Tensors = {}


class Quantization(msgspec.Struct, frozen=True, kw_only=True):
    """Per-tensor affine quantisation: `real = scale * (stored - zero_point)`."""

    scale: float
    zero_point: int


class Runs(Protocol):
    """Something that answers: a loaded file, or a variant behind a signature."""

    def run(
        self, feeds: Tensors, wanted: tuple[str, ...], into: Tensors = NOWHERE
    ) -> dict[str, Array]:
        """Run once.

        Args:
            feeds: by input name; C-contiguous, little-endian, of the declared dtype
                and a shape that the spec admits. Borrowed until return and used in
                place where the runtime allows.
            wanted: output names to compute, in answer order.
            into: memory that outputs may be computed into, by output name;
                C-contiguous. It is a wish: another process may hold that memory, so
                it is never read, and what does not fit is answered freshly.

        Returns:
            C-contiguous arrays by output name: the very one of `into`, or a fresh one
            that the caller owns.

        Raises:
            BadModel: the runtime failed; the message carries its reason.
            InvalidTensor: the graph does not take these shapes or values.
        """

    def reset(self) -> None:
        """Forget what earlier runs left in the graph's variables."""


class Loaded(Runs, Protocol):
    """A model file in memory, in the file's own terms.

    Attributes:
        inputs: as the file declares them, in the file's order.
        outputs: the same for outputs.
        quantization: by tensor name, where the file carries a per-tensor one.
        stateful: whether the graph keeps variables from one run to the next.
        concurrent: whether `run` may be called from several threads at a time.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    quantization: Mapping[str, Quantization]
    stateful: bool
    concurrent: bool

    def close(self) -> None:
        """Let go of the model; no call may follow."""


def numpy_dtype(spec: TensorSpec) -> np.dtype[Any]:
    """Return the numpy dtype of a tensor; `object` for BYTES."""
    return np.dtype(spec.datatype.numpy_name)
