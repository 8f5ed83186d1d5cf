"""`GET /metrics` of the data socket: what is counted of the daemon and its models.

Law: label sets are bounded: models and variants by what is installed, sources by the
settings, codes and phases by their tables. Seconds and bytes, counters end in
`_total`. Nothing here counts; counters of a release begin anew when another one goes
live, as Prometheus expects of a restart.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from aiohttp import web

from edged import __version__
from edged.api.exposition import (
    CONTENT_TYPE,
    Family,
    Labels,
    Sample,
    counter,
    gauge,
    render,
)
from edged.api.oip_models import lives
from edged.api.update_metrics import updates
from edged.api.updates import Updater
from edged.host.clock import Clock
from edged.serve.live import Live
from edged.serve.regions import Regions, Usage
from edged.serve.registry import Registry
from edged.serve.stats import BUCKETS_S, Histogram
from edged.watch import Watch
from edged.wire.messages import Phase
from edged.wire.updates import UpdateRequest


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


def _daemon(registry: Registry, phase: Phase) -> Iterator[Family]:
    ready = registry.ready and phase is Phase.READY
    yield gauge(
        "edged_build_info",
        "The version that runs.",
        [Sample({"version": __version__}, 1)],
    )
    yield gauge("edged_up", "Always 1.", [Sample({}, 1)])
    yield gauge(
        "edged_ready", "Whether /v2/health/ready says yes.", [Sample({}, int(ready))]
    )
    yield gauge(
        "edged_state",
        "1 for the phase that the daemon is in.",
        [Sample({"state": each.value}, int(each is phase)) for each in Phase],
    )
    yield counter(
        "edged_model_loads_total",
        "Releases loaded into memory, by result.",
        [Sample({"result": r}, n) for r, n in sorted(registry.loads.items())],
    )
    yield counter(
        "edged_swap_total",
        "Live releases replaced by another, by result.",
        [Sample({"result": "ok"}, registry.switches)],
    )


def _shared(usage: Usage) -> Iterator[Family]:
    yield gauge(
        "edged_shared_memory_regions",
        "Registered regions of shared memory.",
        [Sample({}, usage.regions)],
    )
    yield gauge(
        "edged_shared_memory_bytes",
        "Bytes of registered regions.",
        [Sample({}, usage.region_bytes)],
    )


def _models(registry: Registry, alive: Sequence[Live]) -> Iterator[Family]:
    yield gauge(
        "edged_model_info",
        "The live release of each model.",
        [
            Sample({**_labels(m), "seq": str(m.seq), "sha256": m.digest}, 1)
            for m in alive
        ],
    )
    yield gauge(
        "edged_model_ready",
        "Whether each installed model answers.",
        [
            Sample({"model": name}, int(any(m.name == name for m in alive)))
            for name in registry.names()
        ],
    )
    yield gauge(
        "edged_model_asleep",
        "Whether a model that answers is out of memory until somebody asks.",
        [Sample({"model": m.name}, int(m.is_closed)) for m in alive],
    )
    yield gauge(
        "edged_inflight",
        "Requests let in and not yet answered.",
        [Sample(_labels(m), m.scheduler.inflight) for m in alive],
    )


def _requests(alive: Sequence[Live]) -> Iterator[Family]:
    yield counter(
        "edged_requests_total",
        "Requests by how they ended: ok, or the error's code.",
        [
            Sample({**_labels(m), "code": code}, n)
            for m in alive
            for code, n in sorted(m.stats.codes.items())
        ],
    )
    yield counter(
        "edged_variant_requests_total",
        "Answered requests by the variant that ran.",
        [
            Sample({**_labels(m), "variant": variant}, recent.count)
            for m in alive
            for variant, recent in m.stats.variants.items()
        ],
    )
    yield counter(
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
