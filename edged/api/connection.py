"""One HTTP connection with deadlines, in aiohttp's protocol.

aiohttp 3.14 waits for ever for a head, for a body and for a client that does not
read its answer. Here each stage of a connection has a deadline:

    NEW    accepted                        none: the loop connects it at once
    IDLE   nothing of a request has come   keep-alive; before the first one: head
    HEAD   its first bytes have come       head
    BODY   the head is there               body, longer the more has come
    BUSY   all is there                    none: the handler brings its own
    (any)  the client does not read        body, as long as it reads nothing

Law: a client that began a request is told why it ends (408 or 400, as JSON); one that
never began is closed without a word. One timer a connection, never one a request.
"""

import asyncio
import enum
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import StreamReader

from edged.api import problems
from edged.errors import EdgedError, InvalidRequest, SlowRequest
from edged.host.peer import Peer, is_gone

_log = logging.getLogger(__name__)

#: Longest request line, and longest header field.
MAX_LINE_BYTES = 8190
MAX_HEADERS = 64

#: A body may take `body_timeout_s` and a second more per so many bytes, so that a
#: large release may come over a slow line, and a byte now and then is not enough.
MIN_BODY_BYTES_S = 16 * 1024

#: How long a client that was answered early may go on sending, so that it comes to
#: read the answer: closing on unread bytes would reset the connection.
LINGER_S = 2.0

#: How long the rest of an answer may lie unread after we closed.
FLUSH_S = 5.0

Refuse = Callable[[EdgedError], web.Response]

