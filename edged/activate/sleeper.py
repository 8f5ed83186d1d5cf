"""Models that nobody asks give their memory back, and are loaded when somebody does.

Law: never in probation, while a change is under way, or while it is in use; all of it
under the turn of changes, and nothing of it in the journal: the same release answers
before and after. It waits until a model may be due, and polls nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Generic, Protocol

from edged.activate.agent import Agent
from edged.activate.forecast import needed_bytes
from edged.activate.opening import RETRY_S
from edged.activate.records import about
from edged.activate.swapper import P
from edged.adapt.regime import Regime
from edged.errors import Broken, Busy, EdgedError, NoMemory, NotReady
from edged.host.headroom import available_bytes
from edged.watch import Watch
from edged.wire.notices import Notice

_log = logging.getLogger(__name__)

#: "At once" is after so long: a model that is asked now and then stays, as a load costs
#: more than some seconds of memory.
FLOOR_S = 5.0

_MIB = 1 << 20


class Slumber(Protocol):
    """What is needed of the serving side; `serve.slumber` has it. On the loop."""

    def awake(self) -> Mapping[str, float | None]:
        """Return for how many seconds nobody asked each loaded model; None: in use."""

    async def sleep(self, name: str, wake: Callable[[], None]) -> None:
        """Let it sleep until somebody asks; then `wake` is called, once."""

    def turn_away(self, name: str, error: EdgedError, wake: Callable[[], None]) -> None:
        """Let it sleep on, and tell those who wait why."""


class Sleeper(Generic[P]):
    """A service.

    Args:
        agent: whose turn and whose way to load it is.
        slumber: the serving side.
        regime: what holds.
        floor_s: the shortest time, whatever the strategy says.
    """

    name = "sleeper"

    def __init__(
        self,
        agent: Agent[P],
        slumber: Slumber,
        regime: Watch[Regime],
        *,
        floor_s: float = FLOOR_S,
    ) -> None:
        self._agent = agent
        self._shop = agent.shop
        self._slumber = slumber
        self._regime = regime
        self._floor_s = floor_s
        self._news = asyncio.Event()
        self._failed: dict[str, tuple[float, NotReady]] = {}  # not to be tried until

    async def run(self, ready: Callable[[], None]) -> None:
        """Let models sleep when they are due; see `lifecycle.Service`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(self._regime, lambda _: self._after_s))
            group.create_task(self._follow(self._shop.swapper.revision, int))
            ready()
            while True:
                self._news.clear()
                left_s = await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self._news.wait()

    async def _follow(self, watch: Watch[Any], of: Callable[[Any], float]) -> None:
        """Say that there is news when what matters of a value has changed."""
        while True:
            seen = of(watch.value)
            await watch.until(lambda now: of(now) != seen)  # noqa: B023  # waited for at once
            self._news.set()

    @property
    def _after_s(self) -> float:
        return max(self._floor_s, self._regime.value.caps.idle_unload_s)

    # --- to sleep ----------------------------------------------------------------

    async def _look(self) -> float | None:
        """Let those sleep that are due; return when the next may be, None for never."""
        left: list[float] = []
        for name, idle_s in self._slumber.awake().items():
            after_s = self._after_s
            if idle_s is None:
                left.append(after_s)
            elif idle_s < after_s:
                left.append(after_s - idle_s)
            elif not await self._sleep(name):
                left.append(after_s)
        return min(left, default=None)

    async def _sleep(self, name: str) -> bool:
        """Let a model sleep, if it still may; tell whether it does."""
        async with self._shop.turn:
            idle_s, after_s = self._slumber.awake().get(name), self._after_s
            if idle_s is None or idle_s < after_s or self._is_changing(name):
                return False
            await self._slumber.sleep(name, partial(self._wake, name))
        _log.info(
            "%s sleeps: nobody asked it for %d s", name, idle_s, extra=about(name)
        )
        return True

    def _is_changing(self, name: str) -> bool:
        agent = self._agent
        is_pending = agent.passage.pending(name) is not None
        return is_pending or agent.ward.watched(name) is not None

    # --- to wake -----------------------------------------------------------------

    def _wake(self, name: str) -> None:
        self._agent.later(self._woken(name))

    async def _woken(self, name: str) -> None:
        shop = self._shop
        async with shop.turn:
            if name not in shop.swapper.names() or not shop.is_asleep(name):
                return  # a change was faster
            try:
                await self._check_room(name)
                await self._try(name)
            except Busy as error:
                _log.info("%s", error.message, extra=about(name, error.code))
                self._slumber.turn_away(name, error, partial(self._wake, name))
            except EdgedError as error:
                shop.swapper.unpark(name, error)
                shop.failed(name, error)
            except Exception:  # noqa: BLE001  # the top of a load: told to who waits
                _log.exception("a load failed", extra=about(name, Notice.BUG.value))
                bug = Broken(
                    f"cannot load {name}: a bug in edged; its log has it",
                    hint="journalctl -u edged",
                )
                shop.swapper.unpark(name, bug)

    async def _try(self, name: str) -> None:
        """Load a model; one that has just failed is not tried for a while.

        Raises:
            NotReady: not now.
            EdgedError: it cannot serve.
        """
        until_s, before = self._failed.get(name, (0.0, None))
        if before is not None and time.monotonic() < until_s:
            raise before
        try:
            await self._agent.opening.wake(name)
        except NotReady as error:
            self._failed[name] = (time.monotonic() + RETRY_S, error)
            self._shop.trouble(error, name)
            raise
        if self._failed.pop(name, None) is not None:
            self._shop.mended(name)

    async def _check_room(self, name: str) -> None:
        """Check that there is memory for a model, as far as its proof says.

        Raises:
            NoMemory: there is not, now.
        """
        shop = self._shop
        live = await shop.work(lambda: shop.shelf.whole_live(name))
        proof = await shop.work(lambda: shop.proof_of(live)) if live else None
        if proof is None:
            return
        needs, there = needed_bytes(proof), available_bytes()
        if needs > there:
            raise NoMemory(
                f"cannot load {name} again now: it needs {needs / _MIB:.0f} MiB, and "
                f"{there / _MIB:.0f} MiB are there",
                retry_after_s=RETRY_S,
                hint="free -m",
                needs=needs,
                available=there,
            )

    def __repr__(self) -> str:
        return f"after {self._after_s:g} s: {self._slumber!r}"
