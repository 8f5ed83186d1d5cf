"""The spoiler passes everything on, but what it is told to spoil."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.fault_proxy import FaultProxy, answer, cut_at, fair, fault_proxy, once
from tests.fakes.nginx import nginx

DATA = bytes(range(256)) * 100


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[FaultProxy]:
    """Return a proxy in front of a real host."""
    with nginx(tmp_path) as host:
        (host.root / "file").write_bytes(DATA)
        async with fault_proxy(host.port) as started:
            yield started


async def ask(proxy: FaultProxy, range_: str = "") -> tuple[bytes, bytes]:
    """Return the head and the body of an answer."""
    port = int(proxy.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    more = f"Range: {range_}\r\n" if range_ else ""
    writer.write(f"GET /file HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
    raw = await reader.read()
    writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body


async def test_an_answer_passes_as_it_is(proxy: FaultProxy) -> None:
    """With its status, its headers and its range."""
    head, body = await ask(proxy, "bytes=10-19")

    assert head.startswith(b"HTTP/1.1 206 Partial Content\r\n")
    assert b"\r\ncontent-range: bytes 10-19/25600" in head
    assert DATA[10:20] == body
    assert ["bytes=10-19"] == proxy.ranges()
    assert 10 == proxy.sent


async def test_a_fault_meets_the_answers_that_it_is_for(proxy: FaultProxy) -> None:
    """First two that are cut, then one of another kind."""
    proxy.fault = once(cut_at(5), then=answer("404 Not Found"), times=2)

    bodies = [(await ask(proxy))[1] for _ in range(3)]
    proxy.fault = fair

    assert [DATA[:5], DATA[:5], b""] == bodies
    assert DATA == (await ask(proxy))[1]
