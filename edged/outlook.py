"""How the box is doing, as far as updates must know: the governor's word, in theirs.

Law: whoever looks at the sensors for all is heard. `edged-updater` hears him through
the daemon's socket and waits for his news there; while no daemon answers it looks by
itself, now and then. Readers see a change, and coarse values, so that nothing is
decided anew for a tenth of a degree.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edged.adapt.headroom import LIMIT_C
from edged.adapt.heat import hottest
from edged.adapt.sensed import Sensed
from edged.adapt.sensors import Sensors
from edged.client.control import Control
from edged.errors import EdgedError
from edged.host.power_supply import Source
from edged.update.offers import Conditions
from edged.watch import Owned, Watch
from edged.wire.adapt import Adaptation, Permits, StrategyRequest
from edged.wire.endpoints import STRATEGY

#: Between two looks of our own: a battery and a heat sink are slower.
PERIOD_S = 60.0
#: How long the daemon is asked to wait for news.
NEWS_S = 30.0

#: So near to its limit a box is too hot for more work, until it is clear of it by
#: twice as much.
NEAR_C = 5.0

#: A charge is told in steps.
_STEP_PCT = 5


class Outlook:
    """A service: beside the governor.

    Args:
        permits: his word.

    Attributes:
        watch: the same for updates.
    """

    name = "outlook"

    def __init__(self, permits: Watch[Permits]) -> None:
        self._permits = permits
        self._owned = Owned(permitted(permits.value))
        self.watch = self._owned.watch

    async def run(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled; see `lifecycle.Service`."""
        known = self._permits.value
        self._owned.set(permitted(known))
        ready()
        while True:
            known = await self._permits.until(lambda now: now is not known)  # noqa: B023  # awaited here
            self._owned.set(permitted(known))


class FarOutlook:
    """A service: from another process.

    Args:
        control: a client of the daemon's control socket.
        root: what stands for `/` where we look by ourselves.
        period_s: between two such looks.

    Attributes:
        watch: what was heard, or found.
    """

    name = "outlook"

    def __init__(
        self, control: Control, root: Path = Path("/"), *, period_s: float = PERIOD_S
    ) -> None:
        self._control, self._sensors = control, Sensors(root)
        self._period_s = period_s
        self._owned = Owned(Conditions())
        self.watch = self._owned.watch

    async def run(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled; see `lifecycle.Service`."""
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="outlook")
        known = -1
        try:
            while True:
                try:
                    told = await loop.run_in_executor(thread, self._ask, known)
                except EdgedError:  # who runs models is away: that is told elsewhere
                    look = await loop.run_in_executor(thread, self._sensors.read)
                    self._set(conditions(look.sensed, before=self.watch.value))
                    ready()
                    known = -1
                    await asyncio.sleep(self._period_s)
                else:
                    known = told.revision
                    self._set(permitted(told.permits))
                    ready()
        finally:
            # Not waited for: the daemon, or a driver, may keep it for a while.
            thread.submit(self._control.close)
            thread.shutdown(wait=False)

    def _ask(self, known: int) -> Adaptation:
        request = StrategyRequest(known=known, wait_s=NEWS_S if known >= 0 else 0.0)
        return self._control.call(STRATEGY, request)

    def _set(self, found: Conditions) -> None:
        if found != self.watch.value:
            self._owned.set(found)


def permitted(permits: Permits) -> Conditions:
    """Say what updates must know of what the governor permits."""
    return Conditions(
        battery_pct=permits.battery_pct,
        on_mains=permits.on_mains,
        hot=permits.hot,
        metered=permits.metered,
        errands=permits.errands,
        strategy=permits.strategy,
    )


def conditions(sensed: Sensed, *, before: Conditions) -> Conditions:
    """Say what updates must know of a look at the box.

    Args:
        sensed: the look.
        before: what was said last; a box that was hot must have cooled down.
    """
    power, heat = sensed.power, hottest(sensed.heats, otherwise_c=LIMIT_C)
    pct = power.capacity_pct
    hot = None
    if heat is not None:
        room_c = (heat.limit_c or LIMIT_C) - heat.temp_c
        hot = room_c <= (2 * NEAR_C if before.hot else NEAR_C)
    is_known = power.source is not Source.UNKNOWN
    return Conditions(
        battery_pct=None if pct is None else float(pct // _STEP_PCT * _STEP_PCT),
        on_mains=power.source is Source.MAINS if is_known else None,
        hot=hot,
        metered=sensed.metered,
    )
