"""The service that listens: every door of the daemon, opened last and closed first.

Law: it serves until it is cancelled; then it drains, bounded by the drain timeout,
and only then closes what is left. Whoever wants callers to know in advance says so
(`ready` goes false) before cancelling it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from edged.api.connection import Limits
from edged.api.door import Door, Gate, open_gate
from edged.wire.notices import Notice

_log = logging.getLogger(__name__)


class Server:
    """Serves doors; see `lifecycle.Service`."""

    def __init__(self, doors: Sequence[Door], limits: Limits) -> None:
        self.name = f"doors {', '.join(door.name for door in doors)}"
        self._doors = tuple(doors)
        self._limits = limits
        self._gates: list[Gate] = []

    def __repr__(self) -> str:
        return "; ".join(map(repr, self._gates)) or "server, not yet open"

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; then drain."""
        async with asyncio.TaskGroup() as group:
            try:
                for door in self._doors:
                    self._gates.append(await open_gate(door, self._limits, group))
                ready()
                await asyncio.Event().wait()  # the way out is cancellation
            finally:
                await self._end()

    async def _end(self) -> None:
        for gate in self._gates:
            gate.begin_drain()
        try:
            async with asyncio.timeout(self._limits.drain_timeout_s):
                for gate in self._gates:
                    await gate.drained()
        except TimeoutError:
            _log.warning(
                "closing what is left at the drain timeout: %r",
                self,
                extra={"edged_code": Notice.DRAIN_TIMEOUT.value},
            )
        finally:
            for gate in self._gates:
                await gate.close()
