"""How the box is doing, as far as a download must know.

Law: sensors are read now and then, in a thread, by a process that fetches and by no
other; readers see a change, and coarse values, so that nothing is decided anew for a
tenth of a degree.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edged.adapt.heat import hottest
from edged.adapt.sensed import Sensed
from edged.adapt.sensors import Sensors
from edged.host.power_supply import Source
from edged.update.offers import Conditions
from edged.watch import Owned

#: Between two looks: a battery and a heat sink are slower.
PERIOD_S = 60.0

#: The limit of a box that names none; a Raspberry Pi slows down from here.
LIMIT_C = 80.0

#: So near to its limit a box is too hot for more work, until it is clear of it by
#: twice as much.
NEAR_C = 5.0

#: A charge is told in steps.
_STEP_PCT = 5


class Outlook:
    """A service.

    Args:
        root: what stands for `/`.
        period_s: between two looks.

    Attributes:
        watch: what was found.
    """

    name = "outlook"

    def __init__(self, root: Path = Path("/"), *, period_s: float = PERIOD_S) -> None:
        self._sensors, self._period_s = Sensors(root), period_s
        self._owned = Owned(Conditions())
        self.watch = self._owned.watch

    async def run(self, ready: Callable[[], None]) -> None:
        """Look until cancelled; see `lifecycle.Service`."""
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="outlook")
        try:
            while True:
                look = await loop.run_in_executor(thread, self._sensors.read)
                found = conditions(look.sensed, before=self.watch.value)
                if found != self.watch.value:
                    self._owned.set(found)
                ready()
                await asyncio.sleep(self._period_s)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)


def conditions(sensed: Sensed, *, before: Conditions) -> Conditions:
    """Say what a download must know of a look at the box.

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
