"""Tensors that a request leaves in shared memory, from admission to answer.

Law: nothing is copied or mapped before the request is one that the model takes, and
what is large not before its turn, where it runs. What is lent is held until the answer
is placed, whatever the peer unregisters meanwhile.
Call on the event loop only.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from edged.host.peer import Peer
from edged.serve import admission
from edged.serve.live import Live
from edged.serve.regions import Regions
from edged.serve.request import Array
from edged.serve.slot import Fill, Slot
from edged.wire import tensorbytes
from edged.wire.oip import SharedTensor, Wanted


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """A request's shared memory.

    Attributes:
        inputs: every input of the request, those of its body included.
        into: memory that outputs may be computed into; see `InferRequest`.
        slots: where outputs go, by name.
        fills: what copies large inputs, before the run; see `InferRequest`.
    """

    inputs: dict[str, Array]
    into: dict[str, Array]
    slots: dict[str, Slot]
    fills: tuple[Fill, ...] = ()

    def place(self, outputs: Mapping[str, Array]) -> None:
        """Put outputs where they are wanted, unless they were computed there.

        Raises:
            BadRegion: one is larger than its place, or there is no memory for it.
        """
        for name, slot in self.slots.items():
            if outputs[name] is not self.into.get(name):
                slot.put(outputs[name], f"output {name!r}")


def borrow(
    regions: Regions,
    peer: Peer | None,
    live: Live,
    *,
    inputs: dict[str, Array],
    shared: Mapping[str, SharedTensor],
    wanted: Iterable[Wanted],
) -> Loan:
    """Take a request's tensors from shared memory, and find room for its outputs.

    Args:
        regions: of all peers.
        peer: who asks; None on TCP.
        live: the release that will answer.
        inputs: that came in the body.
        shared: inputs that did not.
        wanted: outputs that the request lists.

    Raises:
        Unsupported, UnknownRegion, BadRegion, TooLarge: the memory cannot be used so.
        InvalidTensor: the model does not take such inputs.
    """
    lent = dict(inputs)
    later: list[Fill] = []
    for name, tensor in shared.items():
        if not _is_taken(live, name, tensor):
            seeming = {name: _seeming(tensor) for name, tensor in shared.items()}
            admission.check_inputs(live.plan, live.name, {**inputs, **seeming})
        what = f"input {name!r}"
        lent[name] = regions.slot(peer, tensor.place, what).tensor(tensor, what, later)
    slots: dict[str, Slot] = {}
    into: dict[str, Array] = {}
    for output in wanted:
        if output.place is not None:
            slot = regions.slot(peer, output.place, f"output {output.name!r}")
            slots[output.name] = slot
            for spec in live.signature.outputs:
                target = slot.target(spec) if spec.name == output.name else None
                if target is not None:
                    into[output.name] = target
    return Loan(inputs=lent, into=into, slots=slots, fills=tuple(later))


def _is_taken(live: Live, name: str, tensor: SharedTensor) -> bool:
    known = live.plan.inputs.get(name)
    return (
        known is not None
        and known[0].datatype is tensor.datatype
        and (known[0].shape == tensor.shape or known[0].admits(tensor.shape))
    )


def _seeming(tensor: SharedTensor) -> Array:
    """Return an array of this dtype and shape that has one element in memory."""
    one = np.zeros((), tensorbytes.dtype_of(tensor.datatype))
    return np.broadcast_to(one, tensor.shape)
