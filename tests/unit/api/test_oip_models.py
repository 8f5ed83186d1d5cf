"""What the describing rows say, from a release's own numbers."""

from typing import cast

import msgspec
import pytest
from aiohttp import web

from edged.api.oip_models import (
    Models,
    index_row,
    lives,
    model_config,
    statistics,
)
from edged.errors import Draining, NotReady
from edged.watch import Owned
from edged.wire.messages import ModelPhase, ModelStatus, Phase, Trouble
from edged.wire.release import Batch, StateMode
from edged.wire.tensors import Datatype
from tests.fakes.models import live_model, registry_of, signature

ANY = cast(web.Request, None)  # health does not look at its request
FREE = signature([("x", Datatype.FP32, (-1, 3))], [("y", Datatype.BYTES, (-1, 2))])
FIXED = signature([("x", Datatype.FP32, (1, 3))], [("y", Datatype.FP32, (-1, 2))])


def test_batching_model_leaves_the_batch_out_of_its_dims() -> None:
    """Only where every tensor's first dimension is free."""
    free = model_config(live_model("m", FREE, dict, batch=Batch(axis=0, max=16)))
    fixed = model_config(live_model("m", FIXED, dict, batch=Batch(axis=0, max=16)))
    other = model_config(live_model("m", FREE, dict, batch=Batch(axis=1, max=16)))

    assert (free.max_batch_size, free.input[0].dims) == (16, (3,))
    assert (fixed.max_batch_size, fixed.input[0].dims) == (0, (1, 3))
    assert (other.max_batch_size, other.input[0].dims) == (0, (-1, 3))


def test_config_writes_triton_s_type_names() -> None:
    """BYTES are TYPE_STRING there."""
    config = model_config(live_model("m", FREE, dict))

    assert config.input[0].data_type == "TYPE_FP32"
    assert config.output[0].data_type == "TYPE_STRING"


def test_config_tells_a_sequence_model() -> None:
    """The key is there, or it is not."""
    with_state = model_config(live_model("m", FREE, dict, state=StateMode.SEQUENCE))
    without = model_config(live_model("m", FREE, dict))

    assert b'"sequence_batching":{}' in msgspec.json.encode(with_state)
    assert b"sequence_batching" not in msgspec.json.encode(without)


def test_statistics_are_the_counters() -> None:
    """Count and nanoseconds of each stage."""
    live = live_model("m", FREE, dict, variants=("best",))
    live.stats.succeeded(queue_ns=10, compute_ns=30, at_ms=5)
    live.stats.failed("bad-model", 7)
    live.stats.compute_input.add(3)

    row = statistics(live)

    assert (row.inference_count, row.last_inference) == (1, 5)
    told = msgspec.to_builtins(row.inference_stats)
    assert told["success"] == {"count": 1, "ns": 40}
    assert told["fail"] == {"count": 1, "ns": 7}
    assert told["queue"] == {"count": 1, "ns": 10}
    assert told["compute_input"] == {"count": 1, "ns": 3}
    assert row.batch_stats[0].compute_infer.ns == 30


@pytest.mark.parametrize(
    ("phase", "problem", "state", "reason"),
    [
        (ModelPhase.READY, None, "READY", ""),
        (ModelPhase.ASLEEP, None, "READY", ""),
        (ModelPhase.LOADING, None, "LOADING", ""),
        (ModelPhase.UNLOADED, None, "UNAVAILABLE", "unloaded"),
        (ModelPhase.FAILED, "broken", "UNAVAILABLE", "broken"),
    ],
)
def test_index_tells_state_and_reason(
    phase: ModelPhase, problem: str | None, state: str, reason: str
) -> None:
    """In Triton's words."""
    trouble = None if problem is None else Trouble(code="bad-model", text=problem)

    row = index_row(ModelStatus(name="m", phase=phase, problem=trouble))

    assert (row.state, row.reason) == (state, reason)


@pytest.mark.parametrize(
    ("phase", "error", "text"),
    [
        (Phase.READY, None, ""),
        (Phase.STARTING, NotReady, "still starting"),
        (Phase.DRAINING, Draining, "is stopping"),
    ],
)
async def test_readiness_follows_the_daemons_phase(
    phase: Phase, error: type[Exception] | None, text: str
) -> None:
    """Models that answer are not enough while it starts or stops."""
    models = Models(registry_of(live_model("m", FREE, dict)), Owned(phase).watch)

    if error is None:
        assert (await models.health_ready(ANY)).body == b'{"ready":true}'
        return
    with pytest.raises(error, match=text):
        await models.health_ready(ANY)


async def test_readiness_needs_a_model() -> None:
    """A daemon that answers nothing is live, and not ready."""
    models = Models(registry_of(), Owned(Phase.READY).watch)

    assert (await models.health_live(ANY)).body == b'{"live":true}'
    with pytest.raises(NotReady, match="no model is loaded"):
        await models.health_ready(ANY)


def test_unloaded_models_are_not_among_the_live() -> None:
    """They have no statistics to show."""
    registry = registry_of(live_model("a", FREE, dict), live_model("b", FREE, dict))
    registry.unload("a")

    assert [live.name for live in lives(registry)] == ["b"]
