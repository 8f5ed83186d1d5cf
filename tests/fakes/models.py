"""Live releases whose variants are Python functions.

Everything around them is real: the registry, its threads, admission and counters.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edged.errors import BadModel
from edged.host.clock import SystemClock
from edged.runtime.base import NOWHERE, Array, Tensors
from edged.serve.conditions import Conditions
from edged.serve.ladder import Ladder, Rung
from edged.serve.live import Live
from edged.serve.reception import Limits
from edged.serve.registry import Registry
from edged.store.releases import Release
from edged.wire.proofs import Proof
from edged.wire.release import (
    BackendName,
    Batch,
    Input,
    Manifest,
    Output,
    Signature,
    StateMode,
    Variant,
)
from edged.wire.tensors import Datatype, Shape

Function = Callable[[Tensors], Mapping[str, Array]]


class FunctionRuns:
    """Answers in the signature's terms by calling a function; see `convert.Adapted`."""

    stateful = False
    concurrent = True

    def __init__(self, function: Function) -> None:
        self._function = function
        self.closed = False

    def run(
        self,
        feeds: Tensors,
        wanted: tuple[str, ...],
        into: Tensors = NOWHERE,  # noqa: ARG002  # a wish
    ) -> dict[str, Array]:
        """Call the function."""
        outputs = self._function(feeds)
        return {name: outputs[name] for name in wanted}

    def reset(self) -> None:
        """There is nothing to forget."""

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def signature(
    inputs: Sequence[tuple[str, Datatype, Shape]],
    outputs: Sequence[tuple[str, Datatype, Shape]],
) -> Signature:
    """Return a signature of plain tensors."""
    return Signature(
        inputs=tuple(Input(name=n, datatype=d, shape=s) for n, d, s in inputs),
        outputs=tuple(Output(name=n, datatype=d, shape=s) for n, d, s in outputs),
    )


def live_model(  # noqa: PLR0913  # by name, but for the first
    name: str,
    of: Signature,
    function: Function,
    *,
    version: str = "1.0.0",
    labels: Mapping[str, tuple[str, ...]] | None = None,
    variants: tuple[str, ...] = ("best", "small"),
    accuracy: Sequence[float | None] = (None,),
    proof: Proof | None = None,
    conditions: Conditions | None = None,
    threads: int = 1,
    **manifest: Any,
) -> Live:
    """Return a live release that was never on any disk."""
    rows = tuple(
        Variant(
            id=variant,
            backend=BackendName.ONNX,
            file=f"{variant}.onnx",
            accuracy=told,
        )
        for variant, told in zip(variants, itertools.cycle(accuracy), strict=False)
    )
    release = Release(
        name=name,
        folder="1-000000000000",
        path=Path("/nowhere"),
        digest="0" * 64,
        manifest=Manifest(
            name=name,
            version=version,
            seq=1,
            signature=of,
            variants=rows,
            files={},
            **manifest,
        ),
        installed_utc=datetime(2026, 1, 1, tzinfo=UTC),
    )
    rungs = tuple(
        Rung(row, FunctionRuns(function), threads=threads)  # type: ignore[arg-type]  # duck of Adapted
        for row in rows
    )
    ladder = Ladder(rungs=rungs, failures={})
    return Live(
        release,
        ladder,
        dict(labels or {}),
        threads=threads,
        proof=proof,
        conditions=conditions,
    )


def registry_of(*models: Live, queue_length: int = 64) -> Registry:
    """Return a real registry in which these models are live.

    Its conditions are the first one's, as if it had prepared it.
    """
    limits = Limits(
        queue_length=queue_length,
        default_timeout_s=10.0,
        max_sequences=4,
        sequence_idle_s=10.0,
        threads=1,
    )
    registry = Registry(limits, SystemClock())
    if models:
        registry.conditions = models[0].conditions
    for model in models:
        registry.switch(model)
    return registry


# --- the models that the protocol is tried on ----------------------------------------

#: Every datatype, under its own name.
EVERYTHING = tuple((d.value.lower(), d, (-1, -1)) for d in Datatype)


def _halves(feeds: Tensors) -> dict[str, Array]:
    return {"y": feeds["x"] / 2, "sum": feeds["x"].sum(axis=-1)}


def protocol_models() -> tuple[Live, ...]:
    """Return models that between them need every part of the protocol.

    `echo` answers every datatype with itself; `each-<datatype>` does one alone;
    `digits` has a fixed shape and labels; `pair` has two inputs and a batch;
    `broken` fails in its run.
    """

    def fails(_feeds: Tensors) -> dict[str, Array]:
        raise BadModel("cannot run broken: it is broken", hint="mend it")

    digits = signature(
        [("x", Datatype.FP32, (1, 4))],
        [("y", Datatype.FP32, (1, 4)), ("sum", Datatype.FP32, (1,))],
    )
    batch = signature(
        [("a", Datatype.INT32, (-1, 3)), ("b", Datatype.INT32, (-1, 3))],
        [("sum", Datatype.INT32, (-1, 3))],
    )
    echo = signature(EVERYTHING, EVERYTHING)
    return (
        live_model("echo", echo, dict),
        *(
            live_model(f"each-{name}", signature([("x", d, s)], [("x", d, s)]), dict)
            for name, d, s in EVERYTHING
        ),
        live_model(
            "digits", digits, _halves, version="1.4.0", labels={"y": ("zero", "one")}
        ),
        live_model(
            "pair",
            batch,
            lambda feeds: {"sum": feeds["a"] + feeds["b"]},
            batch=Batch(axis=0, max=8),
            state=StateMode.SEQUENCE,
        ),
        live_model("broken", digits, fails),
    )
