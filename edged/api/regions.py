"""`/v2/systemsharedmemory…`: what it asks, for both doors.

Law: who asks is known from the socket, never from the request. Descriptors are
borrowed: whoever received them closes them.
Source: triton server, docs/protocol/extension_shared_memory.md.
"""

import msgspec
from aiohttp import web

from edged.api.access import peer_of
from edged.errors import InvalidRequest, TooLarge
from edged.host.peer import Peer
from edged.serve.regions import Regions
from edged.wire.oip_regions import Registration
from edged.wire.unreadable import UNREADABLE

#: A registration is a key and two numbers.
MAX_BODY_BYTES = 4096

_ROOT = "/v2/systemsharedmemory"


def read_registration(body: bytes | bytearray | memoryview) -> Registration:
    """Read a registration's body.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        return msgspec.json.decode(body, type=Registration)
    except UNREADABLE as exc:
        raise InvalidRequest(f"cannot read the registration: {exc}") from exc


def status_body(regions: Regions, peer: Peer | None, name: str | None) -> bytes:
    """Return the JSON of one region's status, or of all of the peer's.

    Raises:
        Unsupported, UnknownRegion: see `Regions.status`.
    """
    return msgspec.json.encode(regions.status(peer, name))


class RegionRoutes:
    """aiohttp's handlers; registrations here are by name, descriptors never arrive."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        add = router.add_route
        add("GET", f"{_ROOT}/status", self.status)
        add("GET", f"{_ROOT}/region/{{region}}/status", self.status)
        add("POST", f"{_ROOT}/region/{{region}}/register", self.register)
        add("POST", f"{_ROOT}/region/{{region}}/unregister", self.unregister)
        add("POST", f"{_ROOT}/unregister", self.unregister)

    async def status(self, request: web.Request) -> web.Response:
        """Describe one region or all."""
        body = status_body(
            self._regions, peer_of(request), request.match_info.get("region")
        )
        return web.Response(body=body, content_type="application/json")

    async def register(self, request: web.Request) -> web.Response:
        """Register a region by name."""
        document = read_registration(await _body(request))
        self._regions.register(
            peer_of(request),
            request.protocol,
            request.match_info["region"],
            document,
            fds=(),
        )
        return web.Response()

    async def unregister(self, request: web.Request) -> web.Response:
        """Unregister one region or all."""
        await _body(request)
        self._regions.unregister(peer_of(request), request.match_info.get("region"))
        return web.Response()


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.content.iter_chunked(MAX_BODY_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(
        f"cannot take this body: over {MAX_BODY_BYTES} bytes", max_bytes=MAX_BODY_BYTES
    )
