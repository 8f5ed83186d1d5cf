"""What a request's JSON says, kept: the same bytes say the same the next time.

Law: a plan holds names, datatypes, shapes, sizes and options. It never holds a tensor,
a mapping, a descriptor or a permission, and it says nothing about who asked. Plans are
of one live release and go with it.
"""

import math
import sys
import weakref
from collections.abc import Mapping

import msgspec
import numpy as np

from edged.api import body as bodies
from edged.api.translate import sequence_of
from edged.errors import EdgedError
from edged.serve.live import Live
from edged.wire import oip
from edged.wire.tensorbytes import Array

#: Plans of one release, and the longest JSON that is remembered: at most 1 MiB.
MAX_PLANS = 256
MAX_KNOWN_BYTES = 4096

_BOOL = np.dtype(bool)
#: Kinds of dtypes whose memory is what the protocol sends, on a little-endian machine.
_PLAIN = "biuf" if sys.byteorder == "little" else ""


class _Place:
    """One tensor's place behind the JSON, in bytes from its end."""

    __slots__ = ("at", "dtype", "name", "shape")

    def __init__(self, name: str, array: Array, at: int) -> None:
        self.name, self.dtype, self.shape, self.at = name, array.dtype, array.shape, at


class Plan:
    """A request without its tensors.

    Attributes:
        asked: with no `inputs`.
        placed: outputs that go to shared memory.
        borrows: whether any tensor is in shared memory.
        is_plain: whether answers are binary or placed tensors, and begin alike.
        known: how the last answer began, where that is the same for like outputs.
    """

    __slots__ = (
        "_places",
        "_size",
        "asked",
        "borrows",
        "is_plain",
        "known",
        "placed",
    )

    def __init__(self, asked: oip.Asked, places: tuple[_Place, ...], size: int) -> None:
        self.asked = msgspec.structs.replace(asked, inputs={})
        self.placed = frozenset(o.name for o in asked.outputs or () if o.place)
        self.borrows = bool(asked.shared or self.placed)
        self.is_plain = _is_plain(asked)
        self.known: Known | None = None
        self._places = places
        self._size = size

    def inputs(self, body: memoryview, json_bytes: int) -> dict[str, Array] | None:
        """Return views of the tensors in a body that begins with this plan's JSON.

        A tensor that does not stand aligned is copied.

        Returns:
            None where the body is not as planned: it must be read from anew, which
            says what is wrong with it.
        """
        if len(body) != json_bytes + self._size:
            return None
        inputs = {}
        for place in self._places:
            array: Array = np.ndarray(
                place.shape, place.dtype, body, json_bytes + place.at
            )
            if place.dtype == _BOOL and array.size and array.view(np.uint8).max() > 1:
                return None
            inputs[place.name] = array if array.flags.aligned else array.copy()
        return inputs

    def know(self, outputs: Mapping[str, Array], begin: bytes, size: int) -> None:
        """Keep how an answer began, if all like it can be sent from memory as it is."""
        if all(
            array.flags.c_contiguous
            and array.dtype.isnative
            and array.dtype.kind in _PLAIN
            for array in outputs.values()
        ):
            self.known = Known(outputs, begin, size)

    def __repr__(self) -> str:
        return f"plan of {len(self._places)} tensors, {self._size} bytes"


class Known:
    """The beginning of an answer whose outputs are of one kind.

    Attributes:
        begin: status, headers and JSON.
        size: of the whole answer in bytes, headers included.
    """

    __slots__ = ("_kinds", "begin", "size")

    def __init__(self, outputs: Mapping[str, Array], begin: bytes, size: int) -> None:
        self._kinds = _kinds(outputs)
        self.begin = begin
        self.size = size

    def fits(self, outputs: Mapping[str, Array]) -> bool:
        """Tell whether an answer with these outputs begins so."""
        return _kinds(outputs) == self._kinds


def _kinds(outputs: Mapping[str, Array]) -> list[object]:
    return [(a.dtype, a.shape, a.flags.c_contiguous) for a in outputs.values()]


class Plans:
    """Plans and limits of one live release."""

    def __init__(self, live: Live, max_body: int) -> None:
        self._live = weakref.ref(live)
        self._known: dict[bytes, Plan] = {}
        self.binary_limit, self.json_limit = (
            bodies.body_limit(live.signature, max_body, json_only=json_only)
            for json_only in (False, True)
        )

    def are_of(self, live: Live) -> bool:
        """Tell whether this is the release that they were made for."""
        return self._live() is live

    def find(self, text: bytes) -> Plan | None:
        """Return what was kept of a JSON with these bytes."""
        return self._known.get(text)

    def keep(self, text: bytes, asked: oip.Asked, tensor_bytes: int) -> None:
        """Keep what a JSON says, if that is all and the same for every body.

        Args:
            text: the JSON.
            asked: what it and the body behind it say.
            tensor_bytes: of the body behind it.
        """
        if len(text) > MAX_KNOWN_BYTES:
            return
        plan = plan_of(asked, tensor_bytes)
        if plan is not None:
            if len(self._known) >= MAX_PLANS:
                self._known.clear()
            self._known[text] = plan

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"{len(self)} plans for {self._live()!r}"


def plan_of(asked: oip.Asked, tensor_bytes: int) -> Plan | None:
    """Return a plan; None where the JSON holds elements itself, or sizes vary.

    That no element is in the JSON shows in the sizes: then the tensors together are
    exactly what stands behind it.
    """
    places = []
    at = 0
    for name, array in asked.inputs.items():
        if array.dtype.hasobject:
            return None  # BYTES
        places.append(_Place(name, array, at))
        at += math.prod(array.shape) * array.dtype.itemsize
    if at != tensor_bytes or _continues(asked.options):
        return None
    return Plan(asked, tuple(places), at)


def _continues(options: oip.Options) -> bool:
    """Tell whether a request is a part of a sequence, or says so wrongly."""
    try:
        return sequence_of(options) is not None
    except EdgedError:
        return True


def _is_plain(asked: oip.Asked) -> bool:
    if asked.options.edged_explain:
        return False
    if asked.outputs is None:
        return asked.options.binary_data_output
    return all(o.place or (o.binary and not o.classes) for o in asked.outputs)
