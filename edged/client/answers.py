"""What a client's answers looked like: which outputs to ask for in shared memory.

Law: only what has been seen is expected: the same call, by the shapes of its inputs,
is taken to be answered alike. A call that brings another answer after all is asked
again for everything in the body; one with a state (`sequence_id`) never is. Pure; safe
in any thread.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from edged.client.calls import Array, InferOptions, Result
from edged.client.memory import SHARED_BYTES

#: Calls that are remembered; then all are learnt anew.
MOST_CALLS = 256

_Key = tuple[object, ...]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """How a call was answered before.

    Attributes:
        version: of the release.
        outputs: the names of all, in their order.
        sizes: in bytes, of those that are worth shared memory.
    """

    version: str
    outputs: tuple[str, ...]
    sizes: dict[str, int]

    def has(self, result: Result) -> bool:
        """Tell whether this is all that such a call is to be answered with.

        Another release may have other outputs, which were not asked for.
        """
        return result.version == self.version


class Answers:
    """What was seen; one for all calls of a client."""

    def __init__(self) -> None:
        self._models: set[str] = set()  # with large outputs: all others cost nothing
        self._seen: dict[_Key, Expected | None] = {}  # None: not to be relied on

    def expected(
        self, model: str, inputs: Mapping[str, Array], options: InferOptions
    ) -> Expected | None:
        """Return how this call will be answered; None where that is not known."""
        if model not in self._models or not _is_repeatable(options):
            return None
        return self._seen.get(_key(model, inputs, options))

    def learn(
        self,
        model: str,
        inputs: Mapping[str, Array],
        options: InferOptions,
        result: Result,
    ) -> None:
        """Take an answer to heart whose outputs all came in the body."""
        sizes = {
            name: output.nbytes
            for name, output in result.items()
            if output.nbytes >= SHARED_BYTES and output.dtype.kind != "O"
        }
        if not sizes or not _is_repeatable(options):
            return
        if len(self._seen) >= MOST_CALLS:
            self._seen.clear()
        self._models.add(model)
        self._seen.setdefault(
            _key(model, inputs, options),
            Expected(version=result.version, outputs=tuple(result), sizes=sizes),
        )

    def forget(
        self, model: str, inputs: Mapping[str, Array], options: InferOptions
    ) -> None:
        """Learn this call anew: another release answered it."""
        self._seen.pop(_key(model, inputs, options), None)

    def distrust(
        self, model: str, inputs: Mapping[str, Array], options: InferOptions
    ) -> None:
        """Expect nothing of this call any more: its outputs did not fit."""
        self._seen[_key(model, inputs, options)] = None


def _is_repeatable(options: InferOptions) -> bool:
    return not (options.get("classes") or options.get("sequence_id"))


def _key(model: str, inputs: Mapping[str, Array], options: Mapping[str, Any]) -> _Key:
    outputs = options.get("outputs")
    return (
        model,
        options.get("version"),
        options.get("variant"),
        None if outputs is None else tuple(outputs),
        *((name, x.dtype, x.shape) for name, x in inputs.items()),
    )
