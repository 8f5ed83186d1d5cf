"""Rows of the endpoint table become routes.

Law: a handler takes the row's request and returns its answer, and nothing else: it
sees no HTTP. mypy refuses a handler of other types; start-up refuses a table with a
row that is unbound or bound twice. Requests are decoded strictly: an unknown field is
an error that names it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec
from aiohttp import web

from edged.api.access import Roles, who
from edged.errors import InvalidRequest, TooLarge
from edged.wire.endpoint import Access, Body, Endpoint
from edged.wire.unreadable import UNREADABLE

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)

Row = Endpoint[msgspec.Struct, msgspec.Struct]

_Http = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Requests of the control socket are a few names; a body over this is a mistake.
MAX_JSON_BYTES = 64 * 1024

#: How much of a streamed body is handed down at a time.
CHUNK_BYTES = 64 * 1024


class Routes:
    """Collects handlers for rows and makes the application.

    Args:
        roles: decides who may call a row.
        table: every row that must be bound.
    """

    def __init__(self, roles: Roles, table: Sequence[Row]) -> None:
        self._roles = roles
        self._table = table
        self._bound: dict[tuple[str, str], _Http] = {}

    def bind(
        self, endpoint: Endpoint[Q, A], handler: Callable[[Q], Awaitable[A]]
    ) -> None:
        """Bind a row whose body is JSON or nothing."""

        async def answer(request: web.Request) -> web.StreamResponse:
            self._roles.check(request, endpoint.access)
            return _json(await handler(await _decode(request, endpoint)))

        self._add(endpoint, answer, streams=False)

    def bind_effect(
        self, endpoint: Endpoint[Q, A], handler: Callable[[Q, str], Awaitable[A]]
    ) -> None:
        """Bind a row that changes something; the handler is told who wants it."""

        async def answer(request: web.Request) -> web.StreamResponse:
            self._roles.check(request, endpoint.access)
            return _json(await handler(await _decode(request, endpoint), who(request)))

        self._add(endpoint, answer, streams=False)

    def bind_stream(
        self,
        endpoint: Endpoint[Q, A],
        handler: Callable[[AsyncIterator[bytes], Q, str], Awaitable[A]],
        granted: Callable[[Q, Access], Q],
    ) -> None:
        """Bind an effect whose body is handed down as it arrives, never collected.

        Args:
            endpoint: the row.
            handler: what it is handed down to.
            granted: what of a request a caller may ask for, who may do so much.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            may = self._roles.check(request, endpoint.access)
            asked = granted(_from_query(request, endpoint), may)
            chunks = request.content.iter_chunked(CHUNK_BYTES)
            return _json(await handler(chunks, asked, who(request)))

        self._add(endpoint, answer, streams=True)

    def app(self) -> web.Application:
        """Return the application.

        Raises:
            AssertionError: a row of the table is unbound, or a bound one is no row.
        """
        rows = {(row.method, row.path) for row in self._table}
        wrong = rows ^ self._bound.keys()
        if wrong:
            raise AssertionError(f"unbound, or not in the table: {sorted(wrong)}")
        app = web.Application(client_max_size=MAX_JSON_BYTES)
        for (method, path), answer in self._bound.items():
            app.router.add_route(method, path, answer)
        return app

    def _add(self, endpoint: Endpoint[Q, A], answer: _Http, *, streams: bool) -> None:
        row = (endpoint.method, endpoint.path)
        if row in self._bound:
            raise AssertionError(f"bound twice: {row}")
        if streams is not (endpoint.body is Body.TAR):
            raise AssertionError(f"bound to a handler for another body: {row}")
        self._bound[row] = answer


async def _decode(request: web.Request, endpoint: Endpoint[Q, A]) -> Q:
    if endpoint.body is Body.NONE:
        return _from_query(request, endpoint)
    if (request.content_length or 0) > MAX_JSON_BYTES:
        raise TooLarge(
            f"cannot take this body: over {MAX_JSON_BYTES} bytes",
            max_bytes=MAX_JSON_BYTES,
        )
    try:
        fields = msgspec.json.decode(
            await request.read() or b"{}", type=dict[str, object]
        )
    # UnicodeDecodeError is what msgspec says of text that is no UTF-8.
    except UNREADABLE as exc:
        raise InvalidRequest(f"cannot read the request's JSON: {exc}") from exc
    return _convert(fields, request, endpoint, strict=True)


def _from_query(request: web.Request, endpoint: Endpoint[Q, A]) -> Q:
    fields: dict[str, object] = {}
    for key, value in request.query.items():
        if key in fields:
            raise InvalidRequest(f"cannot take this request: {key!r} is given twice")
        fields[key] = value
    # Text of a query becomes numbers and booleans.
    return _convert(fields, request, endpoint, strict=False)


def _convert(
    fields: Mapping[str, object],
    request: web.Request,
    endpoint: Endpoint[Q, A],
    *,
    strict: bool,
) -> Q:
    for key, value in request.match_info.items():
        if fields.get(key, value) != value:
            raise InvalidRequest(
                f"cannot take this request: the path says {key} {value!r}, "
                f"the body {fields[key]!r}"
            )
    try:
        return msgspec.convert(
            {**fields, **request.match_info}, endpoint.request, strict=strict
        )
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"cannot take this request: {_plain(exc)}") from exc


def _plain(exc: msgspec.ValidationError) -> str:
    """Say in words what a pattern means; names are all that have one."""
    text = str(exc)
    if "matching regex" not in text:
        return text
    return (
        "a model's name begins with a lower-case letter or a digit and goes on with "
        "those, '.', '_' and '-', 64 at most"
    )


def _json(answer: msgspec.Struct) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(answer), content_type="application/json"
    )
