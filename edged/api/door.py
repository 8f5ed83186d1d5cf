"""One application behind its listening sockets: accept, bound, drain.

Law: nobody hangs at a door. Over the cap a client gets a 503 at once; without a file
descriptor to spare accepting pauses, and the kernel's queue holds who comes.
Every failure becomes the door's kind of JSON, whatever raised it.

Draining: sockets of our own lose their file, so nobody new finds them, and who is in
the kernel's queue already is let in; inherited ones are left alone: their queue is the
next instance's. Every answer says `Connection: close`, and no connection is closed
before such an answer.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aiohttp import HttpVersion10, web
from aiohttp.http_exceptions import HttpProcessingError

from edged.api import problems
from edged.api.access import refuse_browsers
from edged.api.connection import Connection, Limits, Refuse, raw_answer
from edged.api.express import Line
from edged.api.express_desk import Desk
from edged.api.express_head import keeps
from edged.errors import EdgedError, InvalidRequest, TooManyConnections
from edged.host.listen import BACKLOG, Listener, widen
from edged.host.peer import Peer, peer
from edged.wire.notices import Notice

_log = logging.getLogger(__name__)

_RETRY_S = 0.5
#: Connections accepted before others get a turn on the loop: a full queue.
_BATCH = BACKLOG
#: Clients over the cap that are heard out, and for how long.
_MAX_TURNED_AWAY = 64
_TURN_AWAY_S = 1.0


# Not a Struct: it holds live parts of the machine.
@dataclass(frozen=True, kw_only=True)
class Door:
    """What is served, and where.

    Attributes:
        name: for people: data, control.
        app: not yet started; one door's alone.
        refuse: makes this door's answer for an error.
        own: listeners that we made.
        inherited: listeners that the service manager keeps open.
        express: answers usual requests on Unix sockets itself; None: aiohttp has all.
        asks: every request only asks: one whose caller has gone is given up. An
            effect is not: half of it would be worse than all.
    """

    name: str
    app: web.Application
    refuse: Refuse
    own: tuple[Listener, ...] = ()
    inherited: tuple[Listener, ...] = ()
    express: Desk | None = None
    asks: bool = False


class _Shim(asyncio.Protocol):
    """Gives a connection its transport and what was read before there was one.

    Both in one call, before the transport reads: no byte can come in between.
    """

    def __init__(self, real: Connection, read: bytes) -> None:
        self._real = real
        self._read = read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the real protocol in our place."""
        cast(asyncio.Transport, transport).set_protocol(self._real)
        self._real.connection_made(transport)
        if self._read:
            self._real.data_received(self._read)


async def open_gate(door: Door, limits: Limits, group: asyncio.TaskGroup) -> "Gate":
    """Start the door's application and accept; see `Gate`."""
    runner = web.AppRunner(
        door.app,
        access_log=None,
        handle_signals=False,
        handler_cancellation=door.asks,
        shutdown_timeout=0.1,
    )
    door.app.on_response_prepare.append(_stamp)
    await runner.setup()
    gate = Gate(door, limits, group, runner)
    gate.open()
    return gate


