"""The metrics page, as a scraper sees it."""

from typing import Any

import pytest

from edged.api import metrics
from edged.serve.regions import Usage
from edged.wire.messages import Phase
from edged.wire.tensors import Datatype
from tests.fakes.models import live_model, registry_of, signature
from tests.fakes.scraper import Parsed, parse

PLAIN = signature([("x", Datatype.FP32, (1,))], [("y", Datatype.FP32, (1,))])


async def page_of(registry: Any, phase: Phase = Phase.READY) -> Parsed:
    """Render and parse the page of a registry."""
    return parse(metrics.page(registry, Usage(), phase))


async def test_empty_daemon_has_a_page() -> None:
    """Without models only the daemon's own families are there."""
    found = await page_of(registry_of(), Phase.STARTING)

    assert found.value("edged_up") == 1
    assert found.value("edged_ready") == 0
    assert found.value("edged_state", state="starting") == 1
    assert found.value("edged_state", state="ready") == 0
    assert "edged_requests_total" not in found.kinds


async def test_counters_tell_what_was_answered_and_refused() -> None:
    """By model, version, code; by variant; by reason."""
    live = live_model("m", PLAIN, dict, version="2.0")
    live.stats.succeeded(queue_ns=1_000_000, compute_ns=2_000_000, at_ms=0)
    live.stats.variants["best"].add(2_000_000)
    live.stats.succeeded(queue_ns=0, compute_ns=400_000, at_ms=0)
    live.stats.variants["small"].add(400_000)
    live.stats.failed("bad-model", 5)
    live.stats.refused("queue-full")
    who = {"model": "m", "version": "2.0"}

    found = await page_of(registry_of(live))

    assert found.value("edged_requests_total", **who, code="ok") == 2
    assert found.value("edged_requests_total", **who, code="bad-model") == 1
    assert found.value("edged_rejected_total", **who, reason="queue-full") == 1
    assert found.value("edged_variant_requests_total", **who, variant="small") == 1
    assert found.value("edged_request_seconds_count", **who) == 2
    assert found.value("edged_request_seconds_sum", **who) == pytest.approx(0.0034)
    assert found.value("edged_infer_seconds_bucket", **who, le="0.0005") == 1
    assert found.value("edged_queue_seconds_bucket", **who, le="0.001") == 2


async def test_models_are_described_and_switches_counted() -> None:
    """Info, readiness, loads and swaps."""
    registry = registry_of(
        live_model("m", PLAIN, dict), live_model("m", PLAIN, dict, version="2.0")
    )
    registry.switch(live_model("gone", PLAIN, dict))
    registry.unload("gone")

    found = await page_of(registry)

    assert found.value("edged_model_ready", model="m") == 1
    assert found.value("edged_model_ready", model="gone") == 0
    assert found.value("edged_swap_total", result="ok") == 1
    assert found.value("edged_model_loads_total", result="failed") == 0
    info = found.all("edged_model_info")
    assert [dict(labels)["version"] for labels in info] == ["2.0"]


async def test_draining_is_not_ready() -> None:
    """The gauge says what /v2/health/ready says."""
    registry = registry_of(live_model("m", PLAIN, dict))

    ready = await page_of(registry)
    draining = await page_of(registry, Phase.DRAINING)

    assert ready.value("edged_ready") == 1
    assert draining.value("edged_ready") == 0
