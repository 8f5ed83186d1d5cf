"""The express door's connections: read, ask, answer, without a framework.

One request at a time: nothing is read while one runs or its answer is unsent, and the
loop has a turn between two. Requests that came early wait in the buffer.

    IDLE     nothing of a request has come      keep-alive; before the first one: head
    BODY     a head is there, its body is not   a moment, then aiohttp waits for it
    BUSY     a request runs                     none: it brings its own
    SENDING  the client has yet to read         body, as long as it reads nothing

Law: whatever is not a complete, usual request (`api.express_head`) that comes at once
goes to aiohttp with every byte that was read: half a head, a body that is late or ends
early, an unknown path. So there is one reader of what is unusual, and one judge.
"""

import asyncio
import enum
import logging
import math
import socket
from collections.abc import Callable, Sequence

from edged.api import problems
from edged.api.connection import Limits
from edged.api.express_desk import Desk, Order, Unusual
from edged.api.express_head import Head, Kind
from edged.api.express_intake import MOST_FDS, Intake, TooManyDescriptors, close
from edged.api.express_outbox import CLOSING, closing, left_of
from edged.api.regions import MAX_BODY_BYTES
from edged.errors import BadRegion, EdgedError
from edged.host.peer import Peer, is_gone, unread_bytes
from edged.serve.reception import Ticket
from edged.wire.tensorbytes import Buffer

_log = logging.getLogger(__name__)

#: How long a body may take here, and not longer than a client may stall anyway.
PATIENCE_S = 5.0

_NOT_NOW = (BlockingIOError, InterruptedError)

HandOver = Callable[["Line", socket.socket, bytes], None]


class Stage(enum.Enum):
    """Where a connection is; see the module."""

    IDLE = "idle"
    BODY = "body"
    BUSY = "busy"
    SENDING = "sending"
    OVER = "over"


