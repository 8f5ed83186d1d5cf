"""The protocol's rows that describe: health, metadata, config, statistics, index.

Law: reading only. What a row cannot say is an error that says why; the door turns it
into the protocol's `{"error": text}`.
Source: kserve/open-inference-protocol, inference_rest.md; triton server,
docs/protocol: model_configuration, statistics, model_repository.
"""

import contextlib
from collections.abc import Iterator

import msgspec
from aiohttp import web

from edged import __version__
from edged.errors import Draining, InvalidRequest, NotPermitted, NotReady, TooLarge
from edged.serve.live import Live
from edged.serve.registry import Registry
from edged.serve.stats import Duration
from edged.watch import Watch
from edged.wire.messages import ModelPhase, ModelStatus, Phase
from edged.wire.oip_models import (
    PLATFORM,
    Alive,
    AllStatistics,
    BatchStatistics,
    ConfigTensor,
    IndexRequest,
    IndexRow,
    InferStatistics,
    Leaf,
    ModelConfig,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    Statistics,
    Tensor,
)
from edged.wire.release import StateMode
from edged.wire.tensors import FREE, Datatype, TensorSpec
from edged.wire.unreadable import UNREADABLE

#: A repository index request is `{"ready": true}` at most.
MAX_INDEX_BYTES = 4096


class Models:
    """Handlers of the rows that describe."""

    def __init__(self, registry: Registry, phase: Watch[Phase]) -> None:
        self._registry = registry
        self._phase = phase

    async def server(self, _request: web.Request) -> web.Response:
        """GET v2."""
        return json_answer(ServerMetadata(version=__version__))

    async def health_live(self, _request: web.Request) -> web.Response:
        """GET v2/health/live: the process answers, more it does not say."""
        return json_answer(Alive())

    async def health_ready(self, _request: web.Request) -> web.Response:
        """GET v2/health/ready: a model answers, and the daemon is not on its way out.

        Raises:
            NotReady, Draining: neither, with the reason.
        """
        phase = self._phase.value
        if phase is Phase.DRAINING:
            raise Draining("cannot serve: edged is stopping")
        if phase is Phase.STARTING:
            raise NotReady("cannot serve: edged is still starting")
        if not self._registry.ready:
            raise NotReady("cannot serve: no model is loaded", hint="edgectl status")
        return json_answer(Ready())

    async def model_ready(self, request: web.Request) -> web.Response:
        """GET v2/models/M[/versions/V]/ready."""
        return json_answer(ModelReady(name=self._live(request).name))

    async def metadata(self, request: web.Request) -> web.Response:
        """GET v2/models/M[/versions/V]."""
        live = self._live(request)
        return json_answer(
            ModelMetadata(
                name=live.name,
                versions=(live.version,),
                inputs=_tensors(live.signature.inputs),
                outputs=_tensors(live.signature.outputs),
            )
        )

    async def config(self, request: web.Request) -> web.Response:
        """GET v2/models/M[/versions/V]/config."""
        return json_answer(model_config(self._live(request)))

    async def statistics(self, request: web.Request) -> web.Response:
        """GET v2/models/M[/versions/V]/stats."""
        return json_answer(
            AllStatistics(model_stats=(statistics(self._live(request)),))
        )

    async def all_statistics(self, _request: web.Request) -> web.Response:
        """GET v2/models/stats."""
        rows = tuple(statistics(live) for live in lives(self._registry))
        return json_answer(AllStatistics(model_stats=rows))

    async def index(self, request: web.Request) -> web.Response:
        """POST v2/repository/index."""
        body = bytearray()
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > MAX_INDEX_BYTES:
                raise TooLarge(f"cannot take this body: over {MAX_INDEX_BYTES} bytes")
        try:
            asked = msgspec.json.decode(body or b"{}", type=IndexRequest)
        except UNREADABLE as exc:
            raise InvalidRequest(f"cannot read the request: {exc}") from exc
        rows = [index_row(status) for status in self._registry.statuses()]
        return json_answer([r for r in rows if not asked.ready or r.state == "READY"])

    async def refuse_change(self, request: web.Request) -> web.Response:
        """POST v2/repository/models/M/{load,unload}: not on this socket."""
        verb, model = request.match_info["verb"], request.match_info["model"]
        raise NotPermitted(
            f"cannot {verb} {model}: this socket only answers requests",
            hint=f"edgectl models {verb} {model}",
        )

    def _live(self, request: web.Request) -> Live:
        path = request.match_info
        return self._registry.live(path["model"], path.get("version"))


