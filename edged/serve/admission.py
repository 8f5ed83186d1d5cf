"""May this request come in: names, datatypes, shapes, room, time.

Law: pure. Nothing is counted or changed here; a refusal says what the model takes.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from edged.errors import DeadlineExceeded, InvalidTensor, LowPriority, QueueFull
from edged.serve.queue import HIGHEST_PRIORITY
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


def check_room(model: str, *, inflight: int, limit: int, run_s: float) -> None:
    """Check that the model's queue has room.

    Args:
        model: its name.
        inflight: requests that wait or run.
        limit: how many may.
        run_s: a run's usual time, 0 while unknown.

    Raises:
        QueueFull: with the time in which the present queue should be done.
    """
    if inflight >= limit:
        raise QueueFull(
            f"cannot run {model}: {inflight} requests wait already, its bound is "
            f"{limit}",
            retry_after_s=max(0.05, inflight * run_s),
            hint="send fewer requests at a time, or try again later",
        )


def check_priority(
    model: str, *, priority: int, because: str, retry_after_s: float
) -> None:
    """Check that a request is urgent, where nothing else is taken.

    Args:
        model: its name.
        priority: OIP's.
        because: why that is so.
        retry_after_s: until when it is so at least.

    Raises:
        LowPriority: it is not.
    """
    if priority != HIGHEST_PRIORITY:
        raise LowPriority(
            f"cannot run {model} now: {because}, and until that is over requests of "
            "priority 1 alone are taken",
            retry_after_s=retry_after_s,
            hint="send priority 1 with what cannot wait, or try again later",
        )


def check_time(
    model: str, *, now_s: float, deadline_s: float, needs_s: float = 0.0
) -> None:
    """Check that the deadline can be met.

    Args:
        model: its name.
        now_s: on the monotonic clock.
        deadline_s: on the same clock.
        needs_s: how long waiting and running should take.

    Raises:
        DeadlineExceeded: it has passed, or would have.
    """
    left_s = deadline_s - now_s
    if left_s <= 0:
        raise DeadlineExceeded(
            f"cannot run {model}: its deadline passed {-left_s:.3f} s ago",
            hint="allow more time, or send fewer requests at a time",
        )
    if left_s < needs_s:
        raise too_late(model, left_s=left_s, needs_s=needs_s)


def too_late(model: str, *, left_s: float, needs_s: float) -> DeadlineExceeded:
    """Return the refusal of a request that would not be in time."""
    return DeadlineExceeded(
        f"cannot run {model} in time: {left_s * 1e3:.1f} ms are left, and its "
        f"turn and its run should take {needs_s * 1e3:.1f} ms",
        retry_after_s=needs_s,
        hint="allow more time, or send fewer requests at a time",
    )


def _names(names: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    return ", ".join(repr(name) for name in names)
