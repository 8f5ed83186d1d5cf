"""Which release answers to a name.

Law: one assignment switches a model; requests in flight finish on what they began
with. It never touches the store and never learns why a release is live. Everything
but `prepare` and `discard` is called on the event loop only.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import msgspec

from edged.errors import (
    EdgedError,
    NotReady,
    UnknownModel,
    UnknownVersion,
)
from edged.host.clock import Clock
from edged.serve.batching import batching
from edged.serve.continued import infer_in, seat_in
from edged.serve.ladder import load_ladder
from edged.serve.live import Live
from edged.serve.reception import (
    Done,
    Limits,
    Seat,
    Ticket,
    admit,
    check,
    heard,
    settle,
)
from edged.serve.request import InferRequest, InferResponse
from edged.serve.sequences import Sequences
from edged.store.releases import Release
from edged.watch import Owned, Watch
from edged.wire.messages import ModelPhase, ModelStatus, Trouble


class Model:
    """One name: what is live, and why nothing is."""

    def __init__(self, name: str, sequences: Sequences) -> None:
        self.name = name
        self.phase = ModelPhase.LOADING
        self.live: Live | None = None
        self.trouble: Trouble | None = None
        self.since_utc: str | None = None
        self.sequences = sequences

    def __repr__(self) -> str:
        return f"{self.name} {self.phase.value}: {self.live or self.trouble}"


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is held.

    Attributes:
        is_current: it was live when it was pinned; if not, only the requests of its
            open sequences are answered.
    """

    live: Live
    is_current: bool


