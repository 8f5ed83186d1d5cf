"""The asyncio client of the data socket.

    async with AsyncClient() as client:
        result = await client.infer("digits", image)

Law: as `client.inference`. For one event loop; any number of calls at a time, each on
a connection of its own. Cancelling a call closes its connection.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self, Unpack, cast

import numpy as np
import numpy.typing as npt

from edged.client import calls
from edged.client.answers import Answers, Expected
from edged.client.calls import (
    Array,
    InferOptions,
    Inputs,
    ModelIndex,
    ModelMetadata,
    Result,
)
from edged.client.http import SCRATCH_BYTES, Answer, Call, Reader, check
from edged.client.memory import Lent, Memory, refused
from edged.client.reach import (
    DATA_SOCKET,
    hung_up,
    socket_path,
    timed_out,
    unreachable,
)
from edged.client.transport import ancillary, widen
from edged.errors import EdgedError, Refused, UnknownRegion

__all__ = ["AsyncClient"]

#: Connections kept for reuse; more may be open while more calls run.
MAX_IDLE = 16

#: How often a full queue of the daemon's is tried again: see `client.transport`.
_RETRY_S = 0.01


class AsyncClient:
    """Asks models for answers; see `client.inference.Client`."""

    def __init__(
        self, socket: str | os.PathLike[str] | None = None, *, timeout_s: float = 10.0
    ) -> None:
        self._path = socket_path(socket, "EDGED_SOCKET", DATA_SOCKET)
        self._timeout_s = timeout_s
        self._idle: list[_Link] = []
        self._memory = Memory()
        self._answers = Answers()
        self._registering = asyncio.Lock()
        self._only_input: dict[str, str] = {}  # by model, once it was asked for

    @property
    def socket(self) -> str:
        """The path that it connects to."""
        return self._path

    async def infer(
        self,
        model: str,
        inputs: Inputs,
        *,
        timeout_s: float | None = None,
        **options: Unpack[InferOptions],
    ) -> Result:
        """Ask a model; see `client.inference.Client.infer`."""
        allowed_s = self._timeout_s if timeout_s is None else timeout_s
        named = calls.as_arrays(
            inputs
            if isinstance(inputs, Mapping)
            else {await self._name_of_input(model, allowed_s): inputs}
        )
        expected = self._answers.expected(model, named, options)
        lent = self._memory.lend(named, expected.sizes if expected else {})
        try:
            if expected is not None and lent.places:
                found = await self._ask_placed(
                    model, lent, allowed_s, options, expected
                )
                if found is not None:
                    return found
            result = await self._ask(model, lent, allowed_s, options)
        except Refused:
            self._only_input.pop(model, None)  # another signature may be live by now
            raise
        else:
            self._answers.learn(model, named, options, result)
            return result
        finally:
            self._memory.take_back(lent)

    def model(self, name: str) -> "AsyncModel":
        """Return a model as a function; nothing is asked yet."""
        return AsyncModel(self, name)

    def empty(
        self, shape: int | tuple[int, ...], dtype: npt.DTypeLike = np.float32
    ) -> Array:
        """Return an array in shared memory; see `client.inference.Client.empty`."""
        return self._memory.empty(shape, dtype)

    async def metadata(
        self, model: str, *, timeout_s: float | None = None
    ) -> ModelMetadata:
        """Return what a model takes and gives."""
        return calls.read_metadata(await self._send(calls.metadata(model), timeout_s))

    async def ready(
        self, model: str | None = None, *, timeout_s: float | None = None
    ) -> bool:
        """Tell whether the daemon, or one model, answers requests now."""
        return calls.read_ready(await self._send(calls.ready(model), timeout_s))

    async def models(self, *, timeout_s: float | None = None) -> tuple[ModelIndex, ...]:
        """Return the installed models."""
        return calls.read_models(await self._send(calls.models(), timeout_s))

    async def close(self) -> None:
        """Close idle connections. Another call would open a new one."""
        self._memory.close()
        idle, self._idle = self._idle, []
        for link in idle:
            link.close()
        for link in idle:
            await link.gone.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        await self.close()

    async def _name_of_input(self, model: str, timeout_s: float) -> str:
        if model not in self._only_input:
            found = await self.metadata(model, timeout_s=timeout_s)
            self._only_input[model] = calls.only_input(found)
        return self._only_input[model]

    async def _ask_placed(
        self,
        model: str,
        lent: Lent,
        allowed_s: float,
        options: InferOptions,
        expected: Expected,
    ) -> Result | None:
        """Ask for outputs in shared memory; None where they were not as expected."""
        named: InferOptions = {**options, "outputs": expected.outputs}
        try:
            result = await self._ask(model, lent, allowed_s, named)
        except Refused:
            self._answers.distrust(model, lent.plain, options)
        else:
            if expected.has(result):
                lent.at_rest = True
                return result
            self._answers.forget(model, lent.plain, options)
        lent.answer_in_body()
        return None

    async def _ask(
        self, model: str, lent: Lent, allowed_s: float, options: InferOptions
    ) -> Result:
        try:
            return await self._ask_once(model, lent, allowed_s, options)
        except UnknownRegion:
            # A daemon that was restarted, or let all our connections go, forgot it.
            self._memory.restart()
            return await self._ask_once(model, lent, allowed_s, options)

    async def _ask_once(
        self, model: str, lent: Lent, allowed_s: float, options: InferOptions
    ) -> Result:
        await self._introduce(lent, allowed_s)
        call = calls.infer(
            model, lent.inputs, timeout_s=allowed_s, places=lent.places, **options
        )
        return calls.read_infer(await self._send(call, allowed_s), lent.placed())

    async def _introduce(self, lent: Lent, allowed_s: float) -> None:
        """Make the blocks known to the daemon; if it refuses, send their bytes."""
        if not lent.unknown():
            return
        async with self._registering:  # another call may use the same array
            try:
                for gone in self._memory.unregistrations():
                    await self._send(gone, allowed_s)
                for block in lent.unknown():
                    check(await self._send(block.registration(), allowed_s))
                    block.registered = True
            except Refused as error:
                self._memory.usable = not refused(error)
                lent.send_plain()

    async def _send(self, call: Call, timeout_s: float | None) -> Answer:
        allowed_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(allowed_s):
                return await self._exchange(call)
        except TimeoutError:
            raise timed_out(self._path, allowed_s) from None

    async def _exchange(self, call: Call) -> Answer:
        while True:
            link, fresh = self._take(), False
            if link is None:
                link, fresh = await _connect(self._path), True
            try:
                answer = await link.exchange(call)
            except _Stale:
                # What had been idle may have been closed: only that is tried again.
                if fresh:
                    raise hung_up(self._path) from None
                continue
            except BaseException:
                link.close()
                raise
            if link.keeps and len(self._idle) < MAX_IDLE:
                self._idle.append(link)
            else:
                link.close()
            return answer

    def _take(self) -> "_Link | None":
        while self._idle:
            link = self._idle.pop()
            if link.is_quiet():
                return link
            link.close()
        return None


class AsyncModel:
    """One model of a client: `await model(x)` is `await client.infer(name, x)`."""

    def __init__(self, client: AsyncClient, name: str) -> None:
        self._client = client
        self.name = name

    async def __call__(
        self,
        inputs: Inputs,
        *,
        timeout_s: float | None = None,
        **options: Unpack[InferOptions],
    ) -> Result:
        """Ask it; see `client.inference.Client.infer`."""
        return await self._client.infer(
            self.name, inputs, timeout_s=timeout_s, **options
        )

    def __repr__(self) -> str:
        return f"AsyncModel({self.name!r})"


class _Stale(Exception):
    """The connection was gone before the daemon can have taken the call up."""


class _Link(asyncio.BufferedProtocol):
    """One connection: at most one call at a time."""

    def __init__(self, path: str, sock: socket.socket) -> None:
        self.keeps = True
        self.gone = asyncio.Event()
        self._path = path
        self._socket = sock
        self._scratch = memoryview(bytearray(SCRATCH_BYTES))
        self._transport: asyncio.Transport
        self._reader: Reader | None = None
        self._done: asyncio.Future[Answer | None] | None = None

    def is_quiet(self) -> bool:
        """Whether nothing came since the last answer, not even the end.

        The loop may not have seen it yet; the kernel has.
        """
        if not self.keeps or self._transport.is_closing():
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def exchange(self, call: Call) -> Answer:
        self._reader = reader = Reader(self._scratch)
        self._done = asyncio.get_running_loop().create_future()
        parts = [call.head(), *call.body]
        if call.fds:  # asyncio cannot send them; with an idle transport we may
            parts = [self._send_rights(b"".join(parts), call.fds)]
        self._transport.writelines(parts)
        answer = await self._done
        self._reader = self._done = None
        if answer is not None:
            sent = not self._transport.get_write_buffer_size()
            self.keeps = self.keeps and reader.keeps and sent
            return answer
        if call.repeatable and not reader.begun:
            raise _Stale
        raise hung_up(self._path)

    def _send_rights(self, request: bytes, fds: tuple[int, ...]) -> bytes:
        """Send descriptors with as much as goes at once; return the rest."""
        try:
            return request[self._socket.sendmsg([request], ancillary(fds)) :]
        except BlockingIOError as exc:
            raise hung_up(self._path) from exc
        except ConnectionError:
            raise _Stale from None

    def close(self) -> None:
        # Not close(): a call that was given up may have left bytes to send.
        self._transport.abort()

    # --- what the transport tells ----------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # the port's own
        return self._scratch if self._reader is None else self._reader.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        if self._reader is None:
            self._end()  # bytes that nobody asked for
            return
        try:
            self._reader.received(nbytes)
        except EdgedError as exc:
            self._end(exc)
            return
        if self._reader.answer is not None:
            self._settle(self._reader.answer)

    def eof_received(self) -> None:
        if self._reader is not None:
            self._reader.ended()
            self._settle(self._reader.answer)
        self._end()

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: ARG002
        self._end()
        self.gone.set()

    def _end(self, error: EdgedError | None = None) -> None:
        self.keeps = False
        if error is not None and self._done is not None and not self._done.done():
            self._done.set_exception(error)
        self._settle(None)
        self._transport.abort()

    def _settle(self, answer: Answer | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(answer)


async def _connect(path: str) -> _Link:
    sock = await _connected(path)
    link = _Link(path, sock)
    await asyncio.get_running_loop().create_connection(lambda: link, sock=sock)
    return link


async def _connected(path: str) -> socket.socket:
    # A Unix socket connects at once or not at all; asyncio would take a full queue's
    # EAGAIN for a connection under way.
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003  # the standard library's signature
        code = sock.connect_ex(path)
        if code == 0:
            widen(sock)
            return sock
        sock.close()
        if code != errno.EAGAIN:
            exc = OSError(code, os.strerror(code))
            raise unreachable(path, exc) from exc
        await asyncio.sleep(_RETRY_S)
