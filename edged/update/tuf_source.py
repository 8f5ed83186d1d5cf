"""A signed repository on a static host, asked over the network.

Law: metadata is fetched from the first place of a source that has it whole; so no two
places are mixed. What is verified, and when it has expired, `edged.trust` decides.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from edged.errors import NotFetched, Untrusted
from edged.host.clock import Clock
from edged.trust.clock import Trust
from edged.trust.listings import Trusted
from edged.trust.repository import Repository
from edged.trust.workflow import Fetch
from edged.update.offers import Offer
from edged.update.source import Described
from edged.update.web import Web
from edged.wire.listing import ChunkIndex, chunks_path, manifest_path
from edged.wire.unreadable import UNREADABLE
from edged.wire.updates import Reason

T = TypeVar("T")

_log = logging.getLogger(__name__)


class TufSource:
    """One repository; implements `Source`.

    Args:
        name: as in the settings.
        places: URLs with the same files, best first.
        repository: opens what is trusted of it; blocking.
        web: fetches.
        thread: for what blocks.
        clock: counts the time since a look.
        takes: whether it may bring a model.
    """

    kind = "tuf"

    def __init__(  # noqa: PLR0913  # its ports, by name only
        self,
        name: str,
        places: Sequence[str],
        *,
        repository: Callable[[], Repository],
        web: Web,
        thread: Executor,
        clock: Clock,
        takes: Callable[[str], bool],
    ) -> None:
        self.name, self.url = name, places[0]
        self._places = tuple(places)
        self._repository, self._web, self._thread = repository, web, thread
        self._takes, self._clock = takes, clock
        self._looked_s = 0.0
        self._trusted: Trusted | None = None

    @property
    def clock(self) -> str:
        """Return what is thought of the box's clock, as of the last look."""
        return "unknown" if self._trusted is None else self._trusted.clock

    @property
    def at(self) -> datetime | None:
        """Return a time that is over: that of the last look, and what passed since.

        None before the first one. A clock that is right may be set back by a moment,
        and must not count as behind for that: then nothing is added.
        """
        if self._trusted is None:
            return None
        if self._trusted.clock == Trust.RIGHT.value:
            return self._trusted.at
        passed_s = self._clock.monotonic() - self._looked_s
        return self._trusted.at + timedelta(seconds=passed_s)

    @property
    def versions(self) -> Mapping[str, int]:
        """Return the versions of what is trusted, by role."""
        return {} if self._trusted is None else self._trusted.versions

    async def look(self) -> tuple[Offer, ...]:
        """Bring the metadata up to date; return what it offers of its own accord."""
        return tuple(o for o in await self.listed() if self._takes(o.listing.model))

    async def listed(self) -> tuple[Offer, ...]:
        """Bring the metadata up to date; return all that it lists."""
        trusted = await self._from_anywhere(
            lambda fetch: self._repository().refresh(fetch)
        )
        for left in trusted.left_out:
            if self._trusted is None or left not in self._trusted.left_out:
                _log.warning(
                    "%s: cannot use %s: %s",
                    self.name,
                    left.path,
                    left.why,
                    extra={"edged_code": Reason.NOT_UNDERSTOOD.value},
                )
        self._trusted, self._looked_s = trusted, self._clock.monotonic()
        return tuple(
            Offer(
                source=self.name,
                listing=one.listing,
                sha256=one.sha256,
                size=one.size,
            )
            for one in trusted.releases
        )

    async def describe(self, offer: Offer) -> Described:
        """Fetch the manifest and the chunk index, each as it was signed."""
        which = offer.listing.model, offer.listing.seq
        manifest, path = manifest_path(*which), chunks_path(*which)

        def fetched(fetch: Fetch) -> tuple[bytes, bytes]:
            repository = self._repository()
            return repository.target(manifest, fetch), repository.target(path, fetch)

        described, data = await self._from_anywhere(fetched)
        try:
            index = msgspec.json.decode(data, type=ChunkIndex)
        except UNREADABLE as exc:
            raise NotFetched(
                f"cannot take {offer}: its chunk index cannot be read: {exc}",
                hint="its publisher may have a newer edged",
                reason=Reason.NOT_UNDERSTOOD.value,
            ) from exc
        documents = await self.documents()
        return Described(manifest=described, index=index, documents=documents)

    async def documents(self) -> Mapping[str, bytes]:
        """Return the metadata as it was verified last."""
        return await self._run(lambda: self._repository().documents())

    def urls(self, sha256: str) -> tuple[str, ...]:
        """Return where a file can be had, best first."""
        return tuple(f"{place}/blobs/{sha256}" for place in self._places)

    # --- steps -------------------------------------------------------------------

    async def _from_anywhere(self, work: Callable[[Fetch], T]) -> T:
        """Do it with the first place that has what is asked for.

        What does not hold on one place may be whole on the next; the first place's
        failure is the one that is told.
        """
        loop = asyncio.get_running_loop()
        first: NotFetched | Untrusted | None = None
        for place in self._places:
            fetch = self._web.blocking(loop, place)
            try:
                return await self._run(lambda fetch=fetch: work(fetch))  # type: ignore[misc]  # mypy cannot infer it
            except (NotFetched, Untrusted) as failed:
                first = first or failed
        if first is None:
            raise AssertionError("a source has at least one place")
        raise first

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
