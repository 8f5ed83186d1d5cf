"""An HTTP API that says what is new, asked over real HTTP."""

from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp import web as server

from edged.config.update import Source, SourceKind
from edged.errors import NotFetched
from edged.update.api_source import ApiSource
from edged.update.offers import Box, Installed, Offer
from edged.update.web import Web
from edged.wire.listing import Listing
from tests.fakes.clock import Hours

SUM = "ab" * 32
UPDATE: Mapping[str, object] = {
    "has_update": True,
    "version": "2.0",
    "download_url": "/files/digits.tar",
    "size_bytes": 1234,
    "sha256": SUM,
    "changelog": "better",
    "mandatory": False,
}
LIVE = Installed(model="digits", seq=3, digest="cd" * 32, version="1.0")


class Api:
    """What it answers, and what it was asked."""

    def __init__(self) -> None:
        self.says: object = dict(UPDATE)
        self.url = ""
        self.asked: list[dict[str, list[str]]] = []

    async def answer(self, request: server.Request) -> server.Response:
        """Answer as told."""
        query = urlsplit(str(request.rel_url)).query
        self.asked.append(parse_qs(query, keep_blank_values=True))
        raw = self.says
        body = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
        return server.Response(body=body)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Run the API on loopback."""
    made = Api()
    app = server.Application()
    app.router.add_get("/api/models/latest", made.answer)
    runner = server.AppRunner(app)
    await runner.setup()
    site = server.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    yield made
    await runner.cleanup()


Make = Callable[..., ApiSource]

DOCUMENTS = {"timestamp.json": b"{}"}


class Signer:
    """A signed source that lists some releases."""

    def __init__(self, offers: tuple[Offer, ...]) -> None:
        self._offers = offers

    async def listed(self) -> tuple[Offer, ...]:
        """Tell them."""
        return self._offers

    async def documents(self) -> Mapping[str, bytes]:
        """Tell what is signed."""
        return DOCUMENTS


@pytest.fixture
def source(api: Api, web: Web) -> Make:
    """Return what makes a source of it."""

    def make(
        *,
        live: tuple[Installed, ...] = (LIVE,),
        signed: tuple[Offer, ...] | None = None,
        had: frozenset[str] = frozenset(),
    ) -> ApiSource:
        async def files() -> frozenset[str]:
            return had

        async def installed() -> tuple[Installed, ...]:
            return live

        return ApiSource(
            Source(name="hints", kind=SourceKind.API, url=api.url, models=("digits",)),
            web=web,
            box=Box(edged="0.1", arch="aarch64", device_id="me"),
            live=installed,
            files=files,
            clock=Hours(),
            signer=None if signed is None else Signer(signed),
        )

    return make


def offer(seq: int, version: str, model: str = "digits", **listed: object) -> Offer:
    """Return a release that the signed source lists."""
    listing = Listing(
        model=model, version=version, seq=seq, size_bytes=9, issued="", starts=""
    )
    return Offer(
        source="main",
        listing=msgspec.structs.replace(listing, **listed),
        sha256=SUM,
        size=1,
    )


async def test_it_is_told_who_asks(api: Api, source: Make) -> None:
    """The device, the release it has, and what it runs on."""
    await source().look()
    await source(live=()).look()

    assert [
        {
            "device_id": ["me"],
            "current_version": [version],
            "platform": ["linux-aarch64"],
        }
        for version in ("1.0", "")
    ] == api.asked


async def test_one_that_is_believed_offers_one_file(api: Api, source: Make) -> None:
    """Above what is live: what it calls an update is one."""
    hints = source()

    (found,) = await hints.look()
    described = await hints.describe(found)

    assert ("hints", SUM, 4, "2.0") == (
        found.source,
        found.sha256,
        found.listing.seq,
        found.listing.version,
    )
    assert b"" == described.manifest
    assert {"digits.tar": (SUM, 1234, ())} == {
        name: (file.sha256, file.size, file.chunks)
        for name, file in described.index.files.items()
    }
    assert (api.url.removesuffix("/api") + "/files/digits.tar",) == hints.urls(SUM)


async def test_a_bare_model_that_is_here_is_not_offered_again(source: Make) -> None:
    """Whatever version the API gives it: the release has another."""
    assert () == await source(had=frozenset({SUM})).look()


async def test_a_bundle_that_was_taken_is_not_offered_again(api: Api, web: Web) -> None:
    """Another release is live since; the API only calls it otherwise."""
    live = [LIVE]

    async def installed() -> tuple[Installed, ...]:
        return tuple(live)

    async def files() -> frozenset[str]:
        return frozenset()

    hints = ApiSource(
        Source(name="hints", kind=SourceKind.API, url=api.url, models=("digits",)),
        web=web,
        box=Box(edged="0.1", arch="aarch64", device_id="me"),
        live=installed,
        files=files,
        clock=Hours(),
        signer=None,
    )
    first = await hints.look()
    again = await hints.look()
    live[0] = msgspec.structs.replace(LIVE, digest="ef" * 32, version="1.9")
    after = await hints.look()
    api.says = {**UPDATE, "sha256": "12" * 32}
    other = await hints.look()

    assert (1, 1, 0, 1) == (len(first), len(again), len(after), len(other))


@pytest.mark.parametrize(
    "says", [{"has_update": False}, {**UPDATE, "version": "1.0"}], ids=["none", "same"]
)
async def test_where_there_is_nothing_new_it_offers_nothing(
    api: Api, source: Make, says: object
) -> None:
    """Also where it calls the release an update that is live already."""
    api.says = says

    assert () == await source().look()


async def test_what_must_be_confirmed_is_what_was_signed(source: Make) -> None:
    """The signed source's own offer, of the version that was named."""
    signed = (offer(4, "2.0"), offer(5, "3.0"), offer(6, "2.0", model="other"))

    found = await source(signed=signed).look()

    assert signed[:1] == found


