"""The client beside a real host; its faults are in test_faults."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.errors import Draining, NotFetched
from edged.update.flow import Limits
from edged.update.trouble import reason_of
from edged.update.web import _NO_CHECK_TIME, Web
from edged.wire.updates import Reason
from tests.fakes.fault_proxy import (
    Exchange,
    FaultProxy,
    Out,
    answer,
    cut_at,
    drip,
    silent,
)
from tests.fakes.nginx import Bad, Nginx, nginx
from tests.integration.update.conftest import QUICK

DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def _files(host: Nginx) -> None:
    (host.root / "file").write_bytes(DATA)
    (host.root / "a%2Fb").write_bytes(b"quoted")


async def body(chunks: AsyncIterator[bytes]) -> bytes:
    """Read to the end."""
    return b"".join([piece async for piece in chunks])


async def test_a_file_comes_whole(host: Nginx, web: Web) -> None:
    """With its size and a strong ETag."""
    async with web.get(f"{host.url}/file", max_bytes=len(DATA)) as answer:
        data = await body(answer.chunks)

    assert DATA == data
    assert (200, 0, len(DATA)) == (answer.status, answer.at, answer.total)
    assert answer.etag is not None


async def test_a_part_comes_alone(host: Nginx, web: Web) -> None:
    """From its first byte, before its last."""
    url = f"{host.url}/file"
    async with web.get(url, at=100, until=300, max_bytes=len(DATA)) as answer:
        data = await body(answer.chunks)

    assert DATA[100:300] == data
    assert (206, 100, len(DATA)) == (answer.status, answer.at, answer.total)


async def test_a_part_of_another_file_comes_whole(host: Nginx, web: Web) -> None:
    """If-Range: the old ETag does not fit any more."""
    url = f"{host.url}/file"
    async with web.get(url, at=100, etag='"old"', max_bytes=len(DATA)) as answer:
        data = await body(answer.chunks)

    assert DATA == data
    assert (200, 0) == (answer.status, answer.at)


async def test_a_part_of_the_same_file_comes_alone(host: Nginx, web: Web) -> None:
    """If-Range with what the host said before."""
    url = f"{host.url}/file"
    async with web.get(url, max_bytes=len(DATA)) as first:
        await body(first.chunks)

    async with web.get(url, at=9, etag=first.etag, max_bytes=len(DATA)) as second:
        data = await body(second.chunks)

    assert DATA[9:] == data


async def test_a_connection_is_used_again(web: Web, host: Nginx) -> None:
    """When the body was read to its end; 20 requests do not mean 20 of TLS."""
    for _ in range(3):
        await web.read(f"{host.url}/file", max_bytes=len(DATA))

    assert web._session is not None
    assert web._session.connector is not None
    assert 1 == sum(len(c) for c in web._session.connector._conns.values())


async def test_what_is_sent_says_little(web: Web, spoiler: FaultProxy) -> None:
    """No cookie, no compression, who we are, and where to."""
    spoiler.fault = answer("200 OK", b"x", set_cookie="track=1")
    # By a name: an address has no cookies anyway.
    url = spoiler.url.replace("127.0.0.1", "localhost")

    await web.read(f"{url}/file", max_bytes=1)
    await web.read(f"{url}/file", max_bytes=1)

    head = spoiler.requests[1].decode().split("\r\n")
    assert [
        "Accept-Encoding: identity",
        "Accept: */*",
        "GET /file HTTP/1.1",
        f"Host: {url.removeprefix('http://')}",
        "User-Agent: edged/test",
    ] == sorted(line for line in head if line)


async def test_a_name_stays_quoted(host: Nginx, web: Web) -> None:
    """`%252F` is a file's name, not a folder."""
    assert b"quoted" == await web.read(f"{host.url}/a%252Fb", max_bytes=10)