def json_answer(value: object) -> web.Response:
    """Answer a value as JSON."""
    return web.Response(
        body=msgspec.json.encode(value), content_type="application/json"
    )


def lives(registry: Registry) -> Iterator[Live]:
    """Yield what is live, by name."""
    for name in registry.names():
        with contextlib.suppress(NotReady):
            yield registry.live(name)


def model_config(live: Live) -> ModelConfig:
    """Describe a release in Triton's terms."""
    manifest, signature = live.manifest, live.signature
    shapes = [spec.shape for spec in (*signature.inputs, *signature.outputs)]
    batches = (
        manifest.batch is not None
        and manifest.batch.axis == 0
        and all(shape[:1] == (FREE,) for shape in shapes)
    )
    return ModelConfig(
        name=live.name,
        platform=PLATFORM,
        backend="edged",
        max_batch_size=manifest.batch.max if batches and manifest.batch else 0,
        input=_config_tensors(signature.inputs, skip=int(batches)),
        output=_config_tensors(signature.outputs, skip=int(batches)),
        sequence_batching={} if manifest.state is StateMode.SEQUENCE else None,
    )


def statistics(live: Live) -> Statistics:
    """Write a release's counters in Triton's terms."""
    stats = live.stats
    computed = {
        "compute_input": _leaf(stats.compute_input),
        "compute_infer": _leaf(stats.compute_infer),
        "compute_output": _leaf(stats.compute_output),
    }
    ran = BatchStatistics(batch_size=1, **computed)
    return Statistics(
        name=live.name,
        version=live.version,
        last_inference=stats.last_inference_ms,
        inference_count=stats.inference_count,
        execution_count=stats.execution_count,
        inference_stats=InferStatistics(
            success=_leaf(stats.success),
            fail=_leaf(stats.fail),
            queue=_leaf(stats.queue),
            **computed,
        ),
        batch_stats=(ran,) if stats.execution_count else (),
    )


def index_row(status: ModelStatus) -> IndexRow:
    """Describe a model's state in Triton's terms."""
    state = {
        ModelPhase.READY: "READY",
        ModelPhase.ASLEEP: "READY",
        ModelPhase.LOADING: "LOADING",
    }
    reason = status.problem.text if status.problem else ""
    if status.phase is ModelPhase.UNLOADED:
        reason = "unloaded"
    return IndexRow(
        name=status.name,
        version=status.version or "",
        state=state.get(status.phase, "UNAVAILABLE"),
        reason=reason,
    )


def _tensors(specs: tuple[TensorSpec, ...]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name=spec.name, datatype=spec.datatype, shape=spec.shape)
        for spec in specs
    )


def _config_tensors(
    specs: tuple[TensorSpec, ...], *, skip: int
) -> tuple[ConfigTensor, ...]:
    return tuple(
        ConfigTensor(
            name=spec.name, data_type=_config_type(spec), dims=spec.shape[skip:]
        )
        for spec in specs
    )


def _config_type(spec: TensorSpec) -> str:
    name = "STRING" if spec.datatype is Datatype.BYTES else spec.datatype.value
    return f"TYPE_{name}"


def _leaf(duration: Duration) -> Leaf:
    return Leaf(duration.count, duration.ns)
