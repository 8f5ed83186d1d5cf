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
from edged.api.express_numbers import Frame, Numbers, cut, only_array
from edged.api.translate import sequence_of
from edged.errors import EdgedError, InvalidTensor
from edged.serve import admission
from edged.serve.live import Live
from edged.wire import oip, tensorjson
from edged.wire.tensorbytes import Array

#: Plans of one release, of either kind (whole texts, texts around numbers), and the
#: longest JSON that is remembered: at most 2 MiB.
MAX_PLANS = 256
MAX_KNOWN_BYTES = 4096

_DATA = b'"data":['
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
        known_text: what the last answer said, where it was JSON and only its elements
            can be others.
        wanted: the outputs, where names, dtypes and shapes were held against the
            release's signature and are right; None where that is still to be done.
    """

    __slots__ = (
        "_places",
        "_size",
        "asked",
        "borrows",
        "is_plain",
        "known",
        "known_text",
        "placed",
        "wanted",
    )

    def __init__(self, asked: oip.Asked, places: tuple[_Place, ...], size: int) -> None:
        self.asked = msgspec.structs.replace(asked, inputs={})
        self.placed = frozenset(o.name for o in asked.outputs or () if o.place)
        self.borrows = bool(asked.shared or self.placed)
        self.is_plain = _is_plain(asked)
        self.known: Known | None = None
        self.known_text: KnownText | None = None
        self.wanted: tuple[str, ...] | None = None
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

    def know_text(self, outputs: Mapping[str, Array], text: bytes) -> None:
        """Keep what an answer in JSON said, if it says one output's elements."""
        if len(outputs) != 1 or self.asked.options.edged_explain:
            return
        if any(wanted.classes or wanted.place for wanted in self.asked.outputs or ()):
            return
        before, key, rest = text.partition(_DATA)
        elements, close, after = rest.partition(b"]")
        if key and elements and b'"' not in elements and _DATA not in after:
            self.known_text = KnownText(outputs, before + key[:-1], close[1:] + after)

    def __repr__(self) -> str:
        return f"plan of {len(self._places)} tensors, {self._size} bytes"


class KnownText:
    """An answer whose one output is in its JSON, without the output's elements."""

    __slots__ = ("_after", "_before", "_kinds", "_what")

    def __init__(
        self, outputs: Mapping[str, Array], before: bytes, after: bytes
    ) -> None:
        ((name, _),) = outputs.items()
        self._kinds = _kinds(outputs)
        self._before, self._after = before, after
        self._what = f"output {name!r}"

    def write(self, outputs: Mapping[str, Array]) -> bytes | None:
        """Return the JSON; None where these are not such outputs.

        Raises:
            InvalidRequest: JSON cannot say them.
        """
        if _kinds(outputs) != self._kinds:
            return None
        (array,) = outputs.values()
        data = tensorjson.write_tensor(array, self._what)
        return b"%b%b%b" % (self._before, data, self._after)


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
        self._framed: dict[Frame, tuple[Plan, Numbers]] = {}
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

    def find_numbers(self, text: bytes) -> tuple[Plan, dict[str, Array]] | None:
        """Return what was kept of a JSON but for its numbers, and these."""
        found = cut(text) if self._framed else None
        framed = self._framed.get(found[0]) if found else None
        if found is None or framed is None:
            return None
        plan, numbers = framed
        inputs = numbers.read(found[1])
        return None if inputs is None else (plan, inputs)

    def keep(self, text: bytes, asked: oip.Asked, tensor_bytes: int) -> None:
        """Keep what a JSON says, if that is all and the same for every body.

        Args:
            text: the JSON.
            asked: what it and the body behind it say.
            tensor_bytes: of the body behind it.
        """
        if len(text) > MAX_KNOWN_BYTES:
            return
        numbers = None if tensor_bytes else only_array(text, asked)
        found = cut(text)
        if numbers is not None and found and not _continues(asked.options):
            framed = Plan(asked, (), 0)
            framed.wanted = _checked(asked, self._live())
            if len(self._framed) >= MAX_PLANS:
                self._framed.clear()
            self._framed[found[0]] = framed, numbers
            return
        plan = plan_of(asked, tensor_bytes)
        if plan is not None:
            plan.wanted = _checked(asked, self._live())
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


def _checked(asked: oip.Asked, live: Live | None) -> tuple[str, ...] | None:
    """Return the wanted outputs of a request that the model takes; else None.

    Its refusal, and the check of tensors elsewhere, are left to admission.
    """
    if live is None or asked.shared:
        return None
    outputs = None if asked.outputs is None else tuple(o.name for o in asked.outputs)
    try:
        admission.check_inputs(live.plan, live.name, asked.inputs)
        return admission.wanted_outputs(live.plan, live.name, outputs)
    except InvalidTensor:
        return None


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
