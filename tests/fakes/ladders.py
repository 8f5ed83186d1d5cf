"""A ladder whose costs are told, and what may hold of its box."""

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from edged.adapt.regime import Regime
from edged.adapt.strategy import TABLE
from edged.runtime.base import Array, Tensors
from edged.serve.conditions import QUIET, Conditions
from edged.serve.live import Live
from edged.serve.request import InferRequest
from edged.wire.adapt import Strategy
from edged.wire.proofs import Board, Cost, Proof, VariantProof
from edged.wire.tensors import Datatype
from tests.fakes.models import Function, live_model, signature

#: What an answer costs, in ms of wall and CPU time, and how accurate it is.
COSTS = {"big": 40.0, "mid": 20.0, "small": 5.0}
ACCURACY = (0.9, 0.8, 0.7)

PLAIN = signature([("x", Datatype.FP32, (1, 4))], [("y", Datatype.FP32, (1, 4))])
X = {"x": np.ones((1, 4), "<f4")}


def proof(costs_ms: Mapping[str, float], held_bytes: int = 1) -> Proof:
    """Return a proof by which variants cost and hold so much, with one thread."""
    return Proof(
        digest="d",
        board=Board(runtimes={}, cpu=""),
        at_utc="",
        variants=tuple(
            VariantProof(
                id=name,
                held_bytes=held_bytes,
                costs=(Cost(threads=1, cpu_ms=ms, busy_ms=ms, wall_ms=ms),),
            )
            for name, ms in costs_ms.items()
        ),
    )


def ladder(
    function: Function | None = None,
    *,
    costs_ms: Mapping[str, float] = COSTS,
    name: str = "m",
    proved: bool = True,
    held_bytes: int = 1,
    **more: Any,
) -> Live:
    """Return a live release with a variant of each cost, best first."""
    return live_model(
        name,
        more.pop("of", PLAIN),
        function or _same,
        variants=tuple(costs_ms),
        accuracy=ACCURACY,
        proof=proof(costs_ms, held_bytes) if proved else None,
        conditions=more.pop("conditions", None) or Conditions(cores=2),
        **more,
    )


def regime(strategy: Strategy = Strategy.NORMAL, **changes: Any) -> Regime:
    """Return what holds under a strategy."""
    caps = changes.pop("caps", {})
    table = {**TABLE, strategy: msgspec.structs.replace(TABLE[strategy], **caps)}
    return msgspec.structs.replace(
        QUIET, strategy=strategy, caps=table[strategy], table=table, **changes
    )


def asked(*, within_s: float | None = None, **more: Any) -> InferRequest:
    """Return a request, with a deadline so far from now."""
    deadline_s = None if within_s is None else time.monotonic() + within_s
    return InferRequest(
        model=more.pop("model", "m"),
        inputs=more.pop("inputs", X),
        deadline_s=deadline_s,
        **more,
    )


def _same(feeds: Tensors) -> dict[str, Array]:
    return {"y": feeds["x"]}
