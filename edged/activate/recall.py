"""Releases that their publisher takes back: heard of, told, and stopped where wanted.

Law: whoever delivers brings signed metadata and no verdict; what it means is judged
here, against our own root. A revoked release serves on, with a warning, until another
one replaces it; it is stopped where the settings say so and nothing can. On the loop.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Generic

from edged.activate.pull import pulled
from edged.activate.records import about
from edged.activate.shelf import which
from edged.activate.swapper import P
from edged.activate.verifier import Verifier
from edged.activate.ward import Ward
from edged.activate.workshop import Workshop
from edged.errors import Revoked
from edged.store.releases import Release
from edged.store.signed import read_documents
from edged.wire import changes
from edged.wire.changes import EDGED, Step, Wish
from edged.wire.messages import Changed, HearRequest, Trouble

_log = logging.getLogger(__name__)


class Recall(Generic[P]):
    """Hears what is revoked.

    Args:
        shop: the tools.
        ward: who watches releases in probation.
        verifier: knows the sources.
    """

    def __init__(self, shop: Workshop[P], ward: Ward[P], verifier: Verifier) -> None:
        self._shop, self._ward, self._verifier = shop, ward, verifier

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What answers now and must not."""
        shop = self._shop
        return tuple(
            self._trouble(mark)
            for mark in shop.history.revocations()
            if shop.swapper.serves(mark.model) == mark.digest
        )

    async def hear(
        self, chunks: AsyncIterator[bytes], request: HearRequest, by: str
    ) -> Changed:
        """Take signed metadata in; note which releases here are revoked by it.

        Raises:
            UnknownModel: none of that name is installed.
            BadBundle: the stream is no tar of documents.
            Unsigned, Untrusted: the source does not vouch for them.
            StoreFailed: the disk refuses; nothing is believed then.
        """
        shop, name = self._shop, request.name
        shop.check_open()
        documents = await pulled(chunks, read_documents, shop.intake_thread)
        async with shop.turn:
            await shop.work(lambda: shop.shelf.check_known(name))
            found = await shop.work(
                lambda: self._verifier.revoked(request.source, documents, name)
            )
            live = await shop.work(lambda: shop.shelf.whole_live(name))
            is_news = await shop.work(lambda: self._noted(request, found, live))
            is_stopped = live is not None and await self._stop(live)
            if is_news:
                _log.info("%s: heard from %s by %s", name, request.source, by)
                shop.swapper.touch()
        count = len(found)
        return Changed(
            name=name,
            changed=is_news or is_stopped,
            text=f"{name} has {count} revoked release{'' if count == 1 else 's'}"
            + (", and is stopped" if is_stopped else ""),
        )

    # --- steps -------------------------------------------------------------------

    def _noted(
        self, request: HearRequest, found: Mapping[str, str], live: Release | None
    ) -> bool:
        """Note what is another than it was, of what is installed. Blocks."""
        history, name, is_news = self._shop.history, request.name, False
        for release in self._shop.shelf.installed(name):
            why, known = found.get(release.digest), history.revocation(release.digest)
            is_live = live is not None and live.digest == release.digest
            alone = request.alone and is_live
            if why is None or (known and (known.why, known.alone) == (why, alone)):
                continue
            history.revoke(
                model=name,
                digest=release.digest,
                seq=release.manifest.seq,
                revoked=True,
                source=request.source,
                why=why,
                alone=alone,
            )
            is_news = True
        for known in history.revocations():
            ours = (known.model, known.source) == (name, request.source)
            if ours and known.digest not in found:
                history.revoke(
                    model=name,
                    digest=known.digest,
                    seq=known.seq,
                    revoked=False,
                    source=request.source,
                )
                is_news = True
        return is_news

    async def _stop(self, live: Release) -> bool:
        """Unload what must not run, if it does; it is in the journal then."""
        shop, name = self._shop, live.name
        error = forbidden(shop, live)
        if error is None or shop.swapper.serves(name) != live.digest:
            return False
        self._ward.pause(name)
        shop.swapper.unload(name)
        shop.failed(name, error)
        await shop.work(
            partial(
                shop.history.begin,
                model=name,
                wish=Wish.UNLOAD,
                by=EDGED,
                step=Step.DONE,
                release=which(live),
                why=error.message,
                code=error.code,
            )
        )
        shop.tell()
        _log.warning("%s", error.message, extra=about(name, error.code))
        return True

    def _trouble(self, mark: changes.Revoked) -> Trouble:
        name, version = mark.model, self._shop.swapper.status(mark.model).version
        then, hint = "", f"edgectl update why {name}"
        if mark.alone:
            then = "; nothing replaces it"
            hint = f"edgectl models rollback {name}, or edgectl models unload {name}"
        return Trouble(
            code=Revoked.code,
            text=f"{name} {version} (seq {mark.seq}) is live, and its publisher "
            f"has revoked it: {mark.why}{then}",
            hint=hint,
            model=name,
        )


def forbidden(shop: Workshop[P], release: Release) -> Revoked | None:
    """Return why a release must not run here; None for one that may."""
    mark = shop.history.revocation(release.digest)
    if mark is None or not (mark.alone and shop.stop_revoked):
        return None
    name, manifest = release.name, release.manifest
    return Revoked(
        f"cannot let {name} {manifest.version} (seq {manifest.seq}) run: its publisher "
        f"has revoked it: {mark.why}",
        hint=f"edgectl update now {name}, or edgectl models rollback {name}; "
        "`update.stop-revoked: false` lets it run",
    )