class Line:
    """One connection.

    Args:
        sock: connected, does not block; ours from now on.
        peer: who is connected.
        desk: answers.
        limits: the deadlines.
        lost: called once, when the connection is gone.
        hand_over: called instead, with the bytes that were read, when it is aiohttp's.

    Attributes:
        last: whether its next answer is its last.
        registered: whether memory came on it, which goes with it.
    """

    __slots__ = (
        "_closes", "_desk", "_due", "_hand_over", "_head", "_intake", "_limits",
        "_loop", "_lost", "_order", "_parts", "_reading", "_size", "_sock", "_stage",
        "_ticket", "_timer", "_unread", "_unsent", "last", "peer", "registered",
    )  # fmt: skip

    def __init__(
        self,
        sock: socket.socket,
        peer: Peer,
        desk: Desk,
        *,
        limits: Limits,
        lost: Callable[["Line"], None],
        hand_over: HandOver,
    ) -> None:
        self._sock = sock
        self._intake = Intake(sock)
        self.peer = peer
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._lost = lost
        self._hand_over = hand_over
        self.last = False
        self.registered = False
        self._head: Head  # of the present request
        self._order: Order | None = None
        self._ticket: Ticket | None = None
        self._parts: Sequence[Buffer] = ()  # of an answer that begins to be sent
        self._size = 0
        self._unsent: list[memoryview] = []
        self._unread = 0  # of what was sent, as of the last look
        self._closes = False  # its answer says that it is the last
        self._stage = Stage.IDLE
        self._timer: asyncio.TimerHandle | None = None
        self._await(Stage.IDLE, limits.head_timeout_s)
        self._reading = False
        self._read_on()
        desk.regions.enter(peer, self)

    def __repr__(self) -> str:
        return f"<Line {self._stage.value}>"

    # --- reading -----------------------------------------------------------------

    def _readable(self) -> None:
        stage = self._stage
        if stage is Stage.IDLE:
            if self._intake.is_empty and self._receive():
                self._serve()
        elif stage is Stage.BODY:
            self._read_body()
        elif stage is Stage.BUSY and is_gone(self._sock):
            self.abort()
        else:  # it can wait
            self._stop_reading()

    def _receive(self) -> bool:
        """Read into the buffer; tell whether anything came."""
        try:
            if self._intake.receive():
                return True
        except _NOT_NOW:
            return False
        except TooManyDescriptors:
            self._refuse_descriptors()
            return False
        except OSError:
            pass  # it is gone, like one that said goodbye
        self.abort()
        return False

    def _receive_more(self) -> bool:
        """Read on; tell whether the connection is still ours."""
        return self._receive() or self._stage is Stage.IDLE

    def _serve(self) -> None:
        """Take up the request that begins in the buffer."""
        if self._stage is not Stage.IDLE or self._intake.is_empty:
            return
        raw = self._intake.head()
        if raw is None and self._intake.make_room():
            if not self._receive_more():
                return
            raw = self._intake.head()
        head = None if raw is None else self._desk.heads.read(raw)
        if head is None:
            self._leave()
            return
        self._head = head
        whole = self._intake.has(head.length)
        if head.kind is not Kind.REGISTER:
            self._intake.drop_strays(head.length)
        if head.kind is Kind.INFER and not self._order_by(head, whole=whole):
            return
        if whole:
            self._ask()
        elif self._intake.expect(head):
            self._await(Stage.BODY, min(PATIENCE_S, self._limits.body_timeout_s))
            self._read_body()
        else:
            self._leave()

    def _order_by(self, head: Head, *, whole: bool) -> bool:
        """Tell whether an infer request may have its body read."""
        try:
            self._order = self._desk.order(head, whole=whole)
        except Unusual:
            self._leave()
        except EdgedError as error:
            self._intake.body(head.length)  # it is read, and of no use
            self._stage = Stage.BUSY
            self.refuse(error)
        else:
            return True
        return False

    def _read_body(self) -> None:
        try:
            if self._intake.fill(self._head.length):
                self._ask()
        except EOFError:
            self._leave()  # it ended early: aiohttp says so
        except OSError:
            self.abort()

    def _read_on(self) -> None:
        self._reading = True
        self._loop.add_reader(self._sock, self._readable)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._sock)

    # --- asking ------------------------------------------------------------------

    def _ask(self) -> None:
        """Have a complete request answered."""
        self._stage, self._due = Stage.BUSY, math.inf
        head, order = self._head, self._order
        body = self._intake.body(head.length)
        try:
            if order is None:
                self._manage(head, body)
                return
            ticket = self._desk.infer(order, body, self)
        except Unusual:
            self._leave()
        except EdgedError as error:
            self.refuse(error)
        except Exception as exc:  # noqa: BLE001  # the api's top: told by a request id
            self.refuse(problems.bug(exc, f"POST {head.path}"))
        else:
            if self._stage is Stage.BUSY:  # still
                self._ticket = ticket

    def _manage(self, head: Head, body: memoryview) -> None:
        """Register shared memory, or unregister it."""
        if len(body) > MAX_BODY_BYTES:
            raise Unusual
        fds = self._intake.take_fds() if head.kind is Kind.REGISTER else []
        try:
            answer = self._desk.manage(head, body, fds, self)
        finally:
            close(fds)
        self.registered = self.registered or bool(fds)
        self.answer((answer,), len(answer))

    # --- answering ---------------------------------------------------------------

    def answer(self, parts: Sequence[Buffer], size: int) -> None:
        """Send an answer; see `Caller`."""
        if self._stage is not Stage.BUSY:
            return
        self._ticket = None
        if self.last:
            self._closes = True
            parts = (closing(parts[0]), *parts[1:])
            size += len(CLOSING)
        self._parts, self._size = parts, size
        self._desk.outbox.put(self)

    def send(self) -> None:
        """Send the answer, unless the connection has ended; see `Outbox`."""
        parts, self._parts = self._parts, ()
        if not parts:
            return
        try:
            sent = self._sock.sendmsg(parts)
        except _NOT_NOW:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent == self._size:
            self._rest()
        else:
            self._unsent = left_of(parts, sent)
            self._await_reader()
            self._loop.add_writer(self._sock, self._writable)

    def refuse(self, error: EdgedError) -> None:
        """Send an error; see `Caller`."""
        if self._stage is Stage.BUSY:
            self._intake.renew()  # a run that was given up may still read its tensors
            answer = self._desk.refusal(error, last=False)
            self.answer((answer,), len(answer))

    def _writable(self) -> None:
        try:
            sent = self._sock.sendmsg(self._unsent)
        except _NOT_NOW:
            return
        except OSError:
            self.abort()
            return
        self._unsent = left_of(self._unsent, sent)
        if self._unsent:
            self._await_reader()
        else:
            self._loop.remove_writer(self._sock)
            self._rest()

    def _rest(self) -> None:
        """The answer is out; the next request may come."""
        if self._order is not None:
            self._order.let_go()
            self._order = None
        if self._closes:
            self.abort()
            return
        self._await(Stage.IDLE, self._limits.keep_alive_s)
        if self._intake.advance(self._head.json_bytes or 0):
            self._loop.call_soon(self._serve)
        if not self._reading:
            self._read_on()

    # --- ending ------------------------------------------------------------------

    def abort(self) -> None:
        """Drop the connection, what it has not sent and what runs for it."""
        if self._stage is Stage.OVER:
            return
        if self._ticket is not None:
            self._ticket.cancel()
        self._let_go()
        self._sock.close()
        self._lost(self)

    def _leave(self) -> None:
        """Leave the connection to aiohttp, with all that was read of a request."""
        read = self._intake.unread()
        self._let_go()
        self._hand_over(self, self._sock, read)

    def _let_go(self) -> None:
        self._stop_reading()
        if self._stage is Stage.SENDING:
            self._loop.remove_writer(self._sock)
        self._stage = Stage.OVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._order is not None:
            self._order.let_go()
        self._intake.close_fds()
        self._ticket = self._order = None
        self._parts, self._unsent = (), []
        self._desk.outbox.forget(self)

    def _refuse_descriptors(self) -> None:
        error = BadRegion(
            f"cannot take this request: it carries over {MOST_FDS} file descriptors",
            hint="send one, with the request that registers it",
        )
        try:
            self._sock.send(self._desk.refusal(error, last=True))
        except OSError:
            _log.info("%s", error)
        self.abort()

    # --- deadlines ---------------------------------------------------------------

    def _await(self, stage: Stage, within_s: float) -> None:
        """Enter a stage that ends by itself.

        One timer a connection: if it fires too early, it sets itself anew.
        """
        self._stage = stage
        due = self._due = self._loop.time() + within_s
        if self._timer is None or self._timer.when() > due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._look)

    def _await_reader(self) -> None:
        self._unread = unread_bytes(self._sock)
        self._await(Stage.SENDING, self._limits.body_timeout_s)

    def _look(self) -> None:
        self._timer = None
        if self._loop.time() < self._due:
            if self._due < math.inf:
                self._timer = self._loop.call_at(self._due, self._look)
        elif self._stage is Stage.BODY:
            self._leave()
        elif self._stage is Stage.SENDING and unread_bytes(self._sock) < self._unread:
            self._await_reader()  # it reads, too slowly for us to send on yet
        else:
            if self._stage is Stage.SENDING:
                _log.info("a client did not read its answer")
            self.abort()