#: Tells whether the answer to a request may keep its connection open.
Keeps = Callable[[web.BaseRequest], bool]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of every connection; see the `server` settings. Seconds."""

    max_connections: int = 512
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    keep_alive_s: float = 75.0
    drain_timeout_s: float = 20.0


class Stage(enum.Enum):
    """Where a connection is; see the module."""

    NEW = "new"
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    BUSY = "busy"


# Not a Struct: it is the one thing here that changes all the time.
@dataclass(kw_only=True)
class _Receiving:
    """A body on its way.

    Attributes:
        guard: around the handler that wants it; rescheduling it cancels the handler.
        since_s: on the loop's clock.
        arrived: bytes since then.
    """

    body: StreamReader
    guard: asyncio.Timeout
    since_s: float
    arrived: int = 0

    def stop(self, now: float) -> None:
        """Cancel the handler, once."""
        if self.guard.when() is None:
            self.guard.reschedule(now)


class Connection(web.RequestHandler):
    """aiohttp's connection, with deadlines and with errors in JSON.

    Args:
        manager: aiohttp's server that it belongs to.
        limits: the deadlines.
        refuse: makes the answer for an error.
        lost: called once, when the connection is gone.
        peer: who is connected, where that is known already.
    """

    __slots__ = (
        "_due",
        "_ended",
        "_has_line",
        "_limits",
        "_lost",
        "_receiving",
        "_refuse",
        "_stage",
        "_timer",
        "_unread",
        "_wire",
        "keeps",
        "last",
        "peer",
    )

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        refuse: Refuse,
        lost: Callable[["Connection"], None],
        peer: Peer | None = None,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=math.inf,  # ours is the only timer
            logger=_log,
            access_log=None,  # type: ignore[arg-type]  # None is how aiohttp has none
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            lingering_time=LINGER_S,
            auto_decompress=False,  # `api.body` inflates, within a bound
        )
        self._limits = limits
        self._refuse = refuse
        self._lost = lost
        self._wire: asyncio.Transport
        self._stage = Stage.NEW
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._has_line = False  # whether a request line has come
        self._receiving: _Receiving | None = None  # in stage BODY
        self._unread = 0  # bytes in our send buffer when it was last looked at
        self._ended = False  # the client will send no more
        self.last = False  # whether its next answer is its last
        self.keeps: Keeps = (
            _keeps_always  # whether this request's answer may keep it open
        )
        self.peer = peer

    def __repr__(self) -> str:
        return f"<Connection {self._stage.value}>"

    # --- what the transport tells ------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: the first request's head is due."""
        self._wire = cast(asyncio.Transport, transport)
        super().connection_made(transport)
        self._enter(Stage.IDLE, self._limits.head_timeout_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes; also called with none, when aiohttp parses what it held back."""
        if data:
            if self._receiving is not None:
                self._receiving.arrived += len(data)
            elif self._stage is Stage.IDLE:
                self._has_line = False
                self._enter(Stage.HEAD, self._limits.head_timeout_s)
            if self._stage is Stage.HEAD and not self._has_line:
                self._has_line = b"\n" in data
        super().data_received(data)
        # aiohttp keeps parsed heads in _messages until a task of its own takes them.
        if self._messages and self._stage is Stage.HEAD:
            self._enter(Stage.BUSY, math.inf)

    def eof_received(self) -> bool:  # type: ignore[override]  # None and bool are legal
        """The client will send no more: answer what is complete, then close.

        Returns:
            Whether the connection stays open for an answer.
        """
        self._ended = self.last = True
        if self._receiving is not None:
            if not self._receiving.body.is_eof():
                self._receiving.stop(self._loop.time())
            return True
        if self._stage is Stage.HEAD and self._has_line:
            self._tell(InvalidRequest("cannot read this request: its head ended early"))
        return self._stage is Stage.BUSY and not is_gone(
            self._wire.get_extra_info("socket")
        )

    def pause_writing(self) -> None:
        """Our send buffer is full: the client has to read some of it in time."""
        super().pause_writing()
        self._unread = self._wire.get_write_buffer_size()
        self._arm(self._loop.time() + self._limits.body_timeout_s)

    # --- what the server tells ---------------------------------------------------

    def attend(self, body: StreamReader, guard: asyncio.Timeout) -> None:
        """A head is complete and its handler begins.

        Args:
            body: its body.
            guard: cancels the handler when rescheduled; then ask `failure` why.
        """
        if body.is_eof():
            self._enter(Stage.BUSY, math.inf)
            return
        self._receiving = _Receiving(body=body, guard=guard, since_s=self._loop.time())
        self._enter(Stage.BODY, self._limits.body_timeout_s)
        if self._ended:
            self._receiving.stop(self._loop.time())

    def failure(self) -> EdgedError:
        """Say why the handler was cancelled through its guard."""
        if self._ended:
            if self._receiving is not None:
                self._receiving.body.feed_eof()  # or aiohttp would linger for the rest
            return InvalidRequest("cannot read this request: its body ended early")
        return SlowRequest(
            "cannot wait for this request: its body took over "
            f"{self._limits.body_timeout_s:g} s",
            hint="send the body at once after the head",
        )

    def rest(self) -> None:
        """The handler is done; its answer goes out, and the next request may come."""
        self._receiving = None
        self._enter(Stage.IDLE, self._limits.keep_alive_s)

    def abort(self) -> None:
        """Drop the connection and what it has not sent."""
        if self._stage is not Stage.NEW:
            self._wire.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp's parser refused, as JSON, and close."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun; another cannot follow")
        if isinstance(exc, HttpProcessingError):
            error: EdgedError = _malformed(exc)
            _log.info("%s", error)
        else:
            error = problems.from_bug(exc or RuntimeError(status, message), request)
        response = self._refuse(error)
        response.headers["Server"] = ""  # no hook removes it on this way
        response.force_close()
        return response

    # --- deadlines ---------------------------------------------------------------

    def _enter(self, stage: Stage, within_s: float) -> None:
        self._stage = stage
        self._due = self._loop.time() + within_s
        if within_s < math.inf:
            self._arm(self._due)

    def _arm(self, at: float) -> None:
        """Look at this connection at `at` or before.

        A timer that fires too early sets itself anew, so a busy connection does not
        make one per request.
        """
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._wire.is_closing():  # closed, and what it holds was not read in time
            self._wire.abort()
        elif self.writing_paused:
            self._look_at_reader(now)
        elif self._receiving is not None:
            self._look_at_body(self._receiving, now)
        elif now >= self._due:
            self._expire()
        elif self._due < math.inf:
            self._arm(self._due)

    def _look_at_reader(self, now: float) -> None:
        unread = self._wire.get_write_buffer_size()
        if unread >= self._unread:
            _log.info("a client did not read %d bytes of its answer", unread)
            self._wire.abort()
            return
        self._unread = unread
        self._arm(now + self._limits.body_timeout_s)

    def _look_at_body(self, receiving: _Receiving, now: float) -> None:
        if receiving.body.is_eof():
            self._receiving = None
            self._enter(Stage.BUSY, math.inf)
            return
        if not self._wire.is_reading():  # it is we who do not take it
            receiving.since_s, receiving.arrived = now, 0
        allowed_s = self._limits.body_timeout_s + receiving.arrived / MIN_BODY_BYTES_S
        if now < receiving.since_s + allowed_s:
            self._arm(receiving.since_s + allowed_s)
        else:
            receiving.stop(now)

    def _expire(self) -> None:
        if self._stage is Stage.HEAD and self._has_line:
            self._tell(
                SlowRequest(
                    "cannot wait for this request: its head took over "
                    f"{self._limits.head_timeout_s:g} s"
                )
            )
        self._close_soon()

    def _tell(self, error: EdgedError) -> None:
        if not self._wire.is_closing():
            self._wire.write(raw_answer(self._refuse(error)))

    def _close_soon(self) -> None:
        self.force_close()
        self._arm(self._loop.time() + FLUSH_S)


def _keeps_always(_request: web.BaseRequest) -> bool:
    return True


def _malformed(exc: HttpProcessingError) -> InvalidRequest:
    if isinstance(exc, LineTooLong):
        return InvalidRequest(
            "cannot read this request: its first line or a header is over "
            f"{MAX_LINE_BYTES} bytes"
        )
    # The parser's text goes on with a copy of the line and a caret.
    why = exc.message.partition("\n")[0].rstrip(": ").lower()
    return InvalidRequest(f"cannot read this request: {why}")


def raw_answer(response: web.Response, *, last: bool = True) -> bytes:
    """Write an answer out where aiohttp does not.

    Args:
        response: complete.
        last: whether the connection ends with it.
    """
    body = response.body
    if not isinstance(body, bytes):
        raise TypeError(f"an error's answer is bytes, not {type(body).__name__}")
    head = [f"HTTP/1.1 {response.status} {response.reason}"]
    head += [f"{name}: {value}" for name, value in response.headers.items()]
    head += [f"Content-Length: {len(body)}"]
    head += ["Connection: close"] if last else []
    return "\r\n".join((*head, "", "")).encode() + body
