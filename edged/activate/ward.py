"""Releases in probation: watched, then committed or gone back from.

Law: the predecessor answers again before the disk is asked anything but to keep the
intent. What cannot be gone back from is kept and told. Verbs are called while
`shop.turn` is held, unless they say otherwise.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic

from edged.activate import probation
from edged.activate.probation import Baseline, Probation, Trip, baseline
from edged.activate.records import about, log_live
from edged.activate.swapper import P
from edged.activate.watchman import Watched
from edged.activate.workshop import Workshop
from edged.errors import Conflict, Draining, EdgedError, Rejected
from edged.store.releases import Release
from edged.wire.changes import EDGED, Change, Step
from edged.wire.proofs import Proof

_log = logging.getLogger(__name__)

#: Until what the disk refused is tried again.
AGAIN_S = 60.0

Later = Callable[[Coroutine[Any, Any, None]], None]


class Ward(Generic[P]):
    """All models in probation.

    Args:
        shop: the tools.
        rules: of probation.
        threads: of a run in the daemon: which of a proof's costs to compare with.
        later: runs something of ours in a task of its own.
    """

    def __init__(
        self, shop: Workshop[P], rules: probation.Rules, *, threads: int, later: Later
    ) -> None:
        self.rules = rules
        self._shop = shop
        self._threads = threads
        self._later = later
        self._open: dict[str, Change] = {}
        self._watches: dict[str, Watched] = {}

    # --- looking; also without the turn ------------------------------------------

    def watched(self, name: str) -> Change | None:
        """Return the change whose release is linked as live and not committed."""
        return self._open.get(name)

    def left(self, name: str) -> str:
        """Say what a release in probation still has to do; empty without one."""
        watch = self._watches.get(name)
        return watch.left() if watch else ""

    # --- watching ----------------------------------------------------------------

    def watch(
        self,
        change: Change,
        release: Release,
        proof: Proof | None,
        *,
        failures: float = 0.0,
    ) -> None:
        """Watch the release of a change, from the instant at which it is live.

        Args:
            change: that brought it.
            release: what answers.
            proof: what it is held against; None where there is none: then its time is
                not judged.
            failures: share of its predecessor's runs that failed.
        """
        name = change.model
        self.pause(name)
        against = Baseline(failures=failures)
        if proof is not None:
            against = baseline(
                proof,
                release.manifest.signature,
                threads=self._threads,
                failures=failures,
            )
        watch = Watched(
            Probation(self.rules, against, began_s=time.monotonic()),
            duration_s=self.rules.duration_s,
            tripped=lambda trip: self._later(self._tripped(change.id, name, trip)),
            good=lambda: self._later(self._passed(change.id, name)),
        )
        self._open[name], self._watches[name] = change, watch
        self._shop.swapper.observe(name, watch.observe)

    def goes_on(self, change: Change) -> None:
        """Take over a change that has gone a step further."""
        self._open[change.model] = change

    def pause(self, name: str) -> None:
        """Look at no more runs; the change stays open, and so does the way back."""
        watch = self._watches.pop(name, None)
        if watch is not None:
            watch.end()
            self._shop.swapper.observe(name, None)

    def forget(self, name: str) -> None:
        """Have nothing to do with it any more: another one is live, or none."""
        self.pause(name)
        self._open.pop(name, None)

    # --- the end -----------------------------------------------------------------

    async def commit(self, change: Change, why: str) -> None:
        """Count a release as good: nothing of its predecessor stays in memory."""
        shop, name = self._shop, change.model
        self.pause(name)
        await shop.step(change, Step.COMMITTED, why=why)
        self.forget(name)
        shop.swapper.let_go(name)
        await shop.work(lambda: shop.tidy(name))

    async def roll_back(self, change: Change, trip: Trip, *, by: str) -> Release:
        """Go back from a release in probation; return the one that is live again.

        What fails half-way can be asked for again: it goes on where it was.

        Raises:
            Conflict: there is none to go back to; nothing has changed.
            EdgedError: the old one cannot be brought back.
        """
        shop, name = self._shop, change.model
        places = shop.history.places(change.id)
        if places is None or places.current is None:
            raise Conflict(
                f"cannot roll {name} back: there is no release to go back to",
                hint=f"edgectl models show {name}",
            )
        home, before = places.current, places.previous
        release = await shop.work(lambda: shop.releases.described(name, home))
        self.pause(name)
        if change.last.step is not Step.ROLLING_BACK:
            change = await shop.step(
                change,
                Step.ROLLING_BACK,
                why=trip.why,
                code=Rejected.code,
                figures=trip.figures,
            )
            self.goes_on(change)
        if shop.swapper.serves(name) != release.digest and not shop.swapper.back(name):
            prepared = await shop.work(lambda: shop.prepare(release))
            shop.swapper.switch(prepared, condemns=True)
        await shop.work(lambda: shop.links.put_back(name, home, previous=before))
        await self.quarantine(change, trip.why, by=by)
        self.forget(name)
        log_live(release, f"is live again: {trip.why}")
        return release

    async def quarantine(self, change: Change, why: str, *, by: str) -> None:
        """Quarantine what a change brought; the links lead elsewhere already."""
        shop, left = self._shop, change.release
        if left is None:
            raise AssertionError("a change that is gone back from has a release")
        await shop.quarantine(change.model, left, by=by, why=why)
        await shop.step(change, Step.QUARANTINED, why=why, code=Rejected.code)

    # --- by ourselves, without the turn -------------------------------------------

    async def _tripped(self, number: int, name: str, trip: Trip) -> None:
        _log.warning("%s: %s", name, trip.why, extra=about(name, Rejected.code))
        async with self._shop.turn:
            change = self.watched(name)
            if change is None or change.id != number:
                return  # a person was faster
            try:
                await self.roll_back(change, trip, by=EDGED)
            except Conflict as error:
                await self.commit(change, f"kept: {trip.why}; {error.message}")
            except Draining:
                pass  # the next start goes on with it
            except EdgedError as error:
                # The disk may say no; callers need not get bad answers for that.
                self._shop.swapper.back(name)
                self._shop.trouble(error, name)
                self._later(self._again(self._tripped(number, name, trip)))

    async def _passed(self, number: int, name: str) -> None:
        async with self._shop.turn:
            change = self.watched(name)
            if change is None or change.id != number:
                return
            try:
                await self.commit(change, "its probation is over")
            except Draining:
                pass
            except EdgedError as error:
                self._shop.trouble(error, name)
                self._later(self._again(self._passed(number, name)))

    @staticmethod
    async def _again(work: Coroutine[Any, Any, None]) -> None:
        """Do it once more after a while: disks fill up, and are made room on."""
        try:
            await asyncio.sleep(AGAIN_S)
        except asyncio.CancelledError:
            work.close()
            raise
        await work
