"""An HTTP API that says what is new for one device.

    GET {url}/models/latest?device_id=D&current_version=V&platform=linux-aarch64
    -> {"has_update": true, "version": "1.4.0", "download_url": "https://...",
        "size_bytes": 4194304, "sha256": "...", "changelog": "...", "mandatory": false}

Law: its word is a hint. What a signed source confirms is taken from there, file by
file; where the administrator wrote `trust: sha256`, one file is fetched from
`download_url` and is what its hash says, a bundle's tar or a bare model file.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from edged.config.update import Source as Settings
from edged.errors import NotFetched
from edged.host.clock import Clock
from edged.update.offers import Box, Installed, Offer
from edged.update.source import Described
from edged.update.web import Web
from edged.wire.listing import Chunked, ChunkIndex, Listing, Sha256
from edged.wire.unreadable import UNREADABLE
from edged.wire.updates import Reason
from edged.wire.words import utc_text

#: An answer is a few hundred bytes and a changelog.
_ANSWER_MAX = 256 << 10

#: For this box it has begun: the API knows whom it speaks to.
_LONG_AGO = "1970-01-01T00:00:00Z"

#: What a download may be called; the daemon tells its kind by it.
SUFFIXES = (".tar", ".tar.gz", ".tgz", ".onnx", ".tflite")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the API says; a newer one may say more.

    Attributes:
        download_url: absolute, or beside the API's own.
        mandatory: it waits for no window.
    """

    has_update: bool
    version: Annotated[str, msgspec.Meta(max_length=200)] = ""
    download_url: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    size_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    sha256: Sha256 | None = None
    changelog: Annotated[str, msgspec.Meta(max_length=64 << 10)] = ""
    mandatory: bool = False


class Signer(Protocol):
    """Who confirms what an API says: see `update.tuf_source`."""

    async def listed(self) -> tuple[Offer, ...]:
        """Return all that is signed, as of now."""

    async def documents(self) -> Mapping[str, bytes]:
        """Return the signed metadata itself."""


class ApiSource:
    """One such API; implements `Source`.

    Args:
        settings: of this source.
        web: asks.
        box: says who we are.
        live: tells what the daemon has.
        files: tells the sha256 of every file that the daemon has.
        clock: dates what the API says.
        signer: knows what was signed, which must have what the API names; None where
            its word is enough.
    """

    kind = "api"

    def __init__(  # noqa: PLR0913  # its ports, by name only
        self,
        settings: Settings,
        *,
        web: Web,
        box: Box,
        live: Callable[[], Awaitable[tuple[Installed, ...]]],
        files: Callable[[], Awaitable[frozenset[str]]],
        clock: Clock,
        signer: Signer | None,
    ) -> None:
        self.name, self.url = settings.name, settings.url
        self._model = settings.models[0]
        self._web, self._box, self._live, self._now = web, box, live, clock.utc
        self._files = files
        self._offered: tuple[str, str | None] | None = None
        self._signer = signer
        self._download = ""

    @property
    def clock(self) -> str:
        """Return that nothing is known: nothing here is dated and signed."""
        return "unknown"

    @property
    def versions(self) -> Mapping[str, int]:
        """Return none: nothing here is signed."""
        return {}

    async def look(self) -> tuple[Offer, ...]:
        """Ask the API, and whoever must confirm it."""
        live = next((m for m in await self._live() if m.model == self._model), None)
        answer = await self._asked(live)
        is_news = answer.has_update and not (live and live.version == answer.version)
        if self._signer is None:
            if not is_news or await self._is_taken(answer, live):
                return ()
            return (self._offer(answer, live),)
        listed = await self._signer.listed()
        offers = [offer for offer in listed if offer.listing.model == self._model]
        named = [o for o in offers if is_news and o.listing.version == answer.version]
        if is_news and not named:
            raise NotFetched(
                f"cannot take {self._model} {answer.version}: {self.name} names it, "
                "and nobody has signed a release of that version",
                hint="edgectl publish list",
                reason=Reason.NOT_OFFERED.value,
            )
        revoked = [o for o in offers if o.listing.revoked and o not in named]
        return (*(self._hastened(offer, answer) for offer in named), *revoked)

    async def describe(self, offer: Offer) -> Described:
        """Describe a release that was believed: one file."""
        name = urlsplit(self._download).path.rpartition("/")[2]
        size = offer.listing.size_bytes
        file = Chunked(sha256=offer.sha256, size=size, chunks=())
        return Described(manifest=b"", index=ChunkIndex(files={name: file}))

    async def documents(self) -> Mapping[str, bytes]:
        """Return what its signer signed."""
        return {} if self._signer is None else await self._signer.documents()

    def urls(self, sha256: str) -> tuple[str, ...]:  # noqa: ARG002  # there is one
        """Return where the one file can be had."""
        return (self._download,)

    # --- steps -----------------------------------------------------------------------

    async def _asked(self, live: Installed | None) -> Answer:
        query = urlencode(
            {
                "device_id": self._box.device_id,
                "current_version": (live and live.version) or "",
                "platform": f"linux-{self._box.arch}",
            }
        )
        url = f"{self.url}/models/latest?{query}"
        data = await self._web.read(url, max_bytes=_ANSWER_MAX)
        try:
            answer = msgspec.json.decode(data, type=Answer)
        except UNREADABLE as exc:
            raise self._nonsense(str(exc)) from exc
        if answer.has_update and not answer.version:
            raise self._nonsense("it has an update without a version")
        return answer

    async def _is_taken(self, answer: Answer, live: Installed | None) -> bool:
        """Tell whether a file that is offered is here, by whatever name.

        A release has a version of its own; where the API calls it otherwise, it would
        come again with each look. A bare model is a file that the daemon has; of a
        bundle we know that it was offered, and that another release is live since.
        """
        if answer.sha256 is None:
            return False
        digest = live.digest if live else None
        if self._offered is None or self._offered[0] != answer.sha256:
            self._offered = (answer.sha256, digest)
        if self._offered[1] != digest:
            return True
        return answer.sha256 in await self._files()

    def _hastened(self, offer: Offer, answer: Answer) -> Offer:
        """Let a signed release wait for no window where the API says so."""
        if not answer.mandatory or offer.listing.mandatory_by is not None:
            return offer
        at_once = msgspec.structs.replace(
            offer.listing, mandatory_by=utc_text(self._now())
        )
        return msgspec.structs.replace(offer, listing=at_once)

    def _offer(self, answer: Answer, live: Installed | None) -> Offer:
        url = urljoin(f"{self.url}/", answer.download_url)
        if answer.sha256 is None or not answer.download_url or not answer.size_bytes:
            raise self._nonsense("it has an update without its URL, size and sha256")
        if not urlsplit(url).path.endswith(SUFFIXES):
            raise self._nonsense(f"its download is none of {', '.join(SUFFIXES)}")
        self._download = url
        due = utc_text(self._now()) if answer.mandatory else None
        return Offer(
            source=self.name,
            sha256=answer.sha256,
            size=0,
            listing=Listing(
                model=self._model,
                version=answer.version,
                # It does not speak of numbers: what it calls an update is one.
                seq=(live.seq or 0) + 1 if live else 1,
                size_bytes=answer.size_bytes,
                issued=_LONG_AGO,
                starts=_LONG_AGO,
                mandatory_by=due,
                changelog=answer.changelog,
            ),
        )

    def _nonsense(self, why: str) -> NotFetched:
        return NotFetched(
            f"cannot understand {self.url}/models/latest: {why}",
            hint="docs/reference/updates.md says what is asked and answered",
            reason=Reason.NOT_UNDERSTOOD.value,
        )
