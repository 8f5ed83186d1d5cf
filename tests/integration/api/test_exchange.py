"""A release is exchanged, or comes back, behind both doors: callers see one answer.

Plans of the express door are of one release; what waits is answered by another one.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import pytest

from edged.errors import BadModel
from edged.host.peer import Peer
from edged.serve.live import Live
from edged.wire.oip_regions import Registration
from edged.wire.tensors import Datatype
from tests.fakes.doors import Caller, Doors, Reply, binary, doors, post
from tests.fakes.models import live_model, signature

SMALL = binary({"x": np.ones(3, "<f4")}, model="m")
IN_JSON = post(
    b'{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}]}', model="m"
)


def version(number: int, datatype: Datatype = Datatype.FP32) -> Live:
    """Return a release of the model `m`, an echo; its digest is its version."""
    tensor = ("x", datatype, (-1,))
    live = live_model("m", signature([tensor], [tensor]), dict, version=f"{number}")
    live.release = msgspec.structs.replace(live.release, digest=f"{number}")
    return live


def version_of(reply: Reply | None) -> str | None:
    """Return who answered; None for an error."""
    found = re.search(rb'"model_version":"(.)"', reply.body) if reply else None
    return found.group(1).decode() if found else None


@contextmanager
def callers(here: Doors, count: int = 1) -> Iterator[list[Caller]]:
    """Connect so many to each door, the express ones first."""
    paths = [here.express] * count + [here.plain] * count
    made = [Caller(path) for path in paths]
    try:
        yield made
    finally:
        for caller in made:
            caller.close()


async def waiting(here: Doors, count: int) -> None:
    """Wait until so many requests wait for the exchange."""
    async with asyncio.timeout(5):
        while here.registry.status("m").inflight != count:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("raw", [SMALL, IN_JSON], ids=["binary", "json"])
async def test_who_waits_is_answered_by_the_new_release(raw: bytes) -> None:
    """And is told so, also where the old one's answers had begun otherwise."""
    async with doors(version(1)) as here:
        with callers(here) as both:
            for _ in range(3):
                for caller in both:
                    await caller.send(raw)
                    assert "1" == version_of(await caller.reply())
            await here.registry.park("m")
            for caller in both:
                await caller.send(raw)
            await waiting(here, 2)
            here.registry.switch(version(2))
            heard = [await caller.reply() for caller in both]
            stayed = here.is_express

    assert ["2", "2"] == [version_of(reply) for reply in heard]
    assert heard[0] == heard[1]
    assert stayed


async def test_a_body_that_arrives_meanwhile_waits_too() -> None:
    """Its head came before the exchange, the rest of it during that."""
    raw = binary({"x": np.ones(9000, "<f4")}, model="m")

    async with doors(version(1)) as here:
        with callers(here) as both:
            for caller in both:
                await caller.send(raw[:500])
            await asyncio.sleep(0.02)
            await here.registry.park("m")
            for caller in both:
                await caller.send(raw[500:])
            await waiting(here, 2)
            here.registry.switch(version(2))
            heard = [await caller.reply() for caller in both]

    assert ["2", "2"] == [version_of(reply) for reply in heard]
    assert heard[0] == heard[1]


async def test_plans_are_right_after_the_way_back() -> None:
    """The resident release is found again by what it is, and answers as itself."""
    heard = []

    async with doors(version(1)) as here:
        with callers(here) as both:

            async def ask() -> list[str | None]:
                told = []
                for _ in range(3):
                    for caller in both:
                        await caller.send(SMALL)
                        told.append(version_of(await caller.reply()))
                return told

            heard.append(await ask())
            here.registry.switch(version(2), keep="1")
            heard.append(await ask())
            here.registry.back("m")
            heard.append(await ask())
            here.registry.switch(version(3, Datatype.INT32))
            heard.append(await ask())

    assert [["1"] * 6, ["2"] * 6, ["1"] * 6, [None] * 6] == heard


async def test_when_nothing_could_be_loaded_both_doors_say_why() -> None:
    """With the same words, and a Retry-After."""
    async with doors(version(1)) as here:
        with callers(here) as both:
            await here.registry.park("m")
            for caller in both:
                await caller.send(SMALL)
            await waiting(here, 2)
            here.registry.unpark("m", BadModel("cannot load m: the card is gone"))
            heard = [await caller.reply() for caller in both]

    first, second = heard
    assert first is not None
    assert first == second
    assert 503 == first.status
    assert "retry-after" in dict(first.framing)
    assert b"cannot use m: cannot load m: the card is gone" in first.body


async def test_beyond_the_bound_both_doors_refuse() -> None:
    """At once; the others wait on."""
    async with doors(version(1)) as here:
        here.registry.limits = msgspec.structs.replace(
            here.registry.limits, queue_length=4
        )
        with callers(here, 2) as early, callers(here) as late:
            await here.registry.park("m")
            for caller in early:
                await caller.send(SMALL)
            await waiting(here, 4)
            for caller in late:
                await caller.send(SMALL)
            refused = [await caller.reply() for caller in late]
            here.registry.switch(version(2))
            answered = [version_of(await caller.reply()) for caller in early]

    first, second = refused
    assert first is not None
    assert first == second
    assert 503 == first.status
    assert "retry-after" in dict(first.framing)
    assert ["2"] * 4 == answered


async def test_who_hangs_up_is_forgotten() -> None:
    """At the express door, which sees it at once; nothing of theirs runs."""
    async with doors(version(1)) as here:
        await here.registry.park("m")
        gone = [Caller(here.express) for _ in range(3)]
        for caller in gone:
            await caller.send(SMALL)
        await waiting(here, 3)
        for caller in gone:
            caller.close()
        await waiting(here, 0)
        new = version(2)
        here.registry.switch(new)
        await asyncio.sleep(0.02)

    assert 0 == new.stats.execution_count


async def test_outputs_in_shared_memory_are_placed_by_the_new_release() -> None:
    """What was made out for the old one's tensors is not computed into."""
    place = {"shared_memory_region": "r", "shared_memory_byte_size": 16}
    described = {"name": "x", "datatype": "FP32", "shape": [4], "parameters": place}
    wanted = {"name": "x", "parameters": {**place, "shared_memory_offset": 64}}
    text = msgspec.json.encode({"inputs": [described], "outputs": [wanted]})
    raw = post(text, model="m", json_bytes=len(text))
    me = Peer(pid=os.getpid(), uid=os.getuid(), gid=os.getgid())
    fd = os.memfd_create("edged-exchange", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 4096)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    os.pwrite(fd, np.full(4, 7.0, "<f4").tobytes(), 0)

    async with doors(version(1)) as here:
        whole = Registration(key="fd:0", byte_size=4096)
        here.regions.register(me, "test", "r", whole, [fd])
        with Caller(here.express) as caller:
            await here.registry.park("m")
            await caller.send(raw)
            await waiting(here, 1)
            here.registry.switch(version(2))
            reply = await caller.reply()

    assert "2" == version_of(reply)
    assert [7.0] * 4 == np.frombuffer(os.pread(fd, 16, 64), "<f4").tolist()
    os.close(fd)
