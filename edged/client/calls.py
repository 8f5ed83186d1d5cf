"""What can be asked on the data socket, as requests and their answers.

Law: no socket is touched here, so the sync and the async client say exactly the same.
Tensors go and come in binary.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from edged.client.http import Answer, Call, check, quote
from edged.errors import Busy, InvalidTensor, ProtocolError
from edged.wire import oip
from edged.wire.oip import SharedTensor
from edged.wire.tensors import TensorSpec
from edged.wire.unreadable import UNREADABLE

Array = npt.NDArray[Any]
Inputs = Array | Mapping[str, Array]
T = TypeVar("T", bound=msgspec.Struct)

_BAD_REQUEST = 400  # how Triton, and so OIP's clients, say "not ready"


class InferOptions(TypedDict, total=False):
    """What an infer call may say beside its inputs.

    version: refuse if another version is live.
    variant: insist on one rung of the ladder, by its id.
    preference: what is wanted of the rung that the daemon chooses: `performance`,
        `balanced` (its strategy's own) or `economy`.
    min_accuracy: 0 to 1; no less accurate rung may answer.
    outputs: names of the outputs wanted, in this order; all by default.
    classes: by name of an output that `outputs` names, how many of its best classes
        are wanted instead: texts `score:index:label`, best first.
    priority: 1 highest; 0 is the daemon's default.
    sequence_id: a state of one's own in a model that keeps state between calls.
    sequence_start: begin it anew.
    sequence_end: give it up after this call.
    explain: fill `Result.explained`.
    """

    version: str
    variant: str
    preference: Literal["performance", "balanced", "economy"]
    min_accuracy: float
    outputs: Sequence[str]
    classes: Mapping[str, int]
    priority: int
    sequence_id: int | str
    sequence_start: bool
    sequence_end: bool
    explain: bool


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Which rung answered, and how long it waited and took, in microseconds.

    Attributes:
        strategy: that was in force; empty where an older daemon does not say.
    """

    variant: str = msgspec.field(name="edged_variant")
    strategy: str = msgspec.field(name="edged_strategy", default="")
    queue_us: int = msgspec.field(name="edged_queue_us", default=0)
    compute_us: int = msgspec.field(name="edged_compute_us", default=0)


class Result(Mapping[str, Array]):
    """Outputs by name, in the order asked for.

    Attributes:
        model: who answered.
        version: the version that was live.
        explained: None unless `explain` was asked for.
    """

    __slots__ = ("_outputs", "explained", "model", "version")

    def __init__(
        self,
        *,
        model: str,
        version: str,
        outputs: Mapping[str, Array],
        explained: Explained | None = None,
    ) -> None:
        self.model = model
        self.version = version
        self.explained = explained
        self._outputs = outputs

    @property
    def output(self) -> Array:
        """The only output.

        Raises:
            ValueError: there are several.
        """
        if len(self._outputs) != 1:
            raise ValueError(f"name one of the outputs: {', '.join(self._outputs)}")
        return next(iter(self._outputs.values()))

    def __getitem__(self, name: str) -> Array:
        return self._outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{name}: {array.dtype}{list(array.shape)}" for name, array in self.items()
        )
        return f"<Result of {self.model} {self.version}: {shapes}>"


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes and gives; -1 in a shape is a free dimension."""

    name: str
    versions: tuple[str, ...] = ()
    platform: str = ""
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


class ModelIndex(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the repository's index; `state` is READY or UNAVAILABLE."""

    name: str
    version: str = ""
    state: str = ""
    reason: str = ""


# --- infer -----------------------------------------------------------------------


