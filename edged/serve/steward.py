"""The service that lets models do as the strategy in force says, and as memory allows.

Law: it waits for what holds to change, and for nothing else while every rung is in
memory. What is not known of memory changes nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from edged.adapt.regime import Regime
from edged.errors import EdgedError
from edged.host.headroom import available_bytes, total_bytes
from edged.serve.fitting import Fitting
from edged.serve.ladder import Rung
from edged.serve.live import Live
from edged.serve.registry import Registry
from edged.watch import Watch
from edged.wire.release import Variant

_log = logging.getLogger(__name__)

#: Headroom of memory at which rungs go, and above which they may come back: a tenth
#: and three twentieths of it are available.
SHORT, EASED = 0.25, 0.5

#: Memory has not been short for so long before a rung comes back.
EASE_S = 60.0

#: Between two looks while a rung is away or to go: whoever used none since the last
#: one does not need it now.
LOOK_S = 10.0


class Steward:
    """A service.

    Args:
        registry: of the models.
        regime: what holds.
        ease_s: how long memory must not be short before a rung comes back.
        look_s: between two looks while a rung is away.
    """

    name = "steward"

    def __init__(
        self,
        registry: Registry,
        regime: Watch[Regime],
        *,
        ease_s: float = EASE_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._registry = registry
        self._regime = regime
        self._ease_s = ease_s
        self._look_s = look_s
        self._eased_s: float | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ladder")
        self._fitting = Fitting(registry, self._load, look_s=look_s)

    async def run(self, ready: Callable[[], None]) -> None:
        """Follow what holds until cancelled."""
        regime = self._regime.value
        self._registry.obey(regime)
        ready()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(regime))
                group.create_task(self._house())
                group.create_task(self._fitting.run())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _follow(self, regime: Regime) -> None:
        while True:
            before = regime
            regime = await self._regime.until(lambda now: now is not before)  # noqa: B023  # waited for at once
            self._registry.obey(regime)
            if (regime.strategy, regime.by) != (before.strategy, before.by):
                self._registry.touch()  # a warmer box is no news
            self._fitting.look_again()

    # --- memory ------------------------------------------------------------------

    async def _house(self) -> None:
        """Keep in memory what there is room for."""
        while True:
            regime = self._regime.value
            is_settled = await self._look(regime.memory.value)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if is_settled else self._look_s):
                    await self._regime.until(lambda now: now is not regime)  # noqa: B023  # waited for at once

    async def _look(self, room: float | None) -> bool:
        """Let rungs go or bring one back; tell whether nothing is left to be done."""
        lives = self._registry.loaded()
        is_short = room is not None and room <= SHORT
        if is_short:
            for live in lives:
                live.spare()
        if is_short or room is None or room < EASED:
            self._eased_s = None
        elif self._eased_s is None:
            self._eased_s = time.monotonic()
        elif time.monotonic() - self._eased_s >= self._ease_s:
            for live in lives:
                await self._bring_back(live)
        for live in lives:
            live.bury()
        return not is_short and not any(live.residence.is_stirred for live in lives)

    async def _bring_back(self, live: Live) -> None:
        """Bring back one rung, if there is one and it fits."""
        variant = live.residence.wanted()
        if variant is None or live.is_closed or live.is_parked:
            return
        lacks = live.residence.lacks(
            variant, available=available_bytes(), total=total_bytes()
        )
        if lacks:
            live.residence.refuse(variant, lacks)
            return
        live.hold()  # it must not close under the one that loads
        try:
            rung = await self._load(live, variant)
        except EdgedError as error:
            live.residence.fail(variant, error.message)
            _log.warning(
                "%s: %s does not come back: %s",
                *(live.name, variant.id, error.message),
                extra={"edged_model": live.name, "edged_code": error.code},
            )
        else:
            live.bring_back(rung)
            self._registry.touch()
            _log.info("%s: %s is in memory again", live.name, variant.id)
        finally:
            live.let_go(used=False)

    async def _load(self, live: Live, variant: Variant) -> Rung:
        """Load a rung and warm it up, one at a time.

        Raises:
            BadModel: see `Residence.load`.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, live.residence.load, variant)
