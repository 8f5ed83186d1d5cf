"""The strategy's owner: looks, decides, and says what changed and why.

Law: nobody else looks at the sensors or writes the strategy. A look is taken in a
thread; one that hangs leaves the box blind, and a blind box keeps its strategy. All
else is on the loop. A person's choice stands until it expires, over reloads, too.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from edged.adapt import words
from edged.adapt.chronicle import NOTICES, Chronicle
from edged.adapt.regime import Regime
from edged.adapt.sensors import Readings, Sensors
from edged.adapt.sight import Sight, blind
from edged.adapt.strategy import Force, Standing, decide, ruling
from edged.errors import NotReady
from edged.host.clock import Clock
from edged.watch import Owned
from edged.wire.adapt import (
    Adaptation,
    Axis,
    Caps,
    Errand,
    ForceRequest,
    Permits,
    Strategy,
    StrategyChanges,
    StrategyChangesRequest,
    StrategyRequest,
    StrategyState,
)
from edged.wire.messages import Nothing, Trouble
from edged.wire.notices import Notice
from edged.wire.words import utc_text

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: A look takes a millisecond; a start waits no longer than this for the first one.
FIRST_S = 2.0
#: A look that takes longer hangs in a driver.
STUCK_S = 10.0
#: A charge is told in steps.
_STEP_PCT = 5


class Governor:
    """A service, and the verbs of the strategy.

    Args:
        table: the caps of every strategy.
        sensors: of the box; they are looked at in one thread, ours.
        clock: for waits, and for dates that people read.

    Attributes:
        watch: what holds, for who adapts.
        permits: what may be done for updates.
    """

    name = "governor"

    def __init__(
        self, table: Mapping[Strategy, Caps], sensors: Sensors, clock: Clock
    ) -> None:
        self._table, self._sensors, self._clock = table, sensors, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sensors")
        self._sight, self._seen = Sight(), blind("nobody has looked yet")
        self._looked_s: float | None = None
        self._is_stuck = False
        now_s = clock.monotonic()
        self._standing = Standing(since_s=now_s)
        self._force: Force | None = None
        self._ruling = ruling(self._standing, None, now_s=now_s)
        self._chronicle = Chronicle(clock)
        self._nudged = asyncio.Event()
        self._regime = Owned(self._held())
        self._permitted = Owned(self._permits())
        self._revision = Owned(0)
        self.watch, self.permits = self._regime.watch, self._permitted.watch

    def __repr__(self) -> str:
        return f"{self._ruling.strategy.value}: {self._ruling.because}"

    # --- life --------------------------------------------------------------------

    async def run(self, ready: Callable[[], None]) -> None:
        """Look until cancelled; see `lifecycle.Service`."""
        loop, wait_s = asyncio.get_running_loop(), FIRST_S
        try:
            while True:
                look = loop.run_in_executor(self._thread, self._sensors.read)
                while not look.done():
                    await asyncio.wait([look], timeout=wait_s)
                    if not look.done():
                        self._go_blind()
                    ready()
                    wait_s = STUCK_S
                self._take(look.result())
                ready()
                await self._rest()
        finally:
            # Not waited for: it may hang in a driver.
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def look(self, then: Callable[[Readings], T]) -> T:
        """Look anew, for who asks; blocking work on what is found goes with it.

        Raises:
            NotReady: a driver does not answer.
        """
        loop = asyncio.get_running_loop()
        if not self._is_stuck:
            with suppress(TimeoutError):
                async with asyncio.timeout(STUCK_S):
                    return await loop.run_in_executor(
                        self._thread, lambda: then(self._sensors.read())
                    )
        raise NotReady(
            "cannot look at the sensors: a driver does not answer", hint="journalctl -k"
        )

    def obey(self, table: Mapping[Strategy, Caps]) -> None:
        """Take over changed settings."""
        self._table = table
        self._decide()
        self._nudged.set()

    async def _rest(self) -> None:
        """Wait for the next look; a choice that expires ends the wait."""
        now_s = self._clock.monotonic()
        until_s = now_s + self._caps.period_s
        if self._force is not None and self._force.until_s > now_s:
            until_s = min(until_s, self._force.until_s)
        self._nudged.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(until_s - now_s):
                await self._nudged.wait()

    def _take(self, look: Readings) -> None:
        """Take a look into account."""
        if self._is_stuck:
            _log.info("the sensors answer again")
        self._is_stuck, self._looked_s = False, look.sensed.at_s
        self._seen = self._sight.take(look.sensed)
        self._decide()

    def _go_blind(self) -> None:
        """Note that a look hangs: nothing is known until it ends."""
        if not self._is_stuck:
            _log.warning(
                "cannot look at the sensors: a driver does not answer",
                extra={"edged_code": Notice.SENSORS_STUCK.value},
            )
        self._is_stuck, self._seen = True, blind("the sensors do not answer")
        self._decide()

    # --- deciding ----------------------------------------------------------------

    @property
    def _caps(self) -> Caps:
        return self._table[self._ruling.strategy]

    def _decide(self) -> None:
        """Decide by what was seen last, and tell who reads it."""
        now_s, before = self._clock.monotonic(), self._ruling
        if self._force is not None and now_s >= self._force.until_s:
            self._force = None
        self._standing = decide(self._standing, self._seen.headrooms, now_s=now_s)
        now = ruling(self._standing, self._force, now_s=now_s)
        if (before.strategy, before.by) != (now.strategy, now.by):
            self._ruling = now
            self._chronicle.note(before, now, self._seen.headrooms)
        regime, permits = self._held(), self._permits()
        is_other = self._ruling is not before or permits != self.permits.value
        if regime.matters(self.watch.value):
            self._regime.set(regime)
        if permits != self.permits.value:
            self._permitted.set(permits)
        if is_other:
            self._tell()

    def _tell(self) -> None:
        """Wake who waits for news."""
        self._revision.set(self._revision.watch.value + 1)

    def _held(self) -> Regime:
        now, seen = self._ruling, self._seen
        return Regime(
            strategy=now.strategy,
            because=now.because,
            by=now.by,
            since_s=self._chronicle.since_s,
            caps=self._caps,
            table=self._table,
            fit=seen.fit,
            temp_c=seen.temp_c,
            limit_c=seen.limit_c,
            memory=seen.of(Axis.MEMORY),
        )

    def _permits(self) -> Permits:
        now, seen, errands = self._ruling, self._seen, self._caps.updates
        hot = None
        if seen.of(Axis.THERMAL).value is not None:
            is_by_heat = now.by is None and self._standing.axis is Axis.THERMAL
            hot = is_by_heat and Errand.DOWNLOAD not in errands
        pct = seen.battery_pct
        return Permits(
            errands=errands,
            strategy=f"{now.strategy.value} ({now.because})",
            hot=hot,
            battery_pct=None if pct is None else float(pct // _STEP_PCT * _STEP_PCT),
            on_mains=seen.on_mains,
            metered=seen.metered,
        )

    # --- what is told ------------------------------------------------------------

    def state(self) -> StrategyState:
        """Tell the strategy in force."""
        now, force, until_utc = self._ruling, self._force, None
        if force is not None:
            left_s = force.until_s - self._clock.monotonic()
            until_utc = utc_text(self._clock.utc() + timedelta(seconds=left_s))
        return StrategyState(
            strategy=now.strategy,
            because=now.because,
            since_utc=self._chronicle.since_utc,
            own=self._standing.strategy,
            forced=None if force is None else force.strategy,
            forced_until_utc=until_utc,
            by=now.by or "edged",
        )

    def told(self) -> Adaptation:
        """Tell everything, as of the last look."""
        seen, age_s = self._seen, None
        if self._looked_s is not None:
            age_s = round(self._clock.monotonic() - self._looked_s, 3)
        return Adaptation(
            revision=self._revision.watch.value,
            state=self.state(),
            short=words.short(self._standing, seen),
            caps=self._caps,
            permits=self.permits.value,
            headrooms=seen.headrooms,
            temp_c=seen.temp_c,
            limit_c=None if seen.temp_c is None else seen.limit_c,
            age_s=age_s,
        )

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What `status` says of a box that does not run as it could."""
        found = []
        if self._ruling.strategy is not Strategy.NORMAL:
            found.append(
                Trouble(
                    code=NOTICES[self._ruling.strategy].value,
                    text=words.headline(self._ruling, self._standing, self._seen),
                    hint="edgectl strategy auto" if self._ruling.by else "edgectl why",
                )
            )
        if self._is_stuck:
            found.append(
                Trouble(
                    code=Notice.SENSORS_STUCK.value,
                    text="cannot look at the sensors: a driver does not answer",
                    hint="journalctl -k",
                )
            )
        return tuple(found)

    async def strategy(self, request: StrategyRequest) -> Adaptation:
        """Tell what holds; where it is known already, when there is news of it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(request.wait_s):
                await self._revision.watch.until(lambda now: now != request.known)
        return self.told()

    async def changes(self, request: StrategyChangesRequest) -> StrategyChanges:
        """Tell the newest changes."""
        return StrategyChanges(changes=self._chronicle.newest(request.limit))

    @property
    def changed(self) -> Mapping[Strategy, int]:
        """How often it came to each strategy."""
        return self._chronicle.counts

    # --- what people say ---------------------------------------------------------

    async def force(self, request: ForceRequest, by: str) -> Adaptation:
        """Hold a strategy for a while, whatever the box would choose."""
        until_s = self._clock.monotonic() + request.for_s
        self._force = Force(strategy=request.strategy, until_s=until_s, by=by)
        _log.info(
            "strategy %s is wanted for %.0f s by %s",
            request.strategy.value,
            request.for_s,
            by,
        )
        self._decide()
        self._tell()
        self._nudged.set()
        return self.told()

    async def auto(self, request: Nothing, by: str) -> Adaptation:  # noqa: ARG002  # as every verb
        """Let edged choose again."""
        if self._force is not None:
            _log.info("edged chooses the strategy again, by %s", by)
        self._force = None
        self._decide()
        self._tell()
        self._nudged.set()
        return self.told()
