"""The only HTTP numbers: which status an error gets, and its body on each door.

Law: one table from code to status, total over the tree of errors (a test). Two
bodies: problem+json (RFC 9457) on the control socket, the protocol's `{"error": …}`
on the data socket. No traceback crosses the wire; a bug is told as a request id that
stands beside the traceback in the log.
"""

import logging
import math
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from aiohttp import web

from edged.errors import (
    Busy,
    EdgedError,
    InvalidRequest,
    TooLarge,
    UnknownEndpoint,
    WrongMethod,
)
from edged.wire.messages import Problem
from edged.wire.notices import Notice

_log = logging.getLogger(__name__)

#: What answers a request, in aiohttp's terms.
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

#: The code of an answered error, so that a client raises the same class.
CODE_HEADER = "Edged-Code"

#: The hint that stands in brackets in the text, percent-encoded, so that a client can
#: tell the two apart.
HINT_HEADER = "Edged-Hint"

# What a header's value may hold as it is (RFC 9110, 5.5), but for the % itself.
_PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
PROBLEM_JSON = "application/problem+json"

#: By `EdgedError.code`. Where a stock OIP client may look, as Triton answers:
#: "unavailable" (queue full, deadline passed in the queue, not loaded) is 503.
STATUS: dict[str, HTTPStatus] = {
    "error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "refused": HTTPStatus.BAD_REQUEST,
    "busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "broken": HTTPStatus.INTERNAL_SERVER_ERROR,
    # the caller's side
    "invalid-request": HTTPStatus.BAD_REQUEST,
    "invalid-tensor": HTTPStatus.BAD_REQUEST,
    "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported": HTTPStatus.NOT_IMPLEMENTED,
    "unknown-model": HTTPStatus.NOT_FOUND,
    "unknown-version": HTTPStatus.NOT_FOUND,
    "unknown-variant": HTTPStatus.NOT_FOUND,
    "unknown-region": HTTPStatus.NOT_FOUND,
    "bad-region": HTTPStatus.BAD_REQUEST,
    "unknown-endpoint": HTTPStatus.NOT_FOUND,
    "wrong-method": HTTPStatus.METHOD_NOT_ALLOWED,
    "not-permitted": HTTPStatus.FORBIDDEN,
    "signature-changed": HTTPStatus.CONFLICT,
    "downgrade": HTTPStatus.CONFLICT,
    "conflict": HTTPStatus.CONFLICT,
    "no-input": HTTPStatus.BAD_REQUEST,
    "bad-config": HTTPStatus.UNPROCESSABLE_ENTITY,
    "bad-bundle": HTTPStatus.UNPROCESSABLE_ENTITY,
    "rejected": HTTPStatus.UNPROCESSABLE_ENTITY,
    "held": HTTPStatus.CONFLICT,
    "quarantined": HTTPStatus.CONFLICT,
    "revoked": HTTPStatus.CONFLICT,
    "pinned": HTTPStatus.CONFLICT,
    "unsigned": HTTPStatus.FORBIDDEN,
    "untrusted": HTTPStatus.FORBIDDEN,
    "unknown-change": HTTPStatus.NOT_FOUND,
    # later
    "change-under-way": HTTPStatus.SERVICE_UNAVAILABLE,
    "not-now": HTTPStatus.SERVICE_UNAVAILABLE,
    "no-memory": HTTPStatus.SERVICE_UNAVAILABLE,
    "not-fetched": HTTPStatus.BAD_GATEWAY,
    "queue-full": HTTPStatus.SERVICE_UNAVAILABLE,
    "low-priority": HTTPStatus.SERVICE_UNAVAILABLE,
    "deadline-exceeded": HTTPStatus.SERVICE_UNAVAILABLE,
    "not-ready": HTTPStatus.SERVICE_UNAVAILABLE,
    "draining": HTTPStatus.SERVICE_UNAVAILABLE,
    "too-many-connections": HTTPStatus.SERVICE_UNAVAILABLE,
    "slow-request": HTTPStatus.REQUEST_TIMEOUT,
    # the device and its data
    "bad-model": HTTPStatus.INTERNAL_SERVER_ERROR,
    "bad-release": HTTPStatus.INTERNAL_SERVER_ERROR,
    "store-failed": HTTPStatus.INTERNAL_SERVER_ERROR,
    "socket-failed": HTTPStatus.INTERNAL_SERVER_ERROR,
    "protocol-error": HTTPStatus.INTERNAL_SERVER_ERROR,
    # raised by the client alone; here so that the table is total
    "no-daemon": HTTPStatus.SERVICE_UNAVAILABLE,
    "no-access": HTTPStatus.FORBIDDEN,
    "timed-out": HTTPStatus.GATEWAY_TIMEOUT,
}


