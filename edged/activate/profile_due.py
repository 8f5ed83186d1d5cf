"""When a profile is made that nobody asked for.

Law: a live release is due that has none, or whose live traffic contradicts it for
long; never one whose last try is not long ago. It is made while nobody asks any model
anything, no release is being tried, and neither battery nor load speak against it. On
the loop; nothing is polled while nothing is due but live traffic, once an hour.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Generic

import msgspec

from edged.activate import profiling
from edged.activate.passage import Passage
from edged.activate.profile_shelf import ProfileShelf
from edged.activate.swapper import P
from edged.activate.workshop import Workshop
from edged.errors import Draining, EdgedError


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How patient it is.

    Attributes:
        quiet_s: without a request before a profile begins.
        look_s: between two looks at what live traffic says.
        lasting_s: for which it must contradict a profile.
        rest_s: after a profile before the same release has another.
        again_s: after one that was broken off.
    """

    quiet_s: float = 120.0
    look_s: float = 3600.0
    lasting_s: float = 3600.0
    rest_s: float = 86400.0
    again_s: float = 900.0


class Due(Generic[P]):
    """Tells whose turn it is.

    Args:
        shop: the tools.
        passage: whose trials come first.
        shelf: what is known.
        objection: says what speaks against it, empty for nothing. Blocks.
        pace: see `Pace`.
    """

    def __init__(
        self,
        shop: Workshop[P],
        passage: Passage[P],
        shelf: ProfileShelf[P],
        *,
        objection: Callable[[], str],
        pace: Pace,
    ) -> None:
        self._shop = shop
        self._passage = passage
        self._shelf = shelf
        self._objection = objection
        self._pace = pace
        self._rests: dict[str, float] = {}  # until when, by digest
        self._contradicted: dict[str, float] = {}  # since when, by digest

    async def until_news(self) -> str | None:
        """Wait until a model is due on an idle box, or something has happened.

        Returns:
            The model; None for news of another kind.
        """
        seen = self._shop.revision.value
        due = await self._next()
        before = self._shelf.activity()
        wait_s = self._pace.look_s if due is None else self._pace.quiet_s
        try:
            async with asyncio.timeout(wait_s):
                await self._shop.revision.until(lambda revision: revision != seen)
        except TimeoutError:
            if due is None or self.disturbed(before):
                return None
            return None if await self._shop.look(self._objection) else due
        return None

    def disturbed(self, before: profiling.Activity) -> str:
        """Say what happened that breaks off a profile that nobody asked for.

        Args:
            before: what models had been asked when all was quiet.
        """
        if self._passage.is_busy:
            return "a release is being tried"
        return "models are asked" if self._shelf.activity() != before else ""

    def ended(self, digest: str, *, whole: bool) -> None:
        """Note that a release was profiled, or that this was broken off."""
        now_s = time.monotonic()
        self._rests = {d: until for d, until in self._rests.items() if until > now_s}
        self._rests[digest] = now_s + (
            self._pace.rest_s if whole else self._pace.again_s
        )
        self._contradicted.pop(digest, None)

    async def _next(self) -> str | None:
        swapper = self._shop.swapper
        for status in swapper.statuses():
            digest = swapper.serves(status.name)
            if digest is None or time.monotonic() < self._rests.get(digest, 0.0):
                continue
            if await self._is_due(status.name, digest):
                return status.name
        return None

    async def _is_due(self, name: str, digest: str) -> bool:
        shop, shelf = self._shop, self._shelf
        try:
            release = await shop.look(lambda: shelf.live(name))
            proof = await shop.look(lambda: shop.proof_of(release))
        except Draining:
            raise
        except EdgedError:  # `status` says it
            return False
        if proof is None or not proof.fit or release.digest != digest:
            return False
        if proof.profiled is None:
            return True
        if not profiling.contradicts(shelf.lately(release, proof)):
            self._contradicted.pop(digest, None)
            return False
        now_s = time.monotonic()
        since_s = self._contradicted.setdefault(digest, now_s)
        return now_s - since_s >= self._pace.lasting_s
