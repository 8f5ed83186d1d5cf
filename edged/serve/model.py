"""One name: what answers to it, what stays at hand, and who waits meanwhile.

Law: one assignment switches. What was live finishes what it began and closes, unless
it is to stay resident; at most one release does. Call on the event loop only.
"""

import asyncio
import time
from collections.abc import Callable

from edged.errors import Busy, EdgedError, NotReady, UnknownModel, UnknownVersion
from edged.serve import admission
from edged.serve.live import Live
from edged.serve.observing import Observer
from edged.serve.parking import Parking
from edged.serve.reception import Limits, check, check_priority
from edged.serve.request import InferRequest
from edged.serve.sequences import Sequences
from edged.serve.stats import ModelStats
from edged.wire.messages import ModelPhase, ModelStatus, Trouble


class Model:
    """One name.

    Attributes:
        live: what answers; None for nothing. A parked one is closed, or about to be,
            and says what callers may ask.
        resident: what can answer again at once, see `back`; None for nothing.
        parking: those who wait while `live` is parked.
    """

    def __init__(self, name: str, limits: Callable[[], Limits]) -> None:
        self.name = name
        self.phase = ModelPhase.LOADING
        self.live: Live | None = None
        self.resident: Live | None = None
        self.trouble: Trouble | None = None
        self.since_utc: str | None = None
        self.sequences = Sequences(
            name, limit=limits().max_sequences, idle_s=limits().sequence_idle_s
        )
        self.parking = Parking(name, limits, self._refused, self._comes)
        self._limits = limits
        self._observed: tuple[str, Observer] | None = None
        self._wake: Callable[[], None] | None = None

    # --- what answers ------------------------------------------------------------

    def switch(self, prepared: Live, *, keep: str | None, at_utc: str) -> None:
        """Let a release answer from this instant on; see `Registry.switch`."""
        had = [live for live in (self.live, self.resident) if live is not None]
        self.resident = next(
            (live for live in had if live.digest == keep and not live.is_closed), None
        )
        self._answer_by(prepared, at_utc)
        for live in had:
            if live is not self.resident:
                live.retire()

    def back(self, at_utc: str) -> bool:
        """Let the resident one answer again; tell whether there was one.

        Sequences that are open on the other one end: it is bad.
        """
        bad, resident = self.live, self.resident
        if resident is None:
            return False
        self.resident = None
        self._answer_by(resident, at_utc)
        if bad is not None:
            self.sequences.end_on(bad)
            bad.retire()
        return True

    def let_go(self) -> None:
        """Close the resident one, if there is one, as soon as nobody uses it."""
        resident, self.resident = self.resident, None
        if resident is not None:
            resident.retire()

    def unload(self) -> bool:
        """Stop answering and give the memory back; tell whether it was loaded."""
        old = self._leave()
        self.phase, self.trouble = ModelPhase.UNLOADED, None
        self.let_go()
        self.sequences.end_all()
        if old is not None:
            old.retire()
        self.parking.release()
        return old is not None

    def refusal(self, version: str | None) -> EdgedError:
        """Say why it does not answer at all, or not in this version."""
        if self.live is None:
            load = f"edgectl models load {self.name}"
            return NotReady(
                f"cannot use {self.name}: {_why_not(self)}",
                hint=self.trouble.hint if self.trouble else load,
            )
        return UnknownVersion(
            f"cannot find version {version!r} of {self.name}: {self.live.version} is "
            "the live one",
            hint=f"ask for version {self.live.version}, or for none",
            live=self.live.version,
        )

    def fail(self, error: EdgedError) -> bool:
        """Say why it does not answer, unless it does; tell whether that is news."""
        if self.live is None:
            self.phase = ModelPhase.FAILED
            self.trouble = Trouble(
                code=error.code, text=error.message, hint=error.hint, model=self.name
            )
        return self.live is None

    def observe(self, observer: Observer | None) -> None:
        """Tell the runs of what is live, also when it is loaded again."""
        self._observed = None
        if self.live is not None:
            self.live.ear.listen(observer)
            if observer is not None:
                self._observed = self.live.digest, observer

    def status(self) -> ModelStatus:
        """Describe it."""
        live = self.live
        if live is None:
            return ModelStatus(name=self.name, phase=self.phase, problem=self.trouble)
        is_asleep = self.phase is ModelPhase.ASLEEP
        return ModelStatus(
            name=self.name,
            phase=self.phase,
            version=live.version,
            seq=live.seq,
            since_utc=self.since_utc,
            requests=live.stats.success.count + live.stats.fail.count,
            failures=live.stats.fail.count,
            inflight=live.scheduler.inflight + len(self.parking),
            waiting=live.scheduler.waiting + len(self.parking),
            variants=live.variant_statuses(),
            chosen=None if is_asleep else live.chooser.usual,
            problem=self.trouble,
        )

    # --- an exchange -------------------------------------------------------------

    async def park(self) -> None:
        """Close what is live, and let requests wait; see `Registry.park`."""
        live = self.live
        if live is None or live.is_parked:
            return
        live.is_parked = True
        self.sequences.end_all()
        try:
            await self._empty(live, self._limits().default_timeout_s)
            await self._close(live)
        except BaseException:
            self._go_on(live)
            raise

    async def _empty(self, live: Live, within_s: float) -> None:
        """Wait until nobody uses what is loaded.

        Raises:
            Busy: somebody uses it too long.
        """
        try:
            async with asyncio.timeout(within_s):
                for loaded in (live, self.resident):
                    if loaded is not None:
                        await loaded.emptied()
        except TimeoutError as error:
            raise Busy(
                f"cannot exchange {self.name}: a run of it has not ended for "
                f"{within_s:g} s",
                retry_after_s=within_s,
                hint="try again later; if that does not help: systemctl restart edged",
            ) from error

    async def _close(self, live: Live) -> None:
        """Close what is loaded, and wait for the memory.

        Raises:
            NotReady: the model was unloaded meanwhile.
        """
        if self.live is not live:
            raise NotReady(
                f"cannot exchange {self.name}: it was unloaded meanwhile",
                hint=f"edgectl models load {self.name}",
            )
        resident, self.resident = self.resident, None
        live.ear.listen(None)
        # At once, or a request that insists on the resident one could come between.
        closing = [one.close_now() for one in (live, resident) if one is not None]
        for closed in closing:
            await asyncio.shield(asyncio.wrap_future(closed))

    def _go_on(self, live: Live) -> None:
        """Serve on with what was to be parked, if it is still there."""
        live.is_parked = False
        if live.is_closed and self.live is live:  # cut off while it closed
            self.live = None
            self.phase, self.trouble = ModelPhase.UNLOADED, None
        self.parking.release()

    def unpark(self, error: EdgedError) -> None:
        """Say that nothing could be loaded; those who wait are told so."""
        if self.live is not None and self.live.is_parked:
            self._leave()
            self.fail(error)
            self.parking.release()

    def obey(self) -> None:
        """Let what is loaded do as holds from now on."""
        for live in (self.live, self.resident):
            if live is not None:
                live.obey()

    # --- sleep -------------------------------------------------------------------

    async def sleep(self, wake: Callable[[], None]) -> None:
        """Give the memory back and stay ready: the next request calls `wake`, once.

        Call only while what is live is idle, and no other release is at hand. It is
        parked from now on; `switch`, `unpark` or `turn_away` must follow `wake`.
        """
        live = self.live
        if live is None or live.is_parked or not live.is_idle or self.resident:
            raise AssertionError(f"{self!r} cannot sleep")
        live.is_parked, self._wake = True, wake
        self.phase = ModelPhase.ASLEEP
        live.ear.listen(None)
        await asyncio.shield(asyncio.wrap_future(live.close_now()))

    def kept(self, digest: str) -> ModelStats | None:
        """Return what was counted of a release that sleeps, for when it wakes up."""
        live = self.live
        if live is None or self.phase is not ModelPhase.ASLEEP:
            return None
        return live.stats if live.digest == digest else None

    def turn_away(self, error: EdgedError, wake: Callable[[], None]) -> None:
        """Sleep on: tell those who wait why; the next request calls `wake` again."""
        if self.phase is ModelPhase.ASLEEP:
            self._wake = wake
            self.parking.turn_away(error)

    def _comes(self, request: InferRequest) -> None:
        """Hold a request against what is known of a release that sleeps; wake it.

        Raises:
            InvalidTensor, LowPriority, QueueFull: it is not worth a load.
        """
        live = self.live
        if live is None or self.phase is not ModelPhase.ASLEEP:
            return
        check(request, live)
        check_priority(request, live)
        admission.check_room(
            self.name, inflight=len(self.parking), limit=live.caps.queue, run_s=0.0
        )
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    # --- small steps -------------------------------------------------------------

    def _answer_by(self, live: Live, at_utc: str) -> None:
        self._leave()
        live.obey()  # other things may hold than when it was loaded
        live.unused_s = time.monotonic()
        self.live = live
        self.phase = ModelPhase.READY
        self.since_utc = at_utc
        self.trouble = _lame(live)
        if self._observed is not None and self._observed[0] == live.digest:
            live.ear.listen(self._observed[1])
        self.parking.release()

    def _leave(self) -> Live | None:
        """Let nothing answer; return what did."""
        old, self.live, self._wake = self.live, None, None
        if old is not None:
            old.ear.listen(None)
            old.is_parked = False
        return old

    def _refused(self, code: str) -> None:
        if self.live is not None:
            self.live.stats.refused(code)

    def __repr__(self) -> str:
        return f"{self.name} {self.phase.value}: {self.live or self.trouble}"


def unknown(name: str, known: tuple[str, ...]) -> UnknownModel:
    """Say that nothing of a name is installed."""
    there = f"installed are {', '.join(known)}" if known else "none is installed"
    return UnknownModel(
        f"cannot find model {name!r}: {there}",
        hint="edgectl models list" if known else "edgectl install PATH",
    )


def _why_not(model: Model) -> str:
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