async def test_redirects_are_followed(web: Web, spoiler: FaultProxy) -> None:
    """Five; what is asked for stays the same."""
    left = 5

    async def lead(exchange: Exchange, out: Out) -> None:
        nonlocal left
        left -= 1
        onward = answer("307 Go on", bytes(1 << 20), location=f"/file?{left}")
        await (onward if left >= 0 else answer("200 OK", b"there"))(exchange, out)

    spoiler.fault = lead

    data = await web.read(f"{spoiler.url}/file", max_bytes=10)

    assert b"there" == data
    assert b"GET /file?0 HTTP/1.1" == spoiler.requests[-1].splitlines()[0]
    assert web._session is not None
    assert web._session.connector is not None
    assert set() == web._session.connector._acquired


async def test_https_never_leads_to_http(tmp_path: Path, spoiler: FaultProxy) -> None:
    """Not even where the host says so."""
    more = f"location /away {{ return 302 {spoiler.url}/file; }}"
    with nginx(tmp_path, bad=Bad.NOTHING, more=more) as host:
        async with Web(agent="e", ca_file=host.ca_file, limits=QUICK) as web:
            with pytest.raises(NotFetched) as caught:
                await web.read(f"{host.url}/away", max_bytes=9)

    assert Reason.REDIRECTS is reason_of(caught.value)
    assert [] == spoiler.requests


async def test_a_foreign_ca_is_not_trusted(tmp_path: Path) -> None:
    """The system does not know the one of this host."""
    with nginx(tmp_path, bad=Bad.NOTHING) as host:
        async with Web(agent="e", limits=QUICK) as web:
            with pytest.raises(NotFetched) as caught:
                await web.read(f"{host.url}/file", max_bytes=9)

    assert Reason.TLS is reason_of(caught.value)


async def test_a_ca_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name."""
    async with Web(agent="e", ca_file=tmp_path / "none.pem", limits=QUICK) as web:
        with pytest.raises(NotFetched, match=r"none\.pem") as caught:
            await web.read("https://127.0.0.1:9/file", max_bytes=9)

    assert Reason.TLS is reason_of(caught.value)


async def test_a_proxy_is_asked(spoiler: FaultProxy) -> None:
    """By the whole URL, for a host that nobody else knows."""
    spoiler.fault = answer("200 OK", b"through")
    async with Web(agent="e", proxy=spoiler.url, limits=QUICK) as web:
        data = await web.read("http://host.invalid/file", max_bytes=9)

    assert b"through" == data
    assert (
        b"GET http://host.invalid/file HTTP/1.1" == spoiler.requests[0].splitlines()[0]
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("407 Proxy Authentication Required", Reason.NO_ENTRY),
        ("502 Bad Gateway", Reason.UNREACHABLE),
    ],
)
async def test_a_proxy_may_refuse_a_tunnel(
    spoiler: FaultProxy, status: str, reason: Reason
) -> None:
    """It asks who we are, or does not get there."""
    spoiler.fault = answer(status)
    async with Web(agent="e", proxy=spoiler.url, limits=QUICK) as web:
        with pytest.raises(NotFetched) as caught:
            await web.read("https://host.invalid/file", max_bytes=9)

    assert reason is reason_of(caught.value)


async def test_a_name_that_nobody_looks_up_in_time_is_told(web: Web) -> None:
    """It was the name, not the host."""
    go = threading.Event()
    for _ in range(2):
        web._threads.submit(go.wait)

    with pytest.raises(NotFetched) as caught:
        await web.read("http://host.invalid/x", max_bytes=1)
    go.set()

    assert Reason.NO_NAME is reason_of(caught.value)


async def test_dates_are_overlooked_once_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not with each request; and no longer than the box does not know the time."""
    is_right = False
    with nginx(tmp_path, bad=Bad.NOT_YET) as host:
        (host.root / "file").write_bytes(b"x")
        url = f"{host.url}/file"
        async with Web(
            agent="e", ca_file=host.ca_file, clock_is_right=lambda: is_right
        ) as web:
            for _ in range(3):
                await web.read(url, max_bytes=1)
            is_right = True
            with pytest.raises(NotFetched) as caught:
                await web.read(url, max_bytes=1)

    assert Reason.TLS_TIME is reason_of(caught.value)
    assert 1 == len(caplog.records)


