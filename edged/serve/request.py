"""One inference request and its answer, free of any protocol.

Law: values. Arrays are borrowed from the caller until the answer is made.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import msgspec
import numpy.typing as npt

from edged.wire.adapt import Preference

Array = npt.NDArray[Any]


class Sequence(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's own thread of state through a stateful model.

    Source: OIP extension "sequence": sequence_id, sequence_start, sequence_end.
    """

    id: str
    start: bool = False
    end: bool = False


class InferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks of a model.

    Attributes:
        version: the `/versions/V` of the path; None for whichever is live.
        inputs: by signature name; dtype and shape as the caller sent them.
        outputs: wanted output names in answer order; None for all.
        into: memory that outputs may be computed into, by name; see `runtime.Runs`.
            It is the daemon's until the answer is made.
        fills: called before the run, on the same worker: what copies inputs that are
            too large for the event loop. Until then their elements mean nothing.
        variant: a rung the caller insists on; None lets the daemon choose.
        preference: what the caller wants of an answer, where the daemon chooses.
        min_accuracy: 0 to 1; no less accurate rung is chosen.
        priority: OIP's: 0 default, 1 highest.
        peer: who asks; requests of one peer share one turn in the queue.
        deadline_s: on the monotonic clock; None for the daemon's default.
        sequence: None outside a sequence.
    """

    model: str
    version: str | None = None
    inputs: dict[str, Array]
    outputs: tuple[str, ...] | None = None
    into: dict[str, Array] = {}
    fills: tuple[Callable[[], None], ...] = ()
    variant: str | None = None
    preference: Preference = Preference.BALANCED
    min_accuracy: float = 0.0
    priority: int = 0
    peer: Hashable = None
    deadline_s: float | None = None
    sequence: Sequence | None = None


class InferResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the model answered, and who answered.

    Attributes:
        outputs: by signature name, in the order asked for; owned by the receiver, or
            the request's own `into`.
        labels: class names by output, of the release that answered.
        queue_ns: time from admission to the start of the run.
        compute_ns: time of the run, conversions included.
    """

    model: str
    version: str
    variant: str
    outputs: dict[str, Array]
    labels: Mapping[str, tuple[str, ...]]
    queue_ns: int
    compute_ns: int