class Gate:
    """A door in operation. Call on the loop only.

    Args:
        door: see there.
        limits: of each connection; the cap is of this door.
        group: runs its short tasks.
        runner: of the door's application, set up.
    """

    def __init__(
        self,
        door: Door,
        limits: Limits,
        group: asyncio.TaskGroup,
        runner: web.AppRunner,
    ) -> None:
        self._door = door
        self._limits = limits
        self._group = group
        self._runner = runner
        self._server = cast(web.Server, runner.server)
        # aiohttp's way to the application becomes ours, and ours leads there.
        self._inner = self._server.request_handler
        self._server.request_handler = self._answer
        self._loop = asyncio.get_running_loop()
        self._listening = {listener.where: listener for listener in _all(door)}
        self._here: set[Connection | Line] = set()
        self._turned_away = 0
        self._exhausted = False
        self._draining = False
        self._emptied = asyncio.Event()

    def __repr__(self) -> str:
        doing = "draining" if self._draining else "open"
        return f"door {self._door.name} {doing}: {self.connections} connections"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._here)

    def open(self) -> None:
        """Accept."""
        for listener in self._listening.values():
            self._resume(listener)

    def begin_drain(self) -> None:
        """Let nobody new in; from now on every answer is a connection's last."""
        self._draining = True
        for connection in self._here:
            connection.last = True
        for listener in self._door.inherited:
            self._stop(listener)
        for listener in self._door.own:
            self._accept(listener)
            if listener.inode is None:  # TCP: nothing else hides it
                self._stop(listener)
                listener.close()
            else:
                _withdraw(listener)

    async def drained(self) -> None:
        """Wait until everybody is gone, and who was in the queue, too."""
        while True:
            self._emptied.clear()
            for listener in tuple(self._listening.values()):
                self._accept(listener)
            if not self._here:
                return
            await self._emptied.wait()

    async def close(self) -> None:
        """Close all that is left, at once."""
        for listener in tuple(self._listening.values()):
            self._stop(listener)
        await self._runner.cleanup()
        for connection in tuple(self._here):
            connection.abort()
        for listener in _all(self._door):
            listener.close()

    # --- accepting ---------------------------------------------------------------

    def _resume(self, listener: Listener) -> None:
        if listener.where in self._listening:
            self._loop.add_reader(listener.socket, self._accept, listener)

    def _stop(self, listener: Listener) -> None:
        if self._listening.pop(listener.where, None) is not None:
            self._loop.remove_reader(listener.socket)

    def _accept(self, listener: Listener) -> None:
        for _ in range(_BATCH):
            try:
                sock, _address = listener.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                self._pause(listener, exc)
                return
            self._exhausted = False
            sock.setblocking(False)  # noqa: FBT003  # the standard library's signature
            if len(self._here) >= self._limits.max_connections:
                self._turn_away(sock)
            else:
                self._let_in(sock)

    def _pause(self, listener: Listener, exc: OSError) -> None:
        """Take the socket off the loop for a while: it stays readable and would spin.

        Most likely there is no file descriptor to spare (EMFILE).
        """
        if not self._exhausted:
            self._exhausted = True
            _log.warning(
                "cannot accept on %s: %s",
                listener.where,
                exc.strerror,
                extra={"edged_code": Notice.CANNOT_ACCEPT.value},
            )
        self._loop.remove_reader(listener.socket)
        self._loop.call_later(_RETRY_S, self._resume, listener)

    def _let_in(self, sock: socket.socket) -> None:
        widen(sock)
        desk = self._door.express
        if desk is None or sock.family is not socket.AF_UNIX:
            connection = self._connection(None)
            self._group.create_task(self._connect(sock, connection, connection))
            return
        line = Line(
            sock,
            peer(sock),
            desk,
            limits=self._limits,
            lost=self._lost,
            hand_over=self._hand_over,
        )
        line.last = self._draining
        self._here.add(line)

    def _hand_over(self, line: Line, sock: socket.socket, read: bytes) -> None:
        """Go on with aiohttp on a connection that the express door read from."""
        connection = self._connection(line.peer)
        if not line.registered:  # else its memory would go with it
            connection.keeps = keeps
        if self._door.express is not None:
            self._door.express.moved(line, connection, line.peer)
        self._here.discard(line)
        shim = _Shim(connection, read)
        self._group.create_task(self._connect(sock, connection, shim))

    def _connection(self, who: Peer | None) -> Connection:
        connection = Connection(
            self._server,
            loop=self._loop,
            limits=self._limits,
            refuse=self._door.refuse,
            lost=self._lost,
            peer=who,
        )
        connection.last = self._draining
        self._here.add(connection)
        return connection

    async def _connect(
        self, sock: socket.socket, connection: Connection, first: asyncio.Protocol
    ) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: first, sock)
        except OSError as exc:
            _log.info("a client was gone before it was served: %s", exc)
            sock.close()
            self._lost(connection)

    def _lost(self, connection: Connection | Line) -> None:
        if self._door.express is not None and connection.peer is not None:
            self._door.express.regions.leave(connection.peer, connection)
        self._here.discard(connection)
        if not self._here:
            self._emptied.set()

    def _turn_away(self, sock: socket.socket) -> None:
        error = TooManyConnections(
            f"cannot take another connection: {self._limits.max_connections} "
            f"are open on the {self._door.name} socket",
            hint="close idle connections, or raise server.max-connections",
        )
        answer = raw_answer(self._door.refuse(error))
        if self._turned_away >= _MAX_TURNED_AWAY:
            with sock:
                _try_send(sock, answer)
            return
        self._turned_away += 1
        self._group.create_task(self._hear_out(sock, answer))

    async def _hear_out(self, sock: socket.socket, answer: bytes) -> None:
        """Answer when the request begins, and let it be sent, for a moment.

        Stock clients send all before they read; a reset would hide the answer.
        """
        try:
            async with asyncio.timeout(_TURN_AWAY_S):
                await self._loop.sock_recv(sock, 65536)
                await self._loop.sock_sendall(sock, answer)
                sock.shutdown(socket.SHUT_WR)
                while await self._loop.sock_recv(sock, 65536):
                    pass
        except (TimeoutError, OSError):
            return  # it was told, or it is gone
        finally:
            self._turned_away -= 1
            sock.close()

    # --- answering ---------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer every request, whatever the application makes of it."""
        connection = cast(Connection, request.protocol)
        try:
            return await self._guarded(request, connection)
        except EdgedError as error:
            return self._door.refuse(error)
        except web.HTTPException as exc:
            return self._door.refuse(problems.from_http(exc, request))
        except (HttpProcessingError, web.RequestPayloadError) as exc:
            return self._door.refuse(
                InvalidRequest(f"cannot read the request's body: {exc}")
            )
        except ConnectionError:
            # Nobody is there to read this; sending it ends the connection.
            return self._door.refuse(InvalidRequest("cannot answer: the peer is gone"))
        except Exception as exc:  # noqa: BLE001  # the api's top: told by a request id
            return self._door.refuse(problems.from_bug(exc, request))
        finally:
            connection.rest()

    async def _guarded(
        self, request: web.BaseRequest, connection: Connection
    ) -> web.StreamResponse:
        guard = asyncio.timeout(None)
        try:
            async with guard:
                connection.attend(request.content, guard)
                _refuse_old(request)
                refuse_browsers(request)
                return await self._inner(request)
        except TimeoutError:
            if not guard.expired():
                raise
            raise connection.failure() from None


async def _stamp(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Finish every head: no name of a server; `close` where it is the last."""
    response.headers.pop("Server", None)
    connection = cast(Connection, request.protocol)
    early = not request.content.is_eof()  # the rest of the body is thrown away
    if connection.last or early or not connection.keeps(request):
        response.force_close()
        response.headers["Connection"] = "close"


def _refuse_old(request: web.BaseRequest) -> None:
    """Refuse HTTP/0.9, which aiohttp takes for a request line without a version."""
    if request.version < HttpVersion10:
        raise InvalidRequest("cannot read this request: it is not HTTP/1.1")


def _all(door: Door) -> tuple[Listener, ...]:
    return door.own + door.inherited


def _withdraw(listener: Listener) -> None:
    """Remove our socket file, unless another daemon has already put its own there."""
    path = Path(listener.where)
    try:
        found = path.lstat()
        if (found.st_dev, found.st_ino) == listener.inode:
            path.unlink()
    except OSError as exc:
        _log.info("cannot remove %s: %s", path, exc.strerror)


def _try_send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.send(data)
    except OSError:
        return
