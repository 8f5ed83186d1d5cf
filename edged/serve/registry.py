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
from types import MappingProxyType

from edged.adapt.regime import Regime
from edged.errors import EdgedError, NotReady
from edged.host.clock import Clock
from edged.serve.batching import batching
from edged.serve.conditions import Conditions
from edged.serve.continued import first_seat, infer_in, seat_in
from edged.serve.ladder import load_ladder
from edged.serve.live import Live
from edged.serve.model import Model, unknown
from edged.serve.observing import Observer
from edged.serve.reception import (
    Checked,
    Done,
    Limits,
    Pin,
    Seat,
    Ticket,
    admit,
    check,
    heard,
    settle,
)
from edged.serve.request import InferRequest, InferResponse
from edged.store.releases import Release
from edged.watch import Owned, Watch
from edged.wire.messages import ModelPhase, ModelStatus
from edged.wire.proofs import Proof


class Registry:
    """All models, and the one way to ask them."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.conditions = Conditions()
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
            raise unknown(name, self.names())
        live = model.live
        if live is None or (version is not None and version != live.version):
            raise model.refusal(version)
        return live

    @contextmanager
    def pinned(self, name: str, version: str | None) -> Iterator[Pin]:
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
        live.pin()
        try:
            yield Pin(live=live, is_current=is_current)
        finally:
            live.unpin()

    async def infer(
        self, request: InferRequest, pin: Pin | None = None
    ) -> InferResponse:
        """Answer one request; see `submit`."""
        if request.sequence is not None:
            own, model = request.sequence, self._models.get(request.model)
            place = model.sequences.find(own, request.peer) if model else None
            if model is not None and place is not None:
                seat = seat_in(place, request)
                return await infer_in(model.sequences, request, seat, self.limits)
            live = self._answering(request, pin)
            while live.is_parked:
                request = await self._models[live.name].parking.turn(request)
                live = self._answering(request, pin)
            seat = first_seat(live, request)
            if seat.rung.runs.stateful:
                model = self._models[live.name]
                try:
                    return await infer_in(model.sequences, request, seat, self.limits)
                except NotReady:
                    if model.live in {live, None}:
                        raise
                return await self.infer(request, pin)  # exchanged, nothing lost
        answered: asyncio.Future[InferResponse] = (
            asyncio.get_running_loop().create_future()
        )
        ticket = self.submit(request, partial(settle, answered), pin)
        return await heard(answered, ticket)

    def submit(
        self,
        request: InferRequest,
        done: Done,
        pin: Pin | None = None,
        checked: Checked | None = None,
    ) -> Ticket:
        """Admit one request; `done` is called on the loop, once, maybe at once.

        A request in a sequence of a model with state goes to `infer`.

        Args:
            request: what is asked.
            done: told the answer or the failure.
            pin: what `pinned` gave for it.
            checked: that one like it was checked before.

        Raises:
            UnknownModel, UnknownVersion, UnknownVariant, NotReady: nobody answers.
            InvalidTensor: an input is not what the model takes.
            QueueFull, DeadlineExceeded, LowPriority: not now.
        """
        live = self._answering(request, pin)
        if live.is_parked:
            ask = partial(self.submit, pin=pin)
            return self._models[live.name].parking.wait(request, done, ask)
        try:
            if checked is not None and checked.live is live:
                wanted = checked.wanted
            else:
                wanted = check(request, live)
            choice = live.chooser.choose(request)
            rung = choice.rung
            seat = Seat(live, rung, rung.run, in_time=choice.in_time)
            return admit(request, seat, wanted, self.limits, done)
        except EdgedError as error:
            live.stats.refused(error.code)
            raise

    def _answering(self, request: InferRequest, pin: Pin | None) -> Live:
        """Return the release for a request that names a version, or the live one."""
        is_held = pin is not None and pin.is_current and request.version is not None
        if pin is not None and is_held and not pin.live.is_closed:
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
        now_s, lives = time.monotonic(), self.loaded()
        return max((live.scheduler.running_s(now_s) for live in lives), default=0.0)

    def status(self, name: str) -> ModelStatus:
        """Describe one model.

        Raises:
            UnknownModel: no such name.
        """
        if name not in self._models:
            self.live(name)
        return self._models[name].status()

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
        without: Mapping[str, str] = MappingProxyType({}),
        proof: Proof | None = None,
    ) -> Live:
        """Load a release beside what is live. Blocks; call in any thread.

        Args:
            release: on disk.
            labels: class names by output.
            strict: refuse it if a single variant does not load.
            rotten: files that are not what was installed, and how.
            without: variants that are left out, and why; status says so.
            proof: what this board measured of it: the costs of its variants.

        Raises:
            BadModel: not one variant loads, or (strict) not every other one.
        """
        try:
            ladder = load_ladder(
                release,
                threads=self.limits.threads,
                strict=strict,
                rotten=rotten,
                without=without,
            )
        except EdgedError:
            self.loads["failed"] += 1
            raise
        self.loads["ok"] += 1
        model = self._models.get(release.name)
        return Live(
            release,
            ladder,
            labels,
            workers=self.limits.workers,
            threads=self.limits.threads,
            proof=proof,
            conditions=self.conditions,
            joined=batching(release.manifest, most=self.limits.batch_max),
            window_s=self.limits.batch_window_s,
            stats=model.kept(release.digest) if model else None,
        )

    def discard(self, prepared: Live) -> None:
        """Let go of what will not go live. Blocks; any thread."""
        prepared.close_now().result()

    def switch(
        self, prepared: Live, *, keep: str | None = None, condemns: bool = False
    ) -> None:
        """Make a prepared release answer to its name, from this instant on.

        Args:
            prepared: what answers.
            keep: digest of the one that stays resident for `back`; it is loaded.
                All else closes when its requests and sequences end.
            condemns: what answered was bad: sequences that are open on it end.
        """
        model = self._model(prepared.name)
        if model.live is not None:
            self.switches += model.kept(prepared.digest) is None
            if condemns:
                model.sequences.end_on(model.live)
        model.switch(prepared, keep=keep, at_utc=_text(self._clock))
        self.touch()

    def back(self, name: str) -> bool:
        """Make the resident release answer again; tell whether there was one.

        What answered until now finishes what it began, and closes; its sequences end.
        """
        model = self._models.get(name)
        if model is None or not model.back(_text(self._clock)):
            return False
        self.switches += 1
        self.touch()
        return True

    def let_go(self, name: str) -> None:
        """Close the resident release, if there is one: there is no way back to it."""
        if name in self._models:
            self._models[name].let_go()

    async def park(self, name: str) -> None:
        """Close what is live and give its memory back, for one that needs the room.

        From now on requests wait: as many as the queue's bound allows, each until its
        own deadline. Requests in flight finish, sequences end, then everything that
        is loaded of this name is closed. `switch` or `unpark` must follow. A model
        that is not loaded is not parked, and that is no error.

        Raises:
            Busy: a run has not ended in the time that a request has by default. Then
                the old release serves on, the requests that waited first.
        """
        if name in self._models:
            await self._models[name].park()

    def unpark(self, name: str, error: EdgedError) -> None:
        """Say that nothing could be loaded: those who wait are told why, as NotReady.

        A model that is not parked is left alone.
        """
        if name in self._models:
            self._models[name].unpark(error)
            self.touch()

    def observe(self, name: str, observer: Observer | None) -> None:
        """Tell each run of the release that is live now, on the loop; None for nobody.

        Another release is not told of; the same one is, when it is loaded again. Told
        is a run after it ended, whether anybody waits for its answer or not.
        """
        if name in self._models:
            self._models[name].observe(observer)

    def serves(self, name: str) -> str | None:
        """Return the digest of the release that answers to a name, None for none."""
        model = self._models.get(name)
        return model.live.digest if model and model.live else None

    def resident(self, name: str) -> str | None:
        """Return the digest of what `back` would lead to, None for none."""
        model = self._models.get(name)
        return model.resident.digest if model and model.resident else None

    def proved(self, name: str, proof: Proof) -> None:
        """Choose among the variants of what is live by newer figures, if it is it."""
        if self.serves(name) == proof.digest:
            self.live(name).prove(proof)
            self.touch()

    def loading(self, name: str) -> None:
        """Say that a model is on its way, unless it already answers."""
        model = self._model(name)
        if model.live is None:
            model.phase, model.trouble = ModelPhase.LOADING, None
            self.touch()

    def fail(self, name: str, error: EdgedError) -> None:
        """Say why a model does not answer, unless an older release still does."""
        if self._model(name).fail(error):
            self.touch()

    def unload(self, name: str) -> bool:
        """Stop answering and give the memory back; tell whether it was loaded."""
        was_loaded = self._model(name).unload()
        self.touch()
        return was_loaded

    def forget(self, name: str) -> None:
        """Drop the name."""
        if name in self._models:
            self.unload(name)
            del self._models[name]
            self.touch()

    def _model(self, name: str) -> Model:
        if name not in self._models:
            self._models[name] = Model(name, lambda: self.limits)
        return self._models[name]

    def models(self) -> tuple[Model, ...]:
        """Return every model, for who looks after them."""
        return tuple(self._models.values())

    def obey(self, regime: Regime) -> None:
        """Let every model do as holds from now on."""
        self.conditions.regime = regime
        for model in self.models():
            model.obey()

    def loaded(self) -> tuple[Live, ...]:
        """Return the releases that answer and are in memory."""
        lives = (model.live for model in self._models.values())
        return tuple(live for live in lives if live and not live.is_closed)

    def touch(self) -> None:
        """Say that there is news."""
        self._revision.set(self._revision.watch.value + 1)

    def __repr__(self) -> str:
        return ", ".join(repr(model) for model in self._models.values()) or "no models"


def _text(clock: Clock) -> str:
    return clock.utc().strftime("%Y-%m-%dT%H:%M:%SZ")
