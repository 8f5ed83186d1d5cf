"""What people may ask of the store and of changes.

Law: no effect. A long change keeps no question waiting.
"""

import asyncio
import logging
from typing import Generic

import msgspec

from edged.activate.records import about
from edged.activate.shelf import standing
from edged.activate.swapper import P
from edged.activate.ward import Ward
from edged.activate.workshop import Workshop
from edged.errors import NotReady, UnknownModel
from edged.wire.changes import (
    EDGED,
    Change,
    ChangeRequest,
    Changes,
    ChangesRequest,
    Step,
)
from edged.wire.messages import (
    FileSums,
    ModelDetail,
    ModelName,
    Nothing,
    ReleaseRef,
    Verified,
)
from edged.wire.names import Trust
from edged.wire.release import Manifest

_log = logging.getLogger(__name__)


class Window(Generic[P]):
    """Answers questions."""

    def __init__(self, shop: Workshop[P], ward: Ward[P]) -> None:
        self._shop = shop
        self._ward = ward

    async def verify(self, request: ModelName) -> Verified:
        """Hash every installed release of a model again; status tells what it found."""
        shop, name = self._shop, request.name
        verified = await shop.look(lambda: shop.shelf.verify(name))
        shop.mended(name)
        if verified.faults:
            first = verified.faults[0]
            shop.rotten(name, first)
            _log.warning("%s: %s", name, first.text, extra=about(name, first.code))
        return verified

    async def files(self, _request: Nothing) -> FileSums:
        """Tell the sha256 of every installed file: what need not be sent again."""
        return FileSums(sha256=await self._shop.look(self._shop.releases.sums))

    async def detail(self, request: ModelName) -> ModelDetail:
        """Describe one model: state, ladder, releases, manifest.

        Raises:
            UnknownModel: it is not installed.
            NotReady: it is, and the start has not come to it yet.
        """
        shop, name = self._shop, request.name

        def look() -> tuple[tuple[ReleaseRef, ...], Manifest | None]:
            shop.shelf.check_known(name)
            live = shop.shelf.whole_live(name)
            refs = tuple(
                msgspec.structs.replace(
                    each,
                    standing=standing(each, shop.history, name),
                    trust=shop.history.trust(each.digest),
                    revoked=mark.why
                    if (mark := shop.history.revocation(each.digest))
                    else "",
                )
                for each in shop.shelf.refs(name)
            )
            return refs, live.manifest if live else None

        releases, manifest = await shop.look(look)
        try:
            status = shop.swapper.status(name)
        except UnknownModel:  # the store has it, as was just looked up
            raise NotReady(
                f"cannot describe model {name!r} yet: edged is still starting",
                hint="edgectl status",
            ) from None
        status = msgspec.structs.replace(status, change=self.open_change(name))
        pin = shop.history.pinned(name)
        return ModelDetail(
            status=status,
            releases=releases,
            manifest=manifest,
            trust=next((r.trust for r in releases if r.live), Trust.LOCAL),
            pinned=": ".join(filter(None, (pin.by, pin.why))) if pin else "",
        )

    async def changes(self, request: ChangesRequest) -> Changes:
        """Return the newest changes."""
        found = self._shop.history.changes(request.name, request.limit)
        return Changes(changes=tuple(map(self._with_doing, found)))

    async def change(self, request: ChangeRequest) -> Change:
        """Return one change; wait for news of it where that is asked for.

        Raises:
            UnknownChange: there is none of this number.
        """

        def has_news(_: int) -> bool:
            change = self._with_doing(self._shop.history.change(request.id))
            return (
                change.is_over
                or len(change.steps) > request.steps
                or (change.doing != request.doing and _tells(change))
            )

        try:
            async with asyncio.timeout(request.wait_s):
                await self._shop.revision.until(has_news)
        except TimeoutError:
            pass
        return self._with_doing(self._shop.history.change(request.id))

    def open_change(self, name: str) -> Change | None:
        """Return what is under way, in probation or held, for `status`."""
        change = self._shop.history.open_change(name)
        return self._with_doing(change) if change else None

    def setback(self, name: str) -> Change | None:
        """Return the newest change of a model if edged itself went back from it."""
        history = self._shop.history
        for change in history.changes(name, 1):
            if change.last.step is Step.QUARANTINED and change.release is not None:
                mark = history.quarantine(change.release.digest)
                return change if mark is not None and mark.by == EDGED else None
        return None

    def _with_doing(self, change: Change) -> Change:
        if change.last.step is Step.PROBATION:
            return msgspec.structs.replace(change, doing=self._ward.left(change.model))
        return msgspec.structs.replace(change, doing=self._shop.doing(change.id))


def _tells(change: Change) -> bool:
    """Tell whether what is being done is news: time that passes is not."""
    return change.last.step is not Step.PROBATION
