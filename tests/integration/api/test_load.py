"""Many clients, clients that do not read, and no descriptors to spare."""

import asyncio
import os
import resource
import socket
import time
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from edged.errors import EdgedError
from tests.fakes.serving import QUICK, parse, serving

BIG = 8_000_000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def app() -> web.Application:
    """Return an application with a small and a large answer."""

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(body=b"hello")

    async def big(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * BIG)

    made = web.Application()
    made.router.add_get("/", hello)
    made.router.add_get("/big", big)
    return made


def knock(path: Path) -> socket.socket:
    """Connect and say nothing."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(0)
    sock.connect(str(path))
    return sock


async def test_500_idle_connections_leave_others_served() -> None:
    """Idle clients cost a descriptor each, and nobody's time."""
    limits = msgspec.structs.replace(QUICK, max_connections=600, head_timeout_s=30.0)

    async with serving(app(), limits=limits) as here:
        idle = []
        for _ in range(10):
            idle += [knock(here.path) for _ in range(50)]
            await asyncio.sleep(0.01)  # the kernel's queue is shorter than 500
        began = time.monotonic()
        answers = [parse(await here.ask(LAST)) for _ in range(20)]
        took_s = time.monotonic() - began
        for sock in idle:
            sock.close()

    assert [200] * 20 == [answer.status for answer in answers]
    assert took_s < 2


async def test_idle_connections_are_closed_in_the_end() -> None:
    """Keep-alive has an end, so a leaking client gives its descriptors back."""
    limits = msgspec.structs.replace(QUICK, keep_alive_s=0.2)

    async with serving(app(), limits=limits) as here:
        reader, writer = await asyncio.open_unix_connection(here.path)
        writer.write(GET)
        await reader.readuntil(b"hello")
        async with asyncio.timeout(3):
            rest = await reader.read()
        writer.close()

    assert b"" == rest


async def test_over_the_cap_there_is_an_answer_at_once() -> None:
    """A 503 with Retry-After; never a hang; and room again when somebody leaves."""
    limits = msgspec.structs.replace(QUICK, max_connections=3, head_timeout_s=30.0)

    async with serving(app(), limits=limits) as here:
        held = [knock(here.path) for _ in range(3)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        refused = parse(await here.ask(LAST))
        took_s = time.monotonic() - began
        for sock in held:
            sock.close()
        await asyncio.sleep(0.05)
        served = parse(await here.ask(LAST))

    assert (503, "too-many-connections", "close", 200) == (
        refused.status,
        refused.headers["edged-code"],
        refused.headers["connection"],
        served.status,
    )
    assert took_s < 0.5


async def test_a_flood_over_the_cap_is_turned_away() -> None:
    """Far more than are heard out one by one."""
    limits = msgspec.structs.replace(QUICK, max_connections=1, head_timeout_s=30.0)

    async with serving(app(), limits=limits) as here:
        held = [knock(here.path) for _ in range(100)]
        await asyncio.sleep(0.1)
        refused = [sock.recv(1000) for sock in held[-20:]]
        for sock in held:
            sock.close()

    assert [b"HTTP/1.1 503"] * 20 == [answer[:12] for answer in refused]


async def test_a_client_that_does_not_read_is_dropped() -> None:
    """Its answer does not lie in memory for ever."""
    async with serving(app()) as here:
        sock = knock(here.path)
        sock.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        held = repr(here.server)
        async with asyncio.timeout(5):
            while "1 connections" in repr(here.server):  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.05)
        answer = parse(await here.ask(LAST))
        sock.close()

    assert "door test open: 1 connections" == held
    assert 200 == answer.status


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    """The deadline is for reading nothing, not for reading slowly."""
    async with serving(app()) as here:
        reader, writer = await asyncio.open_unix_connection(here.path, limit=500_000)
        writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = 0
        began = time.monotonic()
        while chunk := await reader.read(1_000_000):
            got += len(chunk)
            await asyncio.sleep(0.06)
        took_s = time.monotonic() - began
        writer.close()

    assert got > BIG
    assert took_s > QUICK.body_timeout_s


async def test_pipelined_large_answers_are_made_one_at_a_time() -> None:
    """A client that asks and never reads cannot make the daemon hoard answers."""
    made = []

    async def big(_request: web.Request) -> web.Response:
        made.append(1)
        return web.Response(body=b"x" * BIG)

    hoard = web.Application()
    hoard.router.add_get("/big", big)

    async with serving(hoard) as here:
        sock = knock(here.path)
        sock.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        await asyncio.sleep(0.2)
        sock.close()

    assert 1 == len(made)


async def test_without_descriptors_the_loop_rests_and_later_accepts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """EMFILE leaves the listener readable: a naive loop would spin on it."""
    async with serving(app()) as here:
        waiting = [
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            for _ in range(5)
        ]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            for sock in waiting:
                sock.connect(str(here.path))
                sock.send(LAST)
            began_cpu_s = time.process_time()
            await asyncio.sleep(0.8)
            cpu_s = time.process_time() - began_cpu_s
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await asyncio.sleep(0.8)
        answers = [sock.recv(1000)[:12] for sock in waiting]
        for sock in waiting:
            sock.close()

    assert [b"HTTP/1.1 200"] * 5 == answers
    assert cpu_s < 0.2
    assert 1 == caplog.text.count("cannot accept")


async def test_a_client_that_hangs_up_while_it_waits_harms_nobody() -> None:
    """Its handler ends, its answer goes nowhere, the next one is served."""
    done = asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        done.set()
        raise EdgedError("cannot: too late")

    made = app()
    made.router.add_get("/slow", slow)

    async with serving(made) as here:
        sock = knock(here.path)
        sock.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.02)
        sock.close()
        await done.wait()
        answer = parse(await here.ask(LAST))

    assert 200 == answer.status
