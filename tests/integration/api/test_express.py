"""One connection of the express door: its stages, its ends, and what it leaves."""

import asyncio
import fcntl
import os
import socket
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edged.host.listen import SEND_BUFFER_BYTES
from edged.serve.live import Live
from edged.wire.tensors import Datatype
from tests.fakes.doors import (
    QUICK,
    Caller,
    Reply,
    ask,
    binary,
    doors,
    exchange,
    post,
)
from tests.fakes.models import Function, live_model, signature

ANY = signature([("x", Datatype.FP32, (-1,))], [("x", Datatype.FP32, (-1,))])


def echo(function: Function = dict, name: str = "echo") -> Live:
    """Return a model of vectors of any length."""
    return live_model(name, ANY, function)


def slow(seconds: float, begun: Callable[[], None] = lambda: None) -> Live:
    """Return an echo that takes its time, on a worker."""

    def function(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        begun()
        time.sleep(seconds)
        return dict(feeds)

    return echo(function, "slow")  # type: ignore[arg-type]  # Mapping


def vector(size: int, model: str = "echo", **options: object) -> bytes:
    """Write a request with a vector."""
    x = np.arange(size, dtype="<f4")
    return binary({"x": x}, model=model, **options)  # type: ignore[arg-type]


async def only(path: Path, raw: bytes) -> Reply:
    """Ask once; return the one answer."""
    (reply,) = await ask(path, raw)
    return reply


@pytest.mark.parametrize("size", [1, 64, 4096, 4097, 150_528, 1_000_000])
async def test_a_tensor_of_any_size_comes_back(size: int) -> None:
    """In the buffer, beside it, and larger than any socket buffer."""
    async with doors(echo()) as here:
        with Caller(here.express) as caller:
            for _ in range(3):
                await caller.send(vector(size))
                reply = await caller.reply()
                assert reply is not None
                assert np.arange(size, dtype="<f4").tobytes() == reply.body[-4 * size :]
            stayed = here.is_express

    assert stayed


async def test_requests_at_once_are_answered_in_order() -> None:
    """On the loop, on a worker, refused ones between, none with aiohttp."""
    async with doors(echo(), slow(0.001)) as here:
        models = ["echo", "slow", "echo", "nobody", "slow", "echo"] * 20
        with Caller(here.express) as caller:
            await caller.send(
                b"".join(vector(n, model) for n, model in enumerate(models, 1))
            )
            statuses, sizes = [], []
            for _ in models:
                reply = await caller.reply()
                assert reply is not None
                statuses.append(reply.status)
                sizes.append(len(reply.body))
            stayed = here.is_express

    assert [404 if model == "nobody" else 200 for model in models] == statuses
    good = [size for size, status in zip(sizes, statuses, strict=True) if status == 200]
    assert good == sorted(good)
    assert stayed


async def test_a_request_split_at_every_byte_is_answered() -> None:
    """Half a head is aiohttp's, half a body is read on; the caller cannot tell."""
    raw = vector(3)

    async with doors(echo()) as here:
        want = await exchange(here.express, raw)
        for at in range(1, len(raw)):
            assert want == await exchange(here.express, raw[:at], raw[at:])


async def test_a_body_that_comes_after_its_head_stays_express() -> None:
    """Most client libraries send the two apart."""
    raw = vector(10_000)
    head = raw.index(b"\r\n\r\n") + 4

    async with doors(echo()) as here:
        with Caller(here.express) as caller:
            await caller.send(raw[:head], raw[head:5000], raw[5000:])
            reply = await caller.reply()
            stayed = here.is_express

    assert reply is not None
    assert (200, True) == (reply.status, stayed)


async def test_other_requests_are_aiohttps_and_their_callers_come_back() -> None:
    """The answer ends the connection; the next one is express again."""
    async with doors(echo()) as here:
        with Caller(here.express) as caller:
            await caller.send(vector(1))
            first = await caller.reply()
            await caller.send(b"GET /v2/models/echo HTTP/1.1\r\nHost: x\r\n\r\n")
            second = await caller.reply()
            end = await caller.reply()

    assert first is not None
    assert second is not None
    assert (200, False) == (first.status, first.closes)
    assert (200, True) == (second.status, second.closes)
    assert end is None


async def test_a_json_caller_keeps_its_connection() -> None:
    """Small JSON is express, large JSON is aiohttp's; neither reconnects."""
    async with doors(echo()) as here:
        with Caller(here.express) as caller:
            closes = []
            for size in (2, 20_000, 2):
                tensor = {"name": "x", "datatype": "FP32", "shape": [size]}
                body = {"inputs": [{**tensor, "data": [1] * size}]}
                await caller.send(post(msgspec.json.encode(body), model="echo"))
                reply = await caller.reply()
                assert reply is not None
                closes.append((reply.status, reply.closes))

    assert [(200, False)] * 3 == closes


async def test_the_hand_over_bears_any_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the transport is made, no byte is lost or read twice."""
    loop = asyncio.get_running_loop()
    real = loop.connect_accepted_socket

    async def late(*args: object, **kwargs: object) -> object:
        for _ in range(5):
            await asyncio.sleep(0.002)
        made = await real(*args, **kwargs)  # type: ignore[arg-type]
        await asyncio.sleep(0.002)
        return made

    monkeypatch.setattr(loop, "connect_accepted_socket", late)
    raw = vector(3)
    async with doors(echo()) as here:
        for at in range(1, len(raw), 7):
            with Caller(here.express) as caller:
                await caller.send(raw[:at])
                await asyncio.sleep(0.001 * (at % 20))
                await caller.send(raw[at:], raw)
                replies = [await caller.reply(), await caller.reply()]
                assert [200, 200] == [r and r.status for r in replies], at


# --- ends ------------------------------------------------------------------------


async def test_a_half_closed_caller_gets_its_answer() -> None:
    """From the loop and from a worker."""
    async with doors(echo(), slow(0.05)) as here:
        replies = [
            await only(here.express, vector(3, model)) for model in ("echo", "slow")
        ]

    assert [200, 200] == [reply.status for reply in replies]


async def test_a_caller_that_goes_away_is_forgotten() -> None:
    """Its request waits behind another and never runs."""
    begun: list[int] = []
    async with doors(slow(0.2, lambda: begun.append(1))) as here:
        with Caller(here.express) as first:
            await first.send(vector(3, "slow"))
            await asyncio.sleep(0.05)
            with Caller(here.express) as second:
                await second.send(vector(3, "slow"))
                await asyncio.sleep(0.05)
            reply = await first.reply()
            await asyncio.sleep(0.3)
        live = here.registry.live("slow")

    assert reply is not None
    assert (200, 1, 0) == (reply.status, len(begun), live.scheduler.inflight)


async def test_a_caller_that_does_not_read_is_dropped_and_others_go_on() -> None:
    """After as long as it may leave its answer lying."""
    async with doors(echo()) as here:
        with Caller(here.express) as deaf:
            sending = asyncio.get_running_loop().create_task(
                deaf.send(*[vector(1_000_000)] * 3)
            )
            await asyncio.sleep(0.1)
            other = await only(here.express, vector(3))
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                await sending
            took_s = time.monotonic() - began

    assert 200 == other.status
    assert took_s < 3 * QUICK.body_timeout_s


async def read_slowly(caller: Caller, *, longer_than_s: float) -> bytes:
    """Read so little at a time that the door cannot send on meanwhile."""
    loop = asyncio.get_running_loop()
    end = loop.time() + longer_than_s
    got = b""
    while loop.time() < end:
        await asyncio.sleep(QUICK.body_timeout_s / 2)
        got += await loop.sock_recv(caller.sock, 60_000)
    assert len(got) < SEND_BUFFER_BYTES / 2
    return got


async def test_a_caller_that_reads_slowly_gets_everything() -> None:
    """The deadline is for reading nothing."""
    size = 1_000_000
    async with doors(echo()) as here:
        with Caller(here.express) as caller:
            await caller.send(vector(size))
            got = await read_slowly(caller, longer_than_s=3 * QUICK.body_timeout_s)
            loop, want = asyncio.get_running_loop(), np.arange(size, dtype="<f4")
            while not got.endswith(want[-1000:].tobytes()):
                more = await loop.sock_recv(caller.sock, 1 << 20)
                assert more
                got += more

    assert got.endswith(want.tobytes())


async def test_a_slow_caller_that_stops_reading_is_dropped() -> None:
    """What it read before buys one deadline more."""
    async with doors(echo()) as here:
        with Caller(here.express) as caller:
            await caller.send(vector(1_000_000))
            await read_slowly(caller, longer_than_s=2 * QUICK.body_timeout_s)
            began = time.monotonic()
            await here.emptied()
            took_s = time.monotonic() - began

    assert took_s < 3 * QUICK.body_timeout_s


async def test_a_late_body_is_told() -> None:
    """It is aiohttp who waits for it, and says so."""
    raw = vector(100)
    async with doors(echo()) as here:
        replies = await ask(here.express, raw[:-10], end=False)

    assert [(408, True)] == [(reply.status, reply.closes) for reply in replies]


@pytest.mark.parametrize("size", [100, 10_000])
async def test_a_body_that_ends_early_is_told(size: int) -> None:
    """In the buffer and beside it."""
    async with doors(echo()) as here:
        (reply,) = await ask(here.express, vector(size)[:-10])

    assert (400, True) == (reply.status, reply.closes)
    assert b"ended early" in reply.body


async def test_a_silent_caller_is_closed_without_a_word() -> None:
    """Nobody asked anything."""
    async with doors(echo()) as here:
        assert [] == await ask(here.express, b"", end=False)


async def test_an_idle_caller_is_closed_after_its_keep_alive() -> None:
    """One timer, set anew after each answer."""
    limits = msgspec.structs.replace(QUICK, keep_alive_s=0.2)
    async with doors(echo(), limits=limits) as here:
        with Caller(here.express) as caller:
            for _ in range(3):
                await asyncio.sleep(0.1)
                await caller.send(vector(3))
                assert await caller.reply() is not None
            began = time.monotonic()
            end = await caller.reply()
            took_s = time.monotonic() - began

    assert end is None
    assert 0.1 < took_s < 2


# --- draining --------------------------------------------------------------------


async def test_a_drain_lets_running_requests_say_goodbye() -> None:
    """And an idle connection may ask once more."""
    async with doors(echo(), slow(0.2)) as here:
        with Caller(here.express) as running, Caller(here.express) as idle:
            await idle.send(vector(3))
            assert await idle.reply() is not None
            await running.send(vector(3, "slow"))
            await asyncio.sleep(0.05)
            here.servers[0]._gates[0].begin_drain()
            await idle.send(vector(3))
            began = time.monotonic()
            replies = [await running.replies(), await idle.replies()]
            took_s = time.monotonic() - began

    assert took_s < QUICK.keep_alive_s / 2  # closed at once, not when it was idle
    assert [[(200, True)]] * 2 == [
        [(r.status, r.closes) for r in one] for one in replies
    ]


async def test_a_run_that_outlasts_its_deadline_keeps_its_tensors() -> None:
    """It still reads the old buffer, so the next request is in another one."""
    seen: list[float] = []

    def function(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if feeds["x"].any():
            time.sleep(0.2)
        seen.append(float(feeds["x"].sum()))
        return dict(feeds)

    async with doors(echo(function, "late")) as here:  # type: ignore[arg-type]
        with Caller(here.express) as caller:
            replies = []
            for x in (np.zeros(64, "<f4"), np.ones(64, "<f4"), np.zeros(64, "<f4")):
                await caller.send(binary({"x": x}, model="late", timeout=50_000))
                replies.append(await caller.reply())
            await asyncio.sleep(0.3)

    assert [200, 503, 503] == [reply and reply.status for reply in replies]
    assert [0.0, 64.0] == seen


# --- descriptors -----------------------------------------------------------------


async def test_descriptors_that_nobody_asked_for_are_closed() -> None:
    """With an infer request, with half a head, in the middle of a body."""
    raw = vector(3)
    async with doors(echo()) as here:
        await exchange(here.express, raw)
        before = await here.emptied()
        for pieces in ((raw,), (raw[:20], raw[20:]), (raw[:-3], raw[-3:])):
            with Caller(here.express) as caller:
                for piece in pieces:
                    _send_fds(caller.sock, piece, 2)
                    await asyncio.sleep(0.01)
                reply = await caller.reply()
                assert reply is not None
                assert 200 == reply.status
        after = await here.emptied()

    assert before == after


async def test_descriptors_are_closed_before_the_request_runs() -> None:
    """Nobody holds what he has no use for."""
    ours, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    async with doors(slow(0.3)) as here:
        with Caller(here.express) as caller:
            _send_fds(caller.sock, vector(3, "slow"), 1, theirs)
            os.close(theirs)
            await asyncio.sleep(0.1)
            end = os.read(ours, 1)  # else it would block: somebody could still write
            running = here.registry.live("slow").scheduler.inflight
    os.close(ours)

    assert (b"", 1) == (end, running)


async def test_too_many_descriptors_end_the_connection() -> None:
    """The kernel drops what there is no room for; the rest is closed."""
    async with doors(echo()) as here:
        await exchange(here.express, vector(3))
        before = await here.emptied()
        with Caller(here.express) as caller:
            _send_fds(caller.sock, vector(3), 60)
            replies = await caller.replies()
        after = await here.emptied()

    assert [(400, True)] == [(reply.status, reply.closes) for reply in replies]
    assert before == after


async def test_memory_is_registered_used_and_forgotten_by_express() -> None:
    """The connection stays with the express door all the way."""
    size = 4 * 2048
    memory = os.memfd_create("t", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.write(memory, np.arange(2048, dtype="<f4").tobytes())
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        async with doors(echo()) as here:
            before = await here.emptied()
            with Caller(here.express) as caller:
                said = _region("register", {"key": "fd:0", "byte_size": size})
                _send_fds(caller.sock, said, 1, memory)
                replies = [await caller.reply()]
                await caller.send(_in_memory(size))
                replies.append(await caller.reply())
                await caller.send(_in_memory(size), _region("unregister", {}))
                replies += [await caller.reply(), await caller.reply()]
                await caller.send(_in_memory(size))
                replies.append(await caller.reply())
                stayed = here.is_express
            after = await here.emptied()
    finally:
        os.close(memory)

    assert [200, 200, 200, 200, 404] == [reply and reply.status for reply in replies]
    assert replies[1] is not None
    assert np.arange(2048, dtype="<f4").tobytes() == replies[1].body[-size:]
    assert (True, before) == (stayed, after)


async def test_a_caller_with_memory_keeps_its_connection_at_aiohttp_too() -> None:
    """Else it would lose the memory by asking for the model's metadata."""
    size = 4096
    memory = os.memfd_create("t", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.truncate(memory, size)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        async with doors(echo()) as here:
            with Caller(here.express) as caller:
                said = _region("register", {"key": "fd:0", "byte_size": size})
                _send_fds(caller.sock, said, 1, memory)
                replies = [await caller.reply()]
                await caller.send(b"GET /v2/models/echo HTTP/1.1\r\nHost: x\r\n\r\n")
                replies.append(await caller.reply())
                await caller.send(_in_memory(size))
                replies.append(await caller.reply())
    finally:
        os.close(memory)

    assert [(200, False)] * 3 == [r and (r.status, r.closes) for r in replies]


def _region(verb: str, document: object) -> bytes:
    body = msgspec.json.encode(document)
    head = f"POST /v2/systemsharedmemory/region/r/{verb} HTTP/1.1\r\nHost: x\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _in_memory(size: int) -> bytes:
    said = {
        "name": "x",
        "datatype": "FP32",
        "shape": [size // 4],
        "parameters": {
            "shared_memory_region": "r",
            "shared_memory_byte_size": size,
        },
    }
    options = {"binary_data_output": True}
    text = msgspec.json.encode({"inputs": [said], "parameters": options})
    return post(text, model="echo", json_bytes=len(text))


def _send_fds(sock: socket.socket, data: bytes, count: int, fd: int = 0) -> None:
    fds = array("i", [fd] * count)
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])


@pytest.mark.timeout(60)
async def test_10000_connections_leave_nothing() -> None:
    """Silent ones, half a head, an answer unread, an answer read."""
    raw = vector(3)
    scenes = (b"", raw[:20], raw[:-3], raw)
    async with doors(echo()) as here:
        await exchange(here.express, raw)
        before = await here.emptied()
        for number in range(10_000):
            caller = Caller(here.express)
            piece = scenes[number % 4]
            if piece:
                caller.sock.send(piece)
            if number % 16 == 15:
                reply = await caller.reply()
                assert reply is not None
            caller.close()
            if number % 32 == 31:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        after = await here.emptied()
        reply = await exchange(here.express, raw)

    assert (before, 200) == (after, reply.status)
