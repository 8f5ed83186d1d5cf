"""What comes over the network: one client, with bounds on everything.

Law: nobody else asks a host for anything, be it signed metadata, a file or a hint.
Nothing that a host, a proxy or a portal does goes on for ever, fills the memory or is
told to another host; every failure is a `NotFetched` with its reason
(docs/reference/updates.md). TLS keeps listeners out; what a release may do rests on its
signatures, so that a box whose clock is not set yet may overlook a certificate's dates.
On the loop only, but for what `blocking` returns.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import yarl

from edged.errors import Draining, NotFetched
from edged.update.flow import Limits, flow
from edged.update.head import Asked, Head, moved_to, read_head
from edged.update.resolver import Resolver
from edged.update.trouble import not_fetched, reason_of, shown, told
from edged.wire.updates import Reason

#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL: chain and host name are still checked.
_NO_CHECK_TIME = 0x200000

#: Connections at once: the files of one release, and a look at a source beside them.
_CONNECTIONS = 4

#: Threads: one may hang in a lookup of a name.
_THREADS = 2

#: Of the time for a connection, what the lookup of its name may take: if all of it
#: were used up, nobody could say that it was the name.
_LOOKUP_SHARE = 2 / 3

_log = logging.getLogger(__name__)


class Answer:
    """A body on its way.

    Attributes:
        status: 200 or 206.
        at: where the first byte belongs in the file; 0 where a range was not honoured.
        total: bytes of the file; None where the host does not say.
        etag: of the file, a strong one; else None.
        chunks: the bytes as they come, each once, within all bounds.
    """

    def __init__(self, head: Head, chunks: AsyncIterator[bytes]) -> None:
        self.status, self.at = head.status, head.at
        self.total, self.etag = head.total, head.etag
        self.chunks = chunks


class Web:
    """The client; use it as an async context manager.

    Args:
        agent: what it calls itself, as `edged/0.1`.
        proxy: URL of an HTTP proxy for everything.
        ca_file: certificates to trust instead of the system's.
        clock_is_right: tells whether this box knows the time; while it does not, a
            certificate of the wrong dates is good enough.
        limits: of time.
    """

    def __init__(
        self,
        *,
        agent: str,
        proxy: str | None = None,
        ca_file: Path | None = None,
        clock_is_right: Callable[[], bool] = lambda: True,
        limits: Limits | None = None,
    ) -> None:
        self._agent, self._proxy, self._ca_file = agent, proxy, ca_file
        self._clock_is_right = clock_is_right
        self._limits = limits or Limits()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="web")
        self._session: aiohttp.ClientSession | None = None
        self._tls: dict[int, ssl.SSLContext] = {}
        self._untimely: set[str] = set()  # hosts whose certificates have other dates

    async def __aenter__(self) -> Self:
        connect_s = self._limits.connect_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS,
                resolver=Resolver(self._threads, connect_s * _LOOKUP_SHARE),
            ),
            # Times of the body are held by `flow`: it knows when we are the slow ones.
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._agent},
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        at: int = 0,
        until: int | None = None,
        etag: str | None = None,
        max_bytes: int,
    ) -> AsyncIterator[Answer]:
        """Ask for a file, or for a part of it.

        Args:
            url: http or https; what is quoted in it stays as it is.
            at: the first byte wanted.
            until: the one after the last; None for all that follow.
            etag: a strong one: the part is wanted only of the file that has it, and the
                whole of another.
            max_bytes: that the file may have.

        Raises:
            NotFetched: with its reason; out of the iteration, too.
        """
        asked = Asked(at=at, until=until, etag=etag, max_bytes=max_bytes)
        async with self._answer(_parsed(url), asked) as answer:
            yield answer

    async def read(self, url: str, *, max_bytes: int) -> bytes:
        """Return a small file as a whole.

        Raises:
            NotFetched: with its reason; `endless` for more than `max_bytes`, whether
                the host says so beforehand or not.
        """
        data = bytearray()
        asked = Asked(max_bytes=max_bytes, too_long=Reason.ENDLESS)
        async with self._answer(_parsed(url), asked) as answer:
            async for piece in answer.chunks:
                data += piece
        return bytes(data)

    def blocking(
        self, loop: asyncio.AbstractEventLoop, base_url: str
    ) -> Callable[[str, int], Iterator[bytes]]:
        """Return `fetch(name, max_bytes)` for a thread; the loop does the work.

        Args:
            loop: that runs this client.
            base_url: the folder of the names; they are taken as they are, quoted.
        """

        def fetch(name: str, max_bytes: int) -> Iterator[bytes]:
            url = f"{base_url.rstrip('/')}/{name}"
            future = asyncio.run_coroutine_threadsafe(
                self.read(url, max_bytes=max_bytes), loop
            )
            try:
                return iter((future.result(),))
            except CancelledError as exc:
                raise Draining("cannot fetch now: the updater is stopping") from exc

        return fetch

    # --- on the way ----------------------------------------------------------------

    @asynccontextmanager
    async def _answer(self, url: yarl.URL, asked: Asked) -> AsyncIterator[Answer]:
        response = await self._follow(url, asked)
        try:
            head = read_head(url, asked, response.status, response.headers)
            body = flow(url, head, response.content, self._limits, asked.max_bytes)
            async with aclosing(body) as chunks:
                yield Answer(head, chunks)
        finally:
            # One whose body was read to its end has gone back to be used again.
            response.close()

    async def _follow(self, url: yarl.URL, asked: Asked) -> aiohttp.ClientResponse:
        target = url
        for _ in range(self._limits.redirects + 1):
            response = await self._send(target, asked)
            try:
                moved = moved_to(target, response.status, response.headers)
            except NotFetched:
                response.close()
                raise
            if moved is None:
                return response
            response.close()
            target = moved
        raise not_fetched(
            url,
            Reason.REDIRECTS,
            f"more than {self._limits.redirects} redirects, the last to"
            f" {shown(target)}",
        )

    async def _send(self, url: yarl.URL, asked: Asked) -> aiohttp.ClientResponse:
        host = url.authority
        if host in self._untimely and not self._clock_is_right():
            return await self._request(url, asked, _NO_CHECK_TIME)
        try:
            return await self._request(url, asked, 0)
        except NotFetched as failed:
            if reason_of(failed) is not Reason.TLS_TIME or self._clock_is_right():
                raise
            _log.warning(
                "%s; this box does not know the time: going on",
                failed,
                extra={"edged_code": Reason.TLS_TIME.value},
            )
        self._untimely.add(host)
        return await self._request(url, asked, _NO_CHECK_TIME)

    async def _request(
        self, url: yarl.URL, asked: Asked, flags: int
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise AssertionError("use it in `async with`")
        tls = await self._context(url, flags) if url.scheme == "https" else True
        with told(url):
            async with asyncio.timeout(self._limits.connect_s + self._limits.gap_s):
                return await self._session.get(
                    url,
                    headers=asked.headers(),
                    allow_redirects=False,
                    proxy=self._proxy,
                    ssl=tls,
                )

    async def _context(self, url: yarl.URL, flags: int) -> ssl.SSLContext:
        """Make a context once for each set of flags; it reads files."""
        if flags not in self._tls:
            loop = asyncio.get_running_loop()
            try:
                made = await loop.run_in_executor(self._threads, self._make, flags)
            except OSError as exc:
                raise not_fetched(
                    url, Reason.TLS, f"cannot read {self._ca_file}: {exc.strerror}"
                ) from exc
            self._tls[flags] = made
        return self._tls[flags]

    def _make(self, flags: int) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self._ca_file)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.verify_flags |= flags
        return made


def _parsed(url: str) -> yarl.URL:
    try:
        parsed = yarl.URL(url, encoded=True)
        if parsed.scheme in {"http", "https"} and parsed.host:
            return parsed
    except ValueError:
        pass
    raise NotFetched(
        f"cannot fetch {url!r}: it is no URL of http or https",
        reason=Reason.NOT_UNDERSTOOD.value,
    )
