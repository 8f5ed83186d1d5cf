"""Releases in probation: watched, then committed or gone back from.

Law: the predecessor answers again before the disk is asked anything but to keep the
intent. What cannot be gone back from is kept and told. Verbs are called while
`shop.turn` is held, unless they say otherwise.
"""

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic

from edged.activate import probation
from edged.activate.probation import Probation, Trip, baseline
from edged.activate.records import about, log_live
from edged.activate.swapper import P
from edged.activate.watchman import Watched
from edged.activate.workshop import Workshop
from edged.errors import Conflict, Draining, EdgedError, Rejected
from edged.store.releases import Release
from edged.wire.changes import EDGED, Change, Step
from edged.wire.proofs import Proof

_log = logging.getLogger(__name__)

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
        self._watched: dict[str, tuple[Change, Watched]] = {}

    # --- looking; also without the turn ------------------------------------------

    def watched(self, name: str) -> Change | None:
        """Return the change whose release is live and in probation."""
        watched = self._watched.get(name)
        return watched[0] if watched else None

    def left(self, name: str) -> str:
        """Say what a release in probation still has to do; empty without one."""
        watched = self._watched.get(name)
        return watched[1].left() if watched else ""

    # --- watching ----------------------------------------------------------------

    def watch(
        self, change: Change, release: Release, proof: Proof, *, failures: float = 0.0
    ) -> None:
        """Watch the release of a change, from the instant at which it is live.

        Args:
            change: that brought it.
            release: what answers.
            proof: what it is held against.
            failures: share of its predecessor's runs that failed.
        """
        name = change.model
        self.forget(name)
        against = baseline(
            proof, release.manifest.signature, threads=self._threads, failures=failures
        )
        watched = Watched(
            Probation(self.rules, against, began_s=time.monotonic()),
            duration_s=self.rules.duration_s,
            tripped=lambda trip: self._later(self._tripped(change.id, name, trip)),
            good=lambda: self._later(self._passed(change.id, name)),
        )
        self._watched[name] = (change, watched)
        self._shop.swapper.observe(name, watched.observe)

    def goes_on(self, change: Change) -> None:
        """Take over a change that has gone a step further."""
        _, watched = self._watched[change.model]
        self._watched[change.model] = (change, watched)

    def forget(self, name: str) -> Change | None:
        """Watch it no longer; return the change that is thereby open."""
        change, watched = self._watched.pop(name, (None, None))
        if watched is not None:
            watched.end()
            self._shop.swapper.observe(name, None)
        return change

    # --- the end -----------------------------------------------------------------

    async def commit(self, change: Change, why: str) -> None:
        """Count a release as good: nothing of its predecessor stays in memory."""
        shop, name = self._shop, change.model
        self.forget(name)
        await shop.step(change, Step.COMMITTED, why=why)
        shop.swapper.let_go(name)
        await shop.work(lambda: shop.tidy(name))

    async def roll_back(self, change: Change, trip: Trip, *, by: str) -> Release:
        """Go back from a release in probation; return the one that is live again.

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
        self.forget(name)
        change = await shop.step(
            change,
            Step.ROLLING_BACK,
            why=trip.why,
            code=Rejected.code,
            figures=trip.figures,
        )
        if not shop.swapper.back(name):
            prepared = await shop.work(lambda: shop.prepare(release))
            shop.swapper.switch(prepared)
        await shop.work(lambda: shop.links.put_back(name, home, previous=before))
        await self.quarantine(change, trip.why, by=by)
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
