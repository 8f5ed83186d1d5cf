"""What a person does to a model beside changing its release.

Law: each effect is a change of one step, and is in the journal when its answer is out.
On the loop, one at a time.
"""

import logging
from typing import Generic

from edged.activate.agent import Agent
from edged.activate.records import about
from edged.activate.shelf import which
from edged.activate.swapper import P
from edged.errors import Conflict, EdgedError, Pinned, Quarantined, UnknownVersion
from edged.store.releases import Release
from edged.wire.changes import Change, PinRequest, SeqRequest, Step, Wish
from edged.wire.messages import Changed, ModelName

_log = logging.getLogger(__name__)


class Upkeep(Generic[P]):
    """Load, unload, remove, pin, commit, quarantine."""

    def __init__(self, agent: Agent[P]) -> None:
        self._agent = agent
        self._shop = agent.shop

    async def load(self, request: ModelName, by: str) -> Changed:
        """Load the current release into memory."""
        shop, name = self._shop, request.name
        async with shop.turn:
            await shop.work(lambda: shop.shelf.check_known(name))
            if shop.is_in_memory(name):
                return _said(name, "is loaded already", changed=False)
            shop.swapper.loading(name)
            try:
                await self._agent.opening.load(name)
            except EdgedError as error:
                shop.failed(name, error)
                raise
            change = await self._begun(Wish.LOAD, name, by)
            return _said(name, "is loaded", change=change.id)

    async def unload(self, request: ModelName, by: str) -> Changed:
        """Release the model's memory; until the next start, or a load."""
        shop, name = self._shop, request.name
        async with shop.turn:
            await shop.work(lambda: shop.shelf.check_known(name))
            self._agent.ward.pause(name)
            if not shop.swapper.unload(name):
                return _said(name, "was not loaded", changed=False)
            return await self._done(Wish.UNLOAD, name, by, "is unloaded")

    async def remove(self, request: ModelName, by: str) -> Changed:
        """Unload the model and delete its releases."""
        shop, name = self._shop, request.name
        async with shop.turn:
            await shop.work(lambda: shop.shelf.check_known(name))
            gone = Conflict(f"cannot go on with it: {name} was removed meanwhile")
            self._agent.passage.stop(name, gone)
            had = await shop.work(lambda: shop.releases.known(name))
            try:
                await shop.work(lambda: shop.releases.remove(name))
            except EdgedError:
                # Only making it durable may have failed: what is gone is forgotten.
                if name not in await shop.work(shop.releases.names):
                    self._forget(name)
                raise
            self._forget(name)
            await shop.work(lambda: shop.forget_proofs(had))
            for change in shop.history.open_changes(name):
                await self._end_removed(change, by)
            return await self._done(Wish.REMOVE, name, by, "is removed")

    async def commit(self, request: ModelName, by: str) -> Changed:
        """Count a release in probation as good.

        Raises:
            Conflict: none is in probation.
        """
        shop, name = self._shop, request.name
        async with shop.turn:
            await shop.work(lambda: shop.shelf.check_known(name))
            change = self._agent.ward.watched(name)
            if change is None:
                raise Conflict(
                    f"cannot commit {name}: none of its releases is in probation",
                    hint=f"edgectl models show {name}",
                )
            await self._agent.ward.commit(change, f"by {by}")
            return _said(name, "is committed", change=change.id)

    async def pin(self, request: PinRequest, by: str) -> Changed:
        """Keep a model at its live release."""
        return await self._set_pin(request.name, by, pinned=True, why=request.why)

    async def unpin(self, request: ModelName, by: str) -> Changed:
        """Let a model change again."""
        return await self._set_pin(request.name, by, pinned=False)

    async def quarantine(self, request: SeqRequest, by: str) -> Changed:
        """Never activate a release again, and go back from it if it is live.

        Raises:
            UnknownVersion: it is not installed.
            Conflict: it is live, and there is nothing to go back to.
        """
        shop, name = self._shop, request.name
        why = request.why or f"quarantined by {by}"
        async with shop.turn:
            await shop.work(lambda: shop.shelf.check_known(name))
            release = await self._release(name, request.seq)
            if shop.history.quarantine(release.digest) is not None:
                return _said(name, f"seq {request.seq} is so already", changed=False)
            self._stop_pending(release, why)
            linked = await shop.work(lambda: shop.shelf.linked(name))
            if release.folder == linked[0]:
                return await self._agent.go_back(name, why, by=by)
            text = f"seq {request.seq} is quarantined"
            for change in shop.history.open_changes(name):
                is_it = change.release and change.release.digest == release.digest
                if change.last.step is Step.HELD and is_it:
                    await shop.quarantine(name, which(release), by=by, why=why)
                    await shop.step(change, Step.QUARANTINED, why=why)
                    return _said(name, text, change=change.id)
            await shop.quarantine(name, which(release), by=by, why=why)
            return await self._done(Wish.QUARANTINE, name, by, text, release=release)

    async def unquarantine(self, request: SeqRequest, by: str) -> Changed:
        """Let a release come back.

        Raises:
            UnknownVersion: none of that number is in quarantine.
        """
        shop, name = self._shop, request.name
        async with shop.turn:
            marks = [m for m in shop.history.marks(name) if m.seq == request.seq]
            if not marks:
                raise UnknownVersion(
                    f"cannot lift the quarantine of seq {request.seq} of {name}: "
                    "it is in none",
                    hint=f"edgectl models show {name}",
                )
            for mark in marks:
                await shop.work(
                    lambda mark=mark: shop.history.mark(  # type: ignore[misc]
                        model=name,
                        digest=mark.digest,
                        seq=mark.seq,
                        quarantined=False,
                        by=by,
                        why=request.why,
                    )
                )
            text = f"seq {request.seq} may come back"
            return await self._done(Wish.UNQUARANTINE, name, by, text)

    # --- steps -------------------------------------------------------------------

    async def _set_pin(
        self, name: str, by: str, *, pinned: bool, why: str = ""
    ) -> Changed:
        shop = self._shop
        async with shop.turn:
            was_pinned = shop.history.pinned(name) is not None
            if not was_pinned:  # a pin outlives its model, and can be lifted then
                await shop.work(lambda: shop.shelf.check_known(name))
            text = "is pinned" if pinned else "is not pinned"
            if was_pinned is pinned:
                return _said(name, f"{text} already", changed=False)
            await shop.work(
                lambda: shop.history.pin(model=name, pinned=pinned, by=by, why=why)
            )
            if pinned:
                error = Pinned(f"cannot let it serve: {by} pinned {name} meanwhile")
                self._agent.passage.stop(name, error)
            return await self._done(Wish.PIN if pinned else Wish.UNPIN, name, by, text)

    async def _end_removed(self, change: Change, by: str) -> None:
        """End a change whose model is gone; one on its way ends by itself."""
        why = f"removed by {by}"
        if change.last.step in {Step.HELD, Step.PROBATION}:
            await self._shop.step(change, Step.SUPERSEDED, why=why)
        elif change.last.step is Step.ROLLING_BACK:
            await self._shop.step(change, Step.QUARANTINED, why=why)

    def _stop_pending(self, release: Release, why: str) -> None:
        """Let a release that is on its way be refused; it need not be live yet."""
        pending = self._agent.passage.pending(release.name)
        if pending is not None and pending.release.digest == release.digest:
            error = Quarantined(f"cannot let it serve: it was quarantined: {why}")
            self._agent.passage.stop(release.name, error)

    async def _release(self, name: str, seq: int) -> Release:
        shop = self._shop
        for release in await shop.work(lambda: shop.shelf.installed(name)):
            if release.manifest.seq == seq:
                return release
        raise UnknownVersion(
            f"cannot find seq {seq} of {name}: it is not installed",
            hint=f"edgectl models show {name}",
        )

    async def _done(
        self,
        wish: Wish,
        name: str,
        by: str,
        text: str,
        *,
        release: Release | None = None,
    ) -> Changed:
        change = await self._begun(wish, name, by, release)
        _log.info("%s %s", name, text, extra=about(name))
        return _said(name, text, change=change.id)

    async def _begun(
        self, wish: Wish, name: str, by: str, release: Release | None = None
    ) -> Change:
        """Write down an effect that needs no more steps."""
        shop = self._shop
        change = await shop.work(
            lambda: shop.history.begin(
                model=name,
                wish=wish,
                by=by,
                step=Step.DONE,
                release=which(release) if release else None,
            )
        )
        shop.tell()
        return change

    def _forget(self, name: str) -> None:
        self._agent.ward.forget(name)
        self._shop.swapper.forget(name)
        self._shop.mended(name)


def _said(
    name: str, text: str, *, changed: bool = True, change: int | None = None
) -> Changed:
    return Changed(name=name, changed=changed, text=f"{name} {text}", change=change)
