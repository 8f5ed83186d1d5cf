"""A TCP proxy in front of a real server, that spoils what comes back.

Requests reach the server as they were sent; a `Fault` does something to the answer, or
answers itself. One request a connection: each answer ends with `Connection: close`, so
that a fault meets exactly one. It speaks no TLS.
"""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

_HEAD_END = b"\r\n\r\n"
_PIECE = 1 << 16


class Exchange(msgspec.Struct, kw_only=True):
    """One request and the server's answer to it.

    Attributes:
        number: of the request, from 0.
        request: its head.
        status: the first line of the answer.
        headers: of the answer, by lower-case name.
        body: of the answer, as far as the server sent it.
    """

    number: int
    request: bytes
    status: bytes
    headers: dict[str, str]
    body: bytes

    def head(self) -> bytes:
        """Return the head of the answer as it goes out."""
        lines = [f"{name}: {value}".encode() for name, value in self.headers.items()]
        return b"\r\n".join([self.status, *lines]) + _HEAD_END


class Out:
    """The way to the client; counts what goes out after the head.

    Attributes:
        count: bytes.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.count = 0

    async def head(self, exchange: Exchange) -> None:
        """Send a head."""
        self._writer.write(exchange.head())
        await self._writer.drain()

    async def body(self, data: bytes) -> None:
        """Send bytes of a body."""
        self.count += len(data)
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()


#: Sends an answer, spoiled or not.
Fault = Callable[[Exchange, Out], Awaitable[None]]


async def fair(exchange: Exchange, out: Out) -> None:
    """Send the answer as it is."""
    await out.head(exchange)
    await out.body(exchange.body)


class FaultProxy:
    """The proxy while it runs.

    Attributes:
        url: what to ask instead of the server.
        fault: what is done to the next answers.
        requests: heads of all requests, in order.
        sent: bytes of bodies that went out, in all.
        first: a request has come.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = ""
        self.fault: Fault = fair
        self.requests: list[bytes] = []
        self.sent = 0
        self.first = asyncio.Event()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def ranges(self) -> list[str]:
        """Return the ranges that were asked for; empty for the whole."""
        found = [re.search(rb"(?im)^range: *(.*?)\r", one) for one in self.requests]
        return [match[1].decode() if match else "" for match in found]

    async def serve(
        self, inward: asyncio.StreamReader, outward: asyncio.StreamWriter
    ) -> None:
        """Pass one request on, and its answer back."""
        out = Out(outward)
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = outward
        try:
            # Cancelled by `close` alone; the server's own callback would tell it.
            with suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
            ):
                request = await inward.readuntil(_HEAD_END)
                number = len(self.requests)
                self.requests.append(request)
                self.first.set()
                exchange = await self._ask(number, request)
                await self.fault(exchange, out)
        finally:
            self.sent += out.count
            self._open.pop(task, None)
            outward.close()

    async def close(self) -> None:
        """End every exchange that is still under way."""
        tasks = dict(self._open)
        for task, writer in tasks.items():
            writer.transport.abort()
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, number: int, request: bytes) -> Exchange:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            head = await reader.readuntil(_HEAD_END)
            body = await reader.read()
        finally:
            writer.close()
        status, *lines = head.removesuffix(_HEAD_END).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        headers["connection"] = "close"
        return Exchange(
            number=number,
            request=request,
            status=status.encode(),
            headers=headers,
            body=body,
        )


@asynccontextmanager
async def fault_proxy(port: int) -> AsyncIterator[FaultProxy]:
    """Run a proxy in front of a port of the loopback."""
    proxy = FaultProxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            await proxy.close()
            await asyncio.sleep(0)  # for transports to close


# --- faults ---------------------------------------------------------------------


def once(fault: Fault, *, then: Fault = fair, times: int = 1) -> Fault:
    """Do one thing to the first answers, and another to all that follow."""
    left = times

    async def spoil(exchange: Exchange, out: Out) -> None:
        nonlocal left
        left -= 1
        await (fault if left >= 0 else then)(exchange, out)

    return spoil


def cut_at(count: int) -> Fault:
    """Send the head and so many bytes of the body; then close the connection."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        await out.head(exchange)
        await out.body(exchange.body[:count])

    return spoil


async def reset(_: Exchange, out: Out) -> None:
    """Reset the connection before any answer."""
    out.reset()


def stall_at(count: int) -> Fault:
    """Send so many bytes, and then nothing until the client goes away."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        await out.head(exchange)
        await out.body(exchange.body[:count])
        await asyncio.sleep(60)

    return spoil


async def silent(_: Exchange, out: Out) -> None:
    """Take the request and never answer."""
    await out.body(b"")
    await asyncio.sleep(60)


def drip(every_s: float) -> Fault:
    """Send a byte at a time."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        await out.head(exchange)
        for at in range(len(exchange.body)):
            await out.body(exchange.body[at : at + 1])
            await asyncio.sleep(every_s)

    return spoil


def answer(status: str, body: bytes = b"", **headers: str) -> Fault:
    """Answer something else; `_` in names stands for `-`."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        exchange.status = f"HTTP/1.1 {status}".encode()
        exchange.body = body
        exchange.headers = {
            "content-length": str(len(body)),
            "connection": "close",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        await fair(exchange, out)

    return spoil


def with_headers(**headers: str | None) -> Fault:
    """Change headers of the answer; None leaves one out."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        for name, value in headers.items():
            exchange.headers.pop(name.replace("_", "-"), None)
            if value is not None:
                exchange.headers[name.replace("_", "-")] = value
        await fair(exchange, out)

    return spoil


def whole_file(data: bytes) -> Fault:
    """Ignore ranges: answer 200 and everything."""
    return answer("200 OK", data)


async def gzipped(exchange: Exchange, out: Out) -> None:
    """Compress the body on the way."""
    exchange.body = gzip.compress(exchange.body)
    exchange.headers["content-encoding"] = "gzip"
    exchange.headers["content-length"] = str(len(exchange.body))
    await fair(exchange, out)


async def gzipped_in_secret(exchange: Exchange, out: Out) -> None:
    """Compress the body, and do not say so."""
    exchange.body = gzip.compress(exchange.body)
    exchange.headers["content-length"] = str(len(exchange.body))
    await fair(exchange, out)


async def flipped(exchange: Exchange, out: Out) -> None:
    """Change the last byte."""
    exchange.body = exchange.body[:-1] + bytes([exchange.body[-1] ^ 1])
    await fair(exchange, out)


async def endless(exchange: Exchange, out: Out) -> None:
    """Send zeros for ever, in chunks of the transfer."""
    exchange.headers.pop("content-length", None)
    exchange.headers["transfer-encoding"] = "chunked"
    await out.head(exchange)
    while True:
        await out.body(b"%x\r\n%s\r\n" % (_PIECE, bytes(_PIECE)))


def circle(exchange_path: str = "/round") -> Fault:
    """Redirect to the same place, again and again."""
    return answer("302 Found", location=exchange_path)


async def garbage(_: Exchange, out: Out) -> None:
    """Answer in no known language."""
    await out.body(b"\x00\x01\x02 SSH-2.0 who are you\r\n\r\n")
