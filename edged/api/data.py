"""The data socket's application: the Open Inference Protocol, and `/metrics`.

Law: this is the whole list of what the data socket does; nothing here changes the
box. Handlers raise; the door (`api.door`) answers every failure as the protocol's
`{"error": text}`, unknown paths and wrong methods included.
"""

from collections.abc import Callable, Iterable

from aiohttp import web

from edged.api.exposition import Family
from edged.api.infer import Infer
from edged.api.metrics import Metrics
from edged.api.oip_models import Models
from edged.api.regions import RegionRoutes
from edged.api.updates import Updater
from edged.errors import Unsupported
from edged.host.clock import Clock
from edged.serve.regions import Regions
from edged.serve.registry import Registry
from edged.watch import Watch
from edged.wire.messages import Phase

#: A model, and a model with the version that the caller insists on.
_MODEL = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")

#: Parts of the protocol's extensions that edged does not have.
_ABSENT = (
    "/v2/cudasharedmemory{rest:.*}",
    "/v2/logging",
    "/v2/trace/setting",
    "/v2/models/{model}/trace/setting",
)


def data_app(  # noqa: PLR0913  # what it serves and counts, each by its name
    registry: Registry,
    phase: Watch[Phase],
    *,
    regions: Regions,
    clock: Clock,
    max_body: int,
    updater: Updater | None = None,
    also: Callable[[], Iterable[Family]] = tuple,
) -> web.Application:
    """Make the application.

    Args:
        registry: who answers.
        phase: where the daemon is in its life.
        regions: memory that callers share; freed when the application ends.
        clock: for deadlines.
        max_body: bytes of a request to a model whose inputs have no fixed size.
        updater: that is counted in the metrics; None where it is elsewhere.
        also: what else is counted in the metrics.
    """
    infer = Infer(registry, regions, clock, max_body=max_body)
    models = Models(registry, phase)
    metrics = Metrics(registry, regions, phase, clock, updater, also)

    app = web.Application()
    add = app.router.add_route
    for path in _MODEL:
        add("POST", f"{path}/infer", infer.answer, expect_handler=_expect_nothing)
    add("GET", "/v2/models/stats", models.all_statistics)
    for path in _MODEL:
        add("GET", path, models.metadata)
        add("GET", f"{path}/ready", models.model_ready)
        add("GET", f"{path}/config", models.config)
        add("GET", f"{path}/stats", models.statistics)
    add("GET", "/v2", models.server)
    add("GET", "/v2/health/live", models.health_live)
    add("GET", "/v2/health/ready", models.health_ready)
    add("POST", "/v2/repository/index", models.index)
    verbs = "{verb:load|unload}"
    add("POST", f"/v2/repository/models/{{model}}/{verbs}", models.refuse_change)
    RegionRoutes(regions).add_to(app.router)
    for path in _ABSENT:
        add("*", path, _absent)
    add("GET", "/metrics", metrics.answer)

    async def close(_app: web.Application) -> None:
        infer.close()
        regions.close()

    app.on_cleanup.append(close)
    return app


async def _expect_nothing(request: web.Request) -> None:
    """Leave `Expect: 100-continue` to the handler, which may refuse the body."""


async def _absent(request: web.Request) -> web.StreamResponse:
    raise Unsupported(
        f"cannot {request.method} {request.path}: this edged has no such extension",
        hint="GET /v2 lists the extensions that there are",
    )
