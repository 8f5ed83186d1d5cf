"""May this request come in: names, datatypes, shapes, room, time.

Law: pure. Nothing is counted or changed here; a refusal says what the model takes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from edged.errors import DeadlineExceeded, InvalidTensor, QueueFull
from edged.serve.request import Array
from edged.wire.release import Signature, dims_text
from edged.wire.tensors import TensorSpec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A signature prepared for checking: made once per release."""

    inputs: dict[str, tuple[TensorSpec, np.dtype[Any]]]
    outputs: tuple[str, ...]


def plan(signature: Signature) -> Plan:
    """Prepare a signature."""
    return Plan(
        inputs={
            spec.name: (spec, np.dtype(spec.datatype.numpy_name))
            for spec in signature.inputs
        },
        outputs=tuple(spec.name for spec in signature.outputs),
    )


def check_inputs(ready: Plan, model: str, inputs: Mapping[str, Array]) -> None:
    """Check that exactly the model's inputs came, each as the signature says.

    Raises:
        InvalidTensor: naming the tensor, what came and what the model takes.
    """
    for name, array in inputs.items():
        known = ready.inputs.get(name)
        if known is None:
            raise InvalidTensor(
                f"cannot run {model}: it has no input {name!r}, "
                f"it takes {_names(ready.inputs)}",
                hint=f"edgectl models show {model}",
                tensor=name,
            )
        spec, dtype = known
        if array.dtype != dtype:
            raise InvalidTensor(
                f"cannot run {model}: input {name!r} came as {array.dtype.name}, "
                f"it takes {spec.datatype.value}",
                hint=f"edgectl models show {model}",
                tensor=name,
            )
        if not spec.admits(array.shape):
            raise InvalidTensor(
                f"cannot run {model}: input {name!r} came with shape "
                f"{dims_text(array.shape)}, it takes {dims_text(spec.shape)}",
                hint=f"edgectl models show {model}",
                tensor=name,
            )
    if len(inputs) != len(ready.inputs):
        missing = [name for name in ready.inputs if name not in inputs]
        raise InvalidTensor(
            f"cannot run {model}: input {_names(missing)} is missing",
            hint=f"edgectl models show {model}",
            tensor=missing[0],
        )


def wanted_outputs(
    ready: Plan, model: str, outputs: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Return the outputs to compute, in answer order.

    Raises:
        InvalidTensor: an output is not the model's, or is asked for twice.
    """
    if outputs is None:
        return ready.outputs
    for name in outputs:
        if name not in ready.outputs:
            raise InvalidTensor(
                f"cannot run {model}: it has no output {name!r}, "
                f"it gives {_names(ready.outputs)}",
                hint=f"edgectl models show {model}",
                tensor=name,
            )
    if len(set(outputs)) != len(outputs):
        raise InvalidTensor(f"cannot run {model}: an output is asked for twice")
    return outputs


def check_room(
    model: str, *, inflight: int, limit: int, service_ms: Callable[[], float | None]
) -> None:
    """Check that the model's queue has room.

    Args:
        model: its name.
        inflight: requests that wait or run.
        limit: how many may.
        service_ms: a run's usual time, None while unknown; asked only when full.

    Raises:
        QueueFull: with the time in which the present queue should be done.
    """
    if inflight >= limit:
        raise QueueFull(
            f"cannot run {model}: {inflight} requests wait already, its bound is "
            f"{limit}",
            retry_after_s=max(0.05, inflight * (service_ms() or 1.0) / 1e3),
            hint="send fewer requests at a time, or try again later",
        )


def check_time(model: str, *, now_s: float, deadline_s: float) -> None:
    """Check that the deadline has not passed.

    Raises:
        DeadlineExceeded: it has.
    """
    if now_s >= deadline_s:
        raise DeadlineExceeded(
            f"cannot run {model}: its deadline passed {now_s - deadline_s:.3f} s "
            "before it could start",
            hint="allow more time, or send fewer requests at a time",
        )


def _names(names: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    return ", ".join(repr(name) for name in names)
