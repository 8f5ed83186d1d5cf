"""Calls on the control socket, typed by the endpoint table.

    control = Control()
    status = control.call(endpoints.STATUS, Nothing())

Law: an answer has the row's type; an error is of the class that the daemon raised.
"""

import os
from collections.abc import Iterable
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from edged.client.http import Answer, Call, check, query, quote
from edged.client.reach import CONTROL_SOCKET, socket_path
from edged.client.transport import Transport
from edged.errors import ProtocolError
from edged.wire.endpoint import Body, Endpoint
from edged.wire.unreadable import UNREADABLE

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)


class Control:
    """A client of the control socket. Safe in any thread.

    Args:
        socket: path or `unix:///path`; by default `EDGED_CONTROL_SOCKET`, then
            /run/edged/control.sock.
        timeout_s: of every call; by default each endpoint's own.
    """

    def __init__(
        self,
        socket: str | os.PathLike[str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        path = socket_path(socket, "EDGED_CONTROL_SOCKET", CONTROL_SOCKET)
        self._transport = Transport(path)
        self._timeout_s = timeout_s

    @property
    def socket(self) -> str:
        """The path that it connects to."""
        return self._transport.path

    def call(
        self,
        endpoint: Endpoint[Q, A],
        request: Q,
        *,
        body: Iterable[bytes] | None = None,
        timeout_s: float | None = None,
    ) -> A:
        """Call one endpoint.

        Args:
            endpoint: a row of `wire.endpoints`.
            request: what it takes.
            body: the stream of a row that takes one (a tar, for install).
            timeout_s: of this call.

        Raises:
            EdgedError: the same class as the daemon raised, or what the transport
                met: NoDaemon, NoAccess, TimedOut, ProtocolError.
        """
        answer = self._transport.call(
            _call(endpoint, request, body),
            timeout_s=timeout_s or self._timeout_s or endpoint.timeout_s,
        )
        return _decode(check(answer), endpoint.answer)

    def close(self) -> None:
        """Close what is open; not needed at a program's end."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


def _call(endpoint: Endpoint[Q, A], request: Q, body: Iterable[bytes] | None) -> Call:
    fields: dict[str, object] = msgspec.to_builtins(request)
    path = endpoint.path
    for name in tuple(fields):
        if (place := f"{{{name}}}") in path:
            path = path.replace(place, quote(str(fields.pop(name))))
    if endpoint.body is Body.JSON:
        return Call(
            method=endpoint.method,
            target=path,
            headers=(("Content-Type", "application/json"),),
            body=(msgspec.json.encode(fields),),
        )
    target = path + query(fields)
    if endpoint.body is Body.NONE:
        return Call(method=endpoint.method, target=target)
    return Call(
        method=endpoint.method,
        target=target,
        headers=(("Content-Type", "application/x-tar"),),
        stream=() if body is None else body,
    )


def _decode(answer: Answer, kind: type[A]) -> A:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    # UnicodeDecodeError is what msgspec says of text that is no UTF-8.
    except UNREADABLE as exc:
        raise ProtocolError(
            f"cannot understand the daemon's answer: {exc}",
            hint="edgectl version tells whether daemon and edgectl are of one release",
        ) from exc