def status_of(error: EdgedError) -> HTTPStatus:
    """Return the HTTP status that this error is answered with."""
    return STATUS[error.code]


def problem_of(error: EdgedError) -> Problem:
    """Return the error as a value: what crosses the control socket."""
    return Problem(
        title=error.code.replace("-", " "),
        status=status_of(error).value,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        retry_after_s=error.retry_after_s if isinstance(error, Busy) else None,
        fields=error.fields,
    )


def control_answer(error: EdgedError) -> web.Response:
    """Answer an error on the control socket: problem+json."""
    body = msgspec.json.encode(problem_of(error), enc_hook=str)
    return _answer(error, body, PROBLEM_JSON)


def data_answer(error: EdgedError) -> web.Response:
    """Answer an error on the data socket: `{"error": text}`, as OIP says.

    A stock client shows this text alone, so the hint is part of it.
    """
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    answer = _answer(error, msgspec.json.encode({"error": text}), "application/json")
    if error.hint:
        answer.headers[HINT_HEADER] = quote(error.hint, safe=_PLAIN)
    return answer


def _answer(error: EdgedError, body: bytes, content_type: str) -> web.Response:
    response = web.Response(
        status=status_of(error), body=body, content_type=content_type
    )
    response.headers[CODE_HEADER] = error.code
    if isinstance(error, Busy):
        # A whole number of seconds (RFC 9110, 10.2.3); the body has the fraction.
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    allow = error.fields.get("allow")
    if isinstance(error, WrongMethod) and allow:
        response.headers["Allow"] = str(allow)  # required by RFC 9110, 15.5.6
    return response


# --- failures that are not ours ----------------------------------------------


#: Paths that people try, and the protocol does not have.
_MEANT = {"/v2/models": "POST /v2/repository/index lists the models"}


def from_http(error: web.HTTPException, request: web.BaseRequest) -> EdgedError:
    """Translate what aiohttp itself raises: no route, wrong method, body too large."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allow = ", ".join(sorted(error.allowed_methods))
        return WrongMethod(
            f"cannot {request.method} {request.path}: it takes {allow}", allow=allow
        )
    if isinstance(error, web.HTTPNotFound):
        return UnknownEndpoint(
            f"cannot {request.method} {request.path}: no such path on this socket",
            hint=_MEANT.get(request.path.rstrip("/"), ""),
        )
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge(
            f"cannot take this body: over {request.client_max_size} bytes",
            max_bytes=request.client_max_size,
        )
    return InvalidRequest(f"cannot take this request: {error.reason.lower()}")


def from_bug(error: BaseException, request: web.BaseRequest) -> EdgedError:
    """Log a bug with its traceback; return what the caller may know: an id."""
    return bug(error, f"{request.method} {request.path}")


def bug(error: BaseException, what: str) -> EdgedError:
    """Log a bug with its traceback; return what the caller may know: an id.

    Args:
        error: what was raised.
        what: method and path of the request.
    """
    request_id = secrets.token_hex(4)
    _log.error(
        "request %s: %s failed: a bug",
        request_id,
        what,
        exc_info=error,
        extra={"edged_code": Notice.BUG.value},
    )
    return EdgedError(
        f"cannot answer: an internal error, request {request_id}",
        hint=f"look for {request_id} in edged's log, as by journalctl -u edged",
        request_id=request_id,
    )