def infer(  # noqa: PLR0913  # the protocol's parameters, by name only
    model: str,
    inputs: Mapping[str, Array | SharedTensor],
    *,
    timeout_s: float,
    places: Mapping[str, oip.Place] | None = None,
    version: str | None = None,
    variant: str | None = None,
    preference: str | None = None,
    min_accuracy: float = 0.0,
    outputs: Sequence[str] | None = None,
    classes: Mapping[str, int] | None = None,
    priority: int = 0,
    sequence_id: int | str = 0,
    sequence_start: bool = False,
    sequence_end: bool = False,
    explain: bool = False,
) -> Call:
    """Ask a model; see `InferOptions`.

    The deadline goes along, so that the daemon does not work for a caller that has
    given up. `places` says where in shared memory some of the `outputs` go.

    Raises:
        InvalidTensor: an array that the protocol cannot carry.
    """
    parameters: dict[str, oip.Parameter] = {"timeout": max(1, int(timeout_s * 1e6))}
    said: dict[str, oip.Parameter | None] = {
        "edged_variant": variant,
        "edged_preference": preference,
        "edged_min_accuracy": min_accuracy,
        "edged_explain": explain,
        "priority": priority,
        "sequence_id": sequence_id,
        "sequence_start": sequence_start,
        "sequence_end": sequence_end,
    }
    parameters.update({key: value for key, value in said.items() if value})
    encoded = oip.encode_request(
        inputs, outputs=outputs, classes=classes, places=places, parameters=parameters
    )
    headers = [("Content-Type", encoded.content_type)]
    if encoded.json_bytes is not None:
        headers.append((oip.JSON_LENGTH_HEADER, str(encoded.json_bytes)))
    return Call(
        method="POST",
        target=f"{_model(model, version)}/infer",
        headers=tuple(headers),
        body=encoded.buffers,
    )


def read_infer(answer: Answer, placed: Mapping[str, memoryview] = {}) -> Result:
    """Read a model's answer.

    Args:
        answer: as it came.
        placed: memory that outputs were asked into, by name; they are copied.

    Raises:
        EdgedError: the daemon's own, or ProtocolError.
    """
    check(answer)
    length = answer.headers.get(oip.JSON_LENGTH_HEADER.lower())
    answered = oip.decode_response(answer.body, length, placed)
    explained = None
    if "edged_variant" in answered.parameters:
        explained = _convert(answered.parameters, Explained)
    return Result(
        model=answered.model,
        version=answered.version,
        outputs=answered.outputs,
        explained=explained,
    )


def only_input(metadata: ModelMetadata) -> str:
    """Return the name of a model's only input.

    Raises:
        InvalidTensor: it has several, or none.
    """
    names = [spec.name for spec in metadata.inputs]
    if len(names) != 1:
        raise InvalidTensor(
            f"cannot tell which input of {metadata.name} is meant: it has "
            f"{', '.join(names) or 'none'}",
            hint="pass a dict of arrays by input name",
        )
    return names[0]


def as_arrays(inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the inputs as arrays; lists and numbers become some."""
    return {name: np.asarray(value) for name, value in inputs.items()}


# --- the rest --------------------------------------------------------------------


def metadata(model: str, version: str | None = None) -> Call:
    """Ask what a model takes and gives."""
    return Call(method="GET", target=_model(model, version))


def read_metadata(answer: Answer) -> ModelMetadata:
    """Read what a model takes and gives."""
    return _decode(answer, ModelMetadata)


def ready(model: str | None = None) -> Call:
    """Ask whether the daemon, or one model, answers requests now."""
    place = "/v2/health" if model is None else _model(model, None)
    return Call(method="GET", target=f"{place}/ready")


def read_ready(answer: Answer) -> bool:
    """Read whether it does.

    Raises:
        UnknownModel: no model of that name is installed.
    """
    if answer.status == _BAD_REQUEST:
        return False
    try:
        check(answer)
    except Busy:
        return False
    return True


def models() -> Call:
    """Ask for the index of installed models."""
    return Call(method="POST", target="/v2/repository/index", body=(b"{}",))


def read_models(answer: Answer) -> tuple[ModelIndex, ...]:
    """Read the index."""
    check(answer)
    try:
        return msgspec.json.decode(answer.body, type=tuple[ModelIndex, ...])
    except UNREADABLE as exc:
        raise _not_understood(exc) from exc


def _model(name: str, version: str | None) -> str:
    place = f"/v2/models/{quote(name)}"
    return place if version is None else f"{place}/versions/{quote(version)}"


def _decode(answer: Answer, kind: type[T]) -> T:
    check(answer)
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except UNREADABLE as exc:
        raise _not_understood(exc) from exc


def _convert(fields: Mapping[str, object], kind: type[T]) -> T:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as exc:
        raise _not_understood(exc) from exc


def _not_understood(exc: Exception) -> ProtocolError:
    return ProtocolError(f"cannot understand the daemon's answer: {exc}")
