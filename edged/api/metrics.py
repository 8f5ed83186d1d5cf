"""`GET /metrics`: counters in Prometheus' text format 0.0.4, written by hand.

Law: label sets are bounded: models and variants by what is installed, sources by the
settings, codes and phases by their tables. Seconds and bytes, counters end in
`_total`. Nothing here counts; counters of a release begin anew when another one goes
live, as Prometheus expects of a restart.
Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec
from aiohttp import web

from edged import __version__
from edged.api.oip_models import lives
from edged.api.updates import Updater
from edged.host.clock import Clock
from edged.serve.live import Live
from edged.serve.regions import Regions, Usage
from edged.serve.registry import Registry
from edged.serve.stats import BUCKETS_S, Histogram
from edged.watch import Watch
from edged.wire.messages import Phase
from edged.wire.updates import Activity, UpdateRequest, UpdateStatus
from edged.wire.words import read_utc

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]


class Sample(msgspec.Struct, frozen=True):
    """One line: `suffix` follows the family's name."""

    labels: Labels
    value: float
    suffix: str = ""


class Family(msgspec.Struct, frozen=True):
    """All samples of one name."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


class Metrics:
    """The handler of the metrics route."""

    def __init__(
        self,
        registry: Registry,
        regions: Regions,
        phase: Watch[Phase],
        clock: Clock,
        updater: Updater | None,
        also: Callable[[], Iterable[Family]],
    ) -> None:
        self._registry = registry
        self._regions = regions
        self._phase = phase
        self._clock = clock
        self._updater = updater
        self._also = also

    async def answer(self, _request: web.Request) -> web.Response:
        """GET /metrics."""
        families = [*self._also()]
        if self._updater is not None:
            told = await self._updater.update(UpdateRequest())
            families += updates(told, self._clock.utc())
        return web.Response(
            body=page(
                self._registry, self._regions.usage(), self._phase.value, families
            ),
            headers={"Content-Type": CONTENT_TYPE},
        )


def page(
    registry: Registry, shared: Usage, phase: Phase, more: Iterable[Family] = ()
) -> bytes:
    """Write everything that is counted, and more."""
    alive = tuple(lives(registry))
    return render(
        (
            *_daemon(registry, phase),
            *more,
            *_shared(shared),
            *_models(registry, alive),
            *_requests(alive),
            *_times(alive),
        )
    )


def render(families: Iterable[Family]) -> bytes:
    """Write families out; one without samples is left out."""
    return "".join(
        line for family in families if family.samples for line in _lines(family)
    ).encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for sample in family.samples:
        labels = ",".join(f'{k}="{_escaped(v)}"' for k, v in sample.labels.items())
        braces = f"{{{labels}}}" if labels else ""
        yield f"{family.name}{sample.suffix}{braces} {_number(sample.value)}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def updates(told: UpdateStatus, now: datetime) -> Iterator[Family]:
    """Count what the updater tells.

    Args:
        told: by the updater.
        now: with a time zone.
    """
    yield _gauge(
        "edged_update_activity",
        "1 for what the updater does.",
        [
            Sample({"activity": each.value}, int(each is told.activity))
            for each in Activity
        ],
    )
    yield _gauge(
        "edged_update_reasons",
        "Releases not taken and sources not heard, by reason.",
        [
            Sample({"reason": reason.value}, count)
            for reason, count in Counter(why.reason for why in told.reasons).items()
        ],
    )
    transfer = told.transfer
    parts = (
        {}
        if transfer is None
        else {
            "total": transfer.total_bytes,
            "done": transfer.done_bytes,
            "kept": transfer.kept_bytes,
            "fetched": transfer.done_bytes - transfer.kept_bytes,
        }
    )
    yield _gauge(
        "edged_update_transfer_bytes",
        "The download under way: all of it, what is here, what needed no network.",
        [Sample({"part": part}, count) for part, count in parts.items()],
    )
    yield _gauge(
        "edged_update_source_age_seconds",
        "Time since a source last answered as it should; absent for never.",
        [
            Sample({"source": source.name}, (now - at).total_seconds())
            for source in told.sources
            if (at := read_utc(source.checked_utc or ""))
        ],
    )


def _daemon(registry: Registry, phase: Phase) -> Iterator[Family]:
    ready = registry.ready and phase is Phase.READY
    yield _gauge(
        "edged_build_info",
        "The version that runs.",
        [Sample({"version": __version__}, 1)],
    )
    yield _gauge("edged_up", "Always 1.", [Sample({}, 1)])
    yield _gauge(
        "edged_ready", "Whether /v2/health/ready says yes.", [Sample({}, int(ready))]
    )
    yield _gauge(
        "edged_state",
        "1 for the phase that the daemon is in.",
        [Sample({"state": each.value}, int(each is phase)) for each in Phase],
    )
    yield _counter(
        "edged_model_loads_total",
        "Releases loaded into memory, by result.",
        [Sample({"result": r}, n) for r, n in sorted(registry.loads.items())],
    )
    yield _counter(
        "edged_swap_total",
        "Live releases replaced by another, by result.",
        [Sample({"result": "ok"}, registry.switches)],
    )


def _shared(usage: Usage) -> Iterator[Family]:
    yield _gauge(
        "edged_shared_memory_regions",
        "Registered regions of shared memory.",
        [Sample({}, usage.regions)],
    )
    yield _gauge(
        "edged_shared_memory_bytes",
        "Bytes of registered regions.",
        [Sample({}, usage.region_bytes)],
    )


def _models(registry: Registry, alive: Sequence[Live]) -> Iterator[Family]:
    yield _gauge(
        "edged_model_info",
        "The live release of each model.",
        [
            Sample({**_labels(m), "seq": str(m.seq), "sha256": m.digest}, 1)
            for m in alive
        ],
    )
    yield _gauge(
        "edged_model_ready",
        "Whether each installed model answers.",
        [
            Sample({"model": name}, int(any(m.name == name for m in alive)))
            for name in registry.names()
        ],
    )
    yield _gauge(
        "edged_inflight",
        "Requests let in and not yet answered.",
        [Sample(_labels(m), m.scheduler.inflight) for m in alive],
    )


def _requests(alive: Sequence[Live]) -> Iterator[Family]:
    yield _counter(
        "edged_requests_total",
        "Requests by how they ended: ok, or the error's code.",
        [
            Sample({**_labels(m), "code": code}, n)
            for m in alive
            for code, n in sorted(m.stats.codes.items())
        ],
    )
    yield _counter(
        "edged_variant_requests_total",
        "Answered requests by the variant that ran.",
        [
            Sample({**_labels(m), "variant": variant}, recent.count)
            for m in alive
            for variant, recent in m.stats.variants.items()
        ],
    )
    yield _counter(
        "edged_rejected_total",
        "Requests not let in, by the error's code.",
        [
            Sample({**_labels(m), "reason": code}, n)
            for m in alive
            for code, n in sorted(m.stats.rejected.items())
        ],
    )


def _times(alive: Sequence[Live]) -> Iterator[Family]:
    yield _histograms(
        "edged_request_seconds",
        "From admission to the end of the run.",
        ((m, m.stats.request_seconds) for m in alive),
    )
    yield _histograms(
        "edged_queue_seconds",
        "From admission to the start of the run.",
        ((m, m.stats.queue_seconds) for m in alive),
    )
    yield _histograms(
        "edged_infer_seconds",
        "The run, conversions included.",
        ((m, m.stats.infer_seconds) for m in alive),
    )


def _labels(live: Live) -> Labels:
    return {"model": live.name, "version": live.version}


def _gauge(name: str, text: str, samples: list[Sample]) -> Family:
    return Family(name, "gauge", text, samples)


def _counter(name: str, text: str, samples: list[Sample]) -> Family:
    return Family(name, "counter", text, samples)


def _histograms(
    name: str, text: str, observed: Iterable[tuple[Live, Histogram]]
) -> Family:
    samples: list[Sample] = []
    for live, histogram in observed:
        labels = _labels(live)
        total = 0
        for bound, count in zip((*BUCKETS_S, None), histogram.counts, strict=True):
            total += count
            le = "+Inf" if bound is None else repr(bound)
            samples.append(Sample({**labels, "le": le}, total, "_bucket"))
        samples.append(Sample(labels, histogram.sum_s, "_sum"))
        samples.append(Sample(labels, total, "_count"))
    return Family(name, "histogram", text, samples)
