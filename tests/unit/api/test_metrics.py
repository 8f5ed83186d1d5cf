"""The metrics page, read by a strict parser of the text format."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from edged.api import metrics
from edged.serve.regions import Usage
from edged.wire.messages import Phase
from edged.wire.tensors import Datatype
from edged.wire.updates import (
    Activity,
    Reason,
    SourceStatus,
    Transfer,
    UpdateStatus,
    WhyNot,
)
from tests.fakes.models import live_model, registry_of, signature

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
PLAIN = signature([("x", Datatype.FP32, (1,))], [("y", Datatype.FP32, (1,))])


class Parsed(msgspec.Struct):
    """What a scraper sees."""

    kinds: dict[str, str] = {}
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def value(self, name: str, **labels: str) -> float:
        """Return one sample's value."""
        return self.samples[name, frozenset(labels.items())]

    def all(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return every sample of one name."""
        return {labels: v for (n, labels), v in self.samples.items() if n == name}


def parse(page: bytes) -> Parsed:
    """Parse text format 0.0.4; refuse what Prometheus would only tolerate.

    HELP, then TYPE, then samples of that family and no other; no sample twice; a
    final newline; counters end in `_total`; histograms are cumulative and complete.
    """
    text = page.decode()
    assert text.endswith("\n")
    found, family = Parsed(kinds={}, samples={}), ""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            family = re.fullmatch(rf"# HELP ({NAME}) \S[^\n]*", line)[1]  # type: ignore[index]
            kind = re.fullmatch(
                rf"# TYPE {family} (counter|gauge|histogram)", next(lines)
            )
            assert kind is not None
            assert family not in found.kinds
            found.kinds[family] = kind[1]
            assert (kind[1] == "counter") == family.endswith("_total")
            continue
        match = SAMPLE.fullmatch(line)
        assert match is not None, line
        name, labels = match[1], frozenset(re.findall(LABEL, match[2] or ""))
        suffixes = ("_bucket", "_sum", "_count")
        allowed = {family}
        if found.kinds[family] == "histogram":
            allowed = {family + suffix for suffix in suffixes}
        assert name in allowed, line
        assert (name, labels) not in found.samples
        found.samples[name, labels] = float(match[match.lastindex or 0])
    check_histograms(found)
    return found


def check_histograms(found: Parsed) -> None:
    """Check buckets against each other and against the count."""
    for family in (name for name, kind in found.kinds.items() if kind == "histogram"):
        for labels, count in found.all(f"{family}_count").items():
            assert labels in found.all(f"{family}_sum")
            buckets = {}
            for each, value in found.all(f"{family}_bucket").items():
                if labels < each:
                    buckets[float(dict(each)["le"])] = value
            ordered = [buckets[bound] for bound in sorted(buckets)]
            assert ordered == sorted(ordered)
            assert buckets[float("inf")] == count


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


def test_an_updater_is_counted() -> None:
    """What it does, why not, how far, and when a source was last heard."""
    why = WhyNot(reason=Reason.WINDOW, source="main", text="", since_utc="")
    told = UpdateStatus(
        activity=Activity.DOWNLOADING,
        text="",
        since_utc="",
        transfer=Transfer(total_bytes=100, done_bytes=60, kept_bytes=20),
        reasons=(why, why, replace(why, reason=Reason.NO_SPACE)),
        sources=(
            SourceStatus(
                name="main",
                kind="tuf",
                url="https://a.example",
                checked_utc="2026-11-24T05:00:00Z",
            ),
            SourceStatus(name="spare", kind="tuf", url="https://b.example"),
        ),
    )
    now = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)

    found = parse(metrics.render(metrics.updates(told, now)))

    activities = found.all("edged_update_activity")
    assert (len(Activity), 1.0) == (len(activities), sum(activities.values()))
    assert 1.0 == found.value("edged_update_activity", activity="downloading")
    assert 2.0 == found.value("edged_update_reasons", reason="window")
    assert [100.0, 60.0, 20.0, 40.0] == [
        found.value("edged_update_transfer_bytes", part=part)
        for part in ("total", "done", "kept", "fetched")
    ]
    assert {frozenset({("source", "main")}): 7200.0} == found.all(
        "edged_update_source_age_seconds"
    )


def test_an_updater_at_rest_counts_no_download() -> None:
    """There is nothing of which to say how far it is."""
    idle = UpdateStatus(activity=Activity.IDLE, text="", since_utc="")
    now = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)

    found = parse(metrics.render(metrics.updates(idle, now)))

    assert {"edged_update_activity"} == found.kinds.keys()


def test_labels_are_escaped() -> None:
    """Backslash, quote and newline cannot break a line."""
    odd = 'a\\b"c\nd'
    family = metrics.Family("f", "gauge", "Help.", [metrics.Sample({"l": odd}, 1.5)])

    found = parse(metrics.render([family]))

    assert found.value("f", l='a\\\\b\\"c\\nd') == 1.5


def test_families_without_samples_are_left_out() -> None:
    """A name without a line would be noise."""
    assert metrics.render([metrics.Family("f", "gauge", "Help.", [])]) == b""
