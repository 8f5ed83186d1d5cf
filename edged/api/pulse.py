"""The pulse: what is told without being asked.

Law: a service. At each change of a model, and now and then, the status goes to the
snapshot that `edgectl status` reads when nobody answers, and to `systemctl status`.
The watchdog is fed only while every owner still moves. A snapshot that cannot be
written is a warning, once; serving goes on.
"""

import asyncio
import gc
import logging
from collections.abc import Callable
from functools import partial
from operator import ne
from pathlib import Path

import msgspec

from edged.api.board import Board, line
from edged.errors import StoreFailed
from edged.host.files import Files, Site
from edged.host.notify import Notifier
from edged.runtime.memory import give_back
from edged.watch import Owned, Watch
from edged.wire.messages import Phase

logger = logging.getLogger(__name__)

#: How old a snapshot can be: young enough to trust its figures, rare enough that an
#: idle box sleeps.
SNAPSHOT_S = 10.0


class Pulse:
    """Writes the snapshot, talks to the service manager."""

    name = "pulse"

    def __init__(
        self,
        *,
        board: Board,
        revision: Watch[int],
        snapshot: Path,
        files: Files,
        notifier: Notifier,
    ) -> None:
        self._board = board
        self._revision = revision
        self._snapshot = snapshot
        self._files = files
        self._notifier = notifier
        self._failed = False

    async def run(self, ready: Callable[[], None]) -> None:
        """Beat until cancelled, then say the last word."""
        interval_s = self._notifier.watchdog_interval_s()
        period_s = min(SNAPSHOT_S, interval_s or SNAPSHOT_S)
        self.tell()
        ready()
        try:
            while True:
                seen = self._revision.value
                try:
                    async with asyncio.timeout(period_s):
                        await self._revision.until(partial(ne, seen))
                except TimeoutError:
                    pass
                if interval_s is not None and self._board.beats:
                    self._notifier.watchdog()
                self.tell()
        finally:
            self.tell()

    def tell(self) -> None:
        """Write the snapshot and the status line now."""
        told = self._board.status()
        self._notifier.status(line(told))
        try:
            self._files.write_atomic(
                Site.STATUS_SNAPSHOT, self._snapshot, msgspec.json.encode(told)
            )
            self._failed = False
        except StoreFailed as error:
            if not self._failed:
                logger.warning(
                    "%s; edgectl status will be blind when we are dead",
                    error,
                    extra={"edged_code": error.code},
                )
            self._failed = True


class Announcer:
    """The last service to start and the first to end: it says so."""

    name = "announcer"

    def __init__(
        self, phase: Owned[Phase], notifier: Notifier, board: Board, pulse: Pulse
    ) -> None:
        self._phase = phase
        self._notifier = notifier
        self._board = board
        self._pulse = pulse

    async def run(self, ready: Callable[[], None]) -> None:
        """Say READY, and before anything else ends, STOPPING."""
        self._phase.set(Phase.READY)
        give_back()
        # What lives now lives for good: later collections need not walk it.
        gc.freeze()
        told = self._board.status()
        self._notifier.ready(line(told))
        logger.info("%s; listening on %s", line(told), ", ".join(self._board.sockets))
        self._pulse.tell()
        ready()
        try:
            await asyncio.Event().wait()  # the way out is cancellation
        finally:
            self._phase.set(Phase.DRAINING)
            self._notifier.stopping()
            self._pulse.tell()
            logger.info("stopping: finishing what is under way")
