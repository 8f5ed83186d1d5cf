"""A stretch of shared memory as a tensor: viewed where that is safe, copied elsewhere.

Law: what a peer can still write while we read is not trusted twice. Only
floating-point tensors are used in place, and only those too large to be a graph's
parameter; integers, BOOL and BYTES are copied before anything looks at them.
"""

import math
from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np

from edged.errors import BadRegion, TooLarge
from edged.host.shm import Segment
from edged.serve.request import Array
from edged.wire import tensorbytes
from edged.wire.oip import ALIGNMENT, Place, SharedTensor
from edged.wire.oip_regions import FD_KEY, RegionStatus
from edged.wire.tensors import FREE, Datatype, TensorSpec

#: A float tensor below this is copied like an integer: that costs under a microsecond,
#: and what steers a graph (scales, thresholds, limits of a range) is small.
IN_PLACE_BYTES = 4096

#: A larger copy is made on a worker, before the run: 25 MB take 5 to 8 ms, and
#: everybody else would wait for the event loop.
LOOP_COPY_BYTES = 1 << 20

#: An output below this is copied after the run: binding it costs more (3 us).
BOUND_BYTES = 64 * 1024


#: Their elements are checked, so they must be there.
_LOOKED_INTO = {Datatype.BOOL, Datatype.BYTES}

Fill = Callable[[], None]


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A registered stretch of an object's memory."""

    status: RegionStatus
    memory: Segment

    @property
    def is_named(self) -> bool:
        """Whether its object was opened by name."""
        return self.status.key != FD_KEY


class Slot:
    """One tensor's stretch of a region; holds the memory until it is dropped.

    Args:
        region: where it is.
        place: within the region, already checked.
        copied_bytes: see `Bounds`.
    """

    def __init__(self, region: Region, place: Place, copied_bytes: int) -> None:
        self._memory = region.memory
        self._copied_bytes = copied_bytes
        self._at = region.status.offset + place.offset
        self._place = place

    def tensor(self, shared: SharedTensor, what: str, later: list[Fill]) -> Array:
        """Return an input: a view where that is safe, a private copy elsewhere.

        Args:
            shared: what is said of it.
            what: how errors call it.
            later: gets what fills a large copy, to be called before the run.

        Raises:
            BadRegion: the object has become too short.
            TooLarge: a copy would be.
            InvalidTensor: the bytes do not make up such a tensor.
        """
        size = self._place.size
        chunk = None
        if shared.datatype.is_float and size >= IN_PLACE_BYTES and self._is_aligned:
            chunk = self._memory.view(self._at, size)
        if chunk is None:
            if size > self._copied_bytes:
                raise TooLarge(
                    f"cannot copy {what} from region {self._place.region!r}: it has "
                    f"{size} bytes, the limit is {self._copied_bytes}",
                    hint="raise server.max-body",
                    max_bytes=self._copied_bytes,
                )
            copy = np.empty(size, np.uint8)
            chunk = copy.data
            if size > LOOP_COPY_BYTES and shared.datatype not in _LOOKED_INTO:
                later.append(partial(self._copy, copy))
            else:
                self._copy(copy)
        return tensorbytes.read_tensor(chunk, shared.datatype, shared.shape, what)

    def _copy(self, into: Array) -> None:
        """Copy the bytes out; without the interpreter's lock, if there are many."""
        view = self._memory.view(self._at, into.nbytes)
        if view is None:
            self._memory.read_into(self._at, into.data)
        else:
            np.copyto(into, np.frombuffer(view, np.uint8))

    def target(self, spec: TensorSpec) -> Array | None:
        """Return memory for an output to be computed into; None where `put` must do.

        Raises:
            BadRegion: the output is known to be larger.
        """
        item = spec.datatype.item_bytes
        if item is None or FREE in spec.shape:
            return None
        size = math.prod(spec.shape) * item
        self._check_room(size, f"output {spec.name!r}")
        if size < BOUND_BYTES or not (spec.datatype.is_float and self._is_aligned):
            return None
        chunk = self._memory.view(self._at, size)
        if chunk is None:
            return None
        dtype = tensorbytes.dtype_of(spec.datatype)
        return np.frombuffer(chunk, dtype).reshape(spec.shape)

    def put(self, tensor: Array, what: str) -> None:
        """Copy an output in.

        Raises:
            BadRegion: it is larger than its place, or the system has no memory.
        """
        data = tensorbytes.tensor_buffer(tensor)
        self._check_room(len(data), what)
        self._memory.write(self._at, data)

    def _check_room(self, needed: int, what: str) -> None:
        if needed > self._place.size:
            raise BadRegion(
                f"cannot place {what} in region {self._place.region!r}: it takes "
                f"{needed} bytes, shared_memory_byte_size is {self._place.size}",
                needs_bytes=needed,
            )

    @property
    def _is_aligned(self) -> bool:
        return self._at % ALIGNMENT == 0  # mappings begin at a page