class Registry:
    """All models, and the one way to ask them."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._models: dict[str, Model] = {}
        self._revision = Owned(0)
        self.loads: dict[str, int] = {"ok": 0, "failed": 0}
        self.switches = 0

    # --- asking ------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return every installed model's name, sorted."""
        return tuple(sorted(self._models))

    def live(self, name: str, version: str | None = None) -> Live:
        """Return what answers to a name.

        Raises:
            UnknownModel: no such name.
            NotReady: installed, not loaded; the message says why.
            UnknownVersion: another version is live; the hint names it.
        """
        model = self._models.get(name)
        if model is None:
            raise UnknownModel(
                f"cannot find model {name!r}: "
                + (
                    f"installed are {', '.join(self.names())}"
                    if self._models
                    else "none is installed"
                ),
                hint="edgectl models list" if self._models else "edgectl install PATH",
            )
        if model.live is None:
            raise NotReady(
                f"cannot use {name}: {_why(model)}",
                hint=model.trouble.hint if model.trouble else _LOAD.format(name),
            )
        if version is not None and version != model.live.version:
            raise UnknownVersion(
                f"cannot find version {version!r} of {name}: {model.live.version} is "
                "the live one",
                hint=f"ask for version {model.live.version}, or for none",
                live=model.live.version,
            )
        return model.live

    @contextmanager
    def pinned(self, name: str, version: str | None) -> Iterator["Pin"]:
        """Hold what a request is for while its body arrives.

        A request that names a version is answered by it, also if a switch comes
        meanwhile; one in an open sequence by the release that the sequence began on.

        Raises:
            UnknownModel, UnknownVersion, NotReady: nobody answers.
        """
        model = self._models.get(name)
        held = model.sequences.release_of(version) if model else None
        is_current = held is None or (model is not None and held is model.live)
        live = self.live(name, version) if held is None or is_current else held
        live.hold()
        try:
            yield Pin(live=live, is_current=is_current)
        finally:
            live.let_go()

    async def infer(
        self, request: InferRequest, pin: "Pin | None" = None
    ) -> InferResponse:
        """Answer one request; see `submit`."""
        if request.sequence is not None:
            model = self._models.get(request.model)
            place = (
                model.sequences.find(request.sequence, request.peer) if model else None
            )
            if model is not None and place is not None:
                seat = seat_in(place, request)
                return await infer_in(model.sequences, request, seat, self.limits)
            live = self._answering(request, pin)
            rung = live.rung(request.variant)
            if rung.runs.stateful:
                sequences = self._models[live.name].sequences
                seat = Seat(live, rung, rung.run_on)
                return await infer_in(sequences, request, seat, self.limits)
        answered: asyncio.Future[InferResponse] = (
            asyncio.get_running_loop().create_future()
        )
        ticket = self.submit(request, partial(settle, answered), pin)
        return await heard(answered, ticket)

    def submit(
        self, request: InferRequest, done: Done, pin: "Pin | None" = None
    ) -> Ticket:
        """Admit one request; `done` is called on the loop, once, maybe at once.

        A request in a sequence of a model with state goes to `infer`.

        Raises:
            UnknownModel, UnknownVersion, UnknownVariant, NotReady: nobody answers.
            InvalidTensor: an input is not what the model takes.
            QueueFull, DeadlineExceeded: not now.
        """
        live = self._answering(request, pin)
        try:
            rung = live.rung(request.variant)
            wanted = check(request, live)
            return admit(request, Seat(live, rung, rung.run), wanted, self.limits, done)
        except EdgedError as error:
            live.stats.refused(error.code)
            raise

    def _answering(self, request: InferRequest, pin: "Pin | None") -> Live:
        """Return the release for a request that names a version, or the live one."""
        if pin is not None and pin.is_current and request.version is not None:
            return pin.live
        return self.live(request.model, request.version)

    # --- telling -----------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether at least one model answers."""
        return any(model.live for model in self._models.values())

    @property
    def revision(self) -> Watch[int]:
        """Grows with every change that `statuses` would show, requests aside."""
        return self._revision.watch

    def running_s(self) -> float:
        """Return for how long the longest present run has been on."""
        now_s = time.monotonic()
        return max(
            (
                m.live.scheduler.running_s(now_s)
                for m in self._models.values()
                if m.live
            ),
            default=0.0,
        )

    def status(self, name: str) -> ModelStatus:
        """Describe one model.

        Raises:
            UnknownModel: no such name.
        """
        if name not in self._models:
            self.live(name)
        model = self._models[name]
        live = model.live
        if live is None:
            return ModelStatus(name=name, phase=model.phase, problem=model.trouble)
        return ModelStatus(
            name=name,
            phase=model.phase,
            version=live.version,
            seq=live.seq,
            since_utc=model.since_utc,
            requests=live.stats.success.count + live.stats.fail.count,
            failures=live.stats.fail.count,
            inflight=live.scheduler.inflight,
            variants=live.variant_statuses(),
            problem=model.trouble,
        )

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Describe every model, by name."""
        return tuple(self.status(name) for name in self.names())

    # --- changing ----------------------------------------------------------------

    def prepare(
        self,
        release: Release,
        labels: dict[str, tuple[str, ...]],
        *,
        strict: bool,
        rotten: Mapping[str, str],
    ) -> Live:
        """Load a release beside what is live. Blocks; call in any thread.

        Args:
            release: on disk.
            labels: class names by output.
            strict: refuse it if a single variant does not load.
            rotten: files that are not what was installed, and how.

        Raises:
            BadModel: not one variant loads, or (strict) not every one.
        """
        try:
            ladder = load_ladder(
                release,
                threads=self.limits.threads,
                strict=strict,
                rotten=rotten,
            )
        except EdgedError:
            self.loads["failed"] += 1
            raise
        self.loads["ok"] += 1
        return Live(
            release,
            ladder,
            labels,
            workers=self.limits.workers,
            joined=batching(
                release.manifest,
                window_s=self.limits.batch_window_s,
                most=self.limits.batch_max,
            ),
        )

    def discard(self, prepared: Live) -> None:
        """Let go of a prepared release that will not go live. Blocks; any thread."""
        prepared.close_now().result()

    def switch(self, prepared: Live) -> None:
        """Make a prepared release answer to its name, from this instant on."""
        model = self._model(prepared.name)
        old, model.live = model.live, prepared
        model.phase = ModelPhase.READY
        model.since_utc = _text(self._clock)
        model.trouble = _lame(prepared)
        if old is not None:
            self.switches += 1
            old.retire()
        self._changed()

    def serves(self, name: str) -> str | None:
        """Return the digest of the release that answers to a name, None for none."""
        model = self._models.get(name)
        return model.live.digest if model and model.live else None

    def loading(self, name: str) -> None:
        """Say that a model is on its way, unless it already answers."""
        model = self._model(name)
        if model.live is None:
            model.phase, model.trouble = ModelPhase.LOADING, None
            self._changed()

    def fail(self, name: str, error: EdgedError) -> None:
        """Say why a model does not answer, unless an older release still does."""
        model = self._model(name)
        if model.live is None:
            model.phase = ModelPhase.FAILED
            model.trouble = Trouble(
                code=error.code, text=error.message, hint=error.hint, model=name
            )
            self._changed()

    def unload(self, name: str) -> bool:
        """Stop answering and give the memory back; tell whether it was loaded."""
        model = self._model(name)
        old, model.live = model.live, None
        model.phase, model.trouble = ModelPhase.UNLOADED, None
        model.sequences.end_all()
        if old is not None:
            old.retire()
        self._changed()
        return old is not None

    def forget(self, name: str) -> None:
        """Drop the name."""
        if name in self._models:
            self.unload(name)
            del self._models[name]
            self._changed()

    def _model(self, name: str) -> Model:
        if name not in self._models:
            sequences = Sequences(
                name,
                limit=self.limits.max_sequences,
                idle_s=self.limits.sequence_idle_s,
                threads=self.limits.threads,
            )
            self._models[name] = Model(name, sequences)
        return self._models[name]

    def _changed(self) -> None:
        self._revision.set(self._revision.watch.value + 1)

    def __repr__(self) -> str:
        return ", ".join(repr(model) for model in self._models.values()) or "no models"


_LOAD = "edgectl models load {}"


def _why(model: Model) -> str:
    match model.phase:
        case ModelPhase.UNLOADED:
            return "it is unloaded"
        case ModelPhase.LOADING:
            return "it is still loading"
        case _:
            return model.trouble.text if model.trouble else "it is not loaded"


def _lame(live: Live) -> Trouble | None:
    """Return the standing problem of a ladder that lacks rungs."""
    if not live.ladder.failures:
        return None
    variant, error = next(iter(live.ladder.failures.items()))
    return Trouble(
        code=error.code,
        text=f"variant {variant} of {live.name} is left out: {error.message}",
        hint=error.hint,
        model=live.name,
    )


def _text(clock: Clock) -> str:
    return clock.utc().strftime("%Y-%m-%dT%H:%M:%SZ")