async def test_what_its_signer_signed_is_its_own(source: Make) -> None:
    """One whose word is enough has none."""
    assert DOCUMENTS == await source(signed=()).documents()
    assert {} == await source().documents()


async def test_what_nobody_has_signed_is_not_taken(source: Make) -> None:
    """An API that was broken into can offer nothing of its own."""
    with pytest.raises(NotFetched, match="nobody has signed") as refused:
        await source(signed=(offer(5, "3.0"),)).look()

    assert "not-offered" == refused.value.fields["reason"]


async def test_a_revoked_release_is_told_whatever_the_api_says(
    api: Api, source: Make
) -> None:
    """Silence of the API must not keep a bad release alive."""
    api.says = {"has_update": False}
    signed = (offer(3, "1.0", revoked="it is wrong"), offer(4, "2.0"))

    assert signed[:1] == await source(signed=signed).look()


async def test_mandatory_waits_for_no_window(api: Api, source: Make) -> None:
    """It is due at once, unless its publisher has signed a date."""
    api.says = {**UPDATE, "mandatory": True}
    dated = offer(4, "2.0", mandatory_by="2027-04-01T00:00:00Z")

    (alone,) = await source().look()
    (hastened,) = await source(signed=(offer(4, "2.0"),)).look()
    (signed,) = await source(signed=(dated,)).look()

    assert "2026-11-24T12:00:00Z" == alone.listing.mandatory_by
    assert "2026-11-24T12:00:00Z" == hastened.listing.mandatory_by
    assert dated == signed


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ([], "Expected `object`"),
        (b'{"version": "\xff"}', "utf-8"),
        (b'{"x":' * 50_000, "recursion"),
        ({"has_update": "yes"}, "Expected `bool`"),
        ({**UPDATE, "sha256": "zz"}, "sha256"),
        ({**UPDATE, "size_bytes": -1}, "size_bytes"),
        ({"has_update": True}, "without a version"),
        ({**UPDATE, "sha256": None}, "without its URL, size and sha256"),
        ({**UPDATE, "download_url": ""}, "without its URL, size and sha256"),
        ({**UPDATE, "size_bytes": 0}, "without its URL, size and sha256"),
        ({**UPDATE, "download_url": "/files/digits.exe"}, "is none of .tar"),
    ],
)
async def test_nonsense_is_told(api: Api, source: Make, says: object, why: str) -> None:
    """With the address, and where it says how it should be."""
    api.says = says

    with pytest.raises(NotFetched) as refused:
        await source().look()

    assert why in refused.value.message
    assert "not-understood" == refused.value.fields["reason"]