@pytest.mark.parametrize("flags", [0, _NO_CHECK_TIME])
def test_chain_and_name_are_always_checked(flags: int) -> None:
    """Whatever is overlooked."""
    made = Web(agent="e")._make(flags)

    assert made.check_hostname
    assert ssl.CERT_REQUIRED is made.verify_mode
    assert ssl.TLSVersion.TLSv1_2 is made.minimum_version
    assert flags == made.verify_flags & _NO_CHECK_TIME


async def test_our_own_slowness_is_not_the_hosts(host: Nginx) -> None:
    """Whoever reads slowly is not told that the host stalls."""
    limits = Limits(gap_s=0.3, slow_over_s=0.3)
    async with (
        Web(agent="e", limits=limits) as web,
        web.get(f"{host.url}/file", max_bytes=len(DATA)) as answer,
    ):
        await asyncio.sleep(1.0)
        data = await body(answer.chunks)

    assert DATA == data


async def test_what_came_before_a_cut_is_not_lost(
    web: Web, spoiler: FaultProxy
) -> None:
    """Though the connection broke before anybody asked for it."""
    spoiler.fault = cut_at(5000)
    got: list[bytes] = []

    async def late() -> None:
        async with web.get(f"{spoiler.url}/file", max_bytes=len(DATA)) as answer:
            await asyncio.sleep(0.3)
            async for piece in answer.chunks:
                got.append(piece)  # noqa: PERF401  # it ends by an error

    with pytest.raises(NotFetched) as caught:
        await late()

    assert DATA[:5000] == b"".join(got)
    assert Reason.CUT is reason_of(caught.value)


async def test_who_goes_away_leaves_nothing(web: Web, spoiler: FaultProxy) -> None:
    """A cancelled request closes its connection."""
    spoiler.fault = drip(0.01)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await web.read(f"{spoiler.url}/file", max_bytes=len(DATA))

    assert web._session is not None
    assert web._session.connector is not None
    assert {} == dict(web._session.connector._conns)
    assert set() == web._session.connector._acquired


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "file:///etc/passwd", "http:///x", "x", "http://[::1/x"]
)
async def test_only_http_is_asked(web: Web, url: str) -> None:
    """Another scheme, and no host, are told as such."""
    with pytest.raises(NotFetched) as caught:
        await web.read(url, max_bytes=1)

    assert Reason.NOT_UNDERSTOOD is reason_of(caught.value)


# --- for a thread ---------------------------------------------------------------


async def test_a_thread_may_ask(host: Nginx, web: Web) -> None:
    """The loop does the work."""
    loop = asyncio.get_running_loop()
    fetch = web.blocking(loop, f"{host.url}/")

    def work() -> tuple[bytes, str]:
        with pytest.raises(NotFetched) as caught:
            fetch("nothing", 10)
        return b"".join(fetch("file", len(DATA))), reason_of(caught.value).value

    with ThreadPoolExecutor(1) as thread:
        data, reason = await loop.run_in_executor(thread, work)

    assert DATA == data
    assert "not-found" == reason


async def test_a_thread_is_let_go_when_the_loop_ends(
    web: Web, spoiler: FaultProxy
) -> None:
    """A loop that ends cancels all that runs on it; the thread does not wait on."""
    spoiler.fault = silent
    loop = asyncio.get_running_loop()
    fetch = web.blocking(loop, spoiler.url)

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(fetch, "file", 10)
        await spoiler.first.wait()
        for task in asyncio.all_tasks():
            if task.get_coro().__name__ == "read":  # type: ignore[union-attr]
                task.cancel()
        await asyncio.sleep(0.1)

        assert isinstance(waiting.exception(5), Draining)


async def test_a_thread_is_let_go_when_the_client_closes(spoiler: FaultProxy) -> None:
    """Its connection goes with the client."""
    spoiler.fault = silent
    loop = asyncio.get_running_loop()

    with ThreadPoolExecutor(1) as thread:
        async with Web(agent="e") as web:
            waiting = thread.submit(web.blocking(loop, spoiler.url), "file", 10)
            await spoiler.first.wait()
        await asyncio.sleep(0.1)

        assert isinstance(waiting.exception(5), NotFetched)
