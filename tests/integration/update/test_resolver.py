"""Names to addresses."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from edged.update.resolver import Resolver


async def test_a_name_has_its_addresses() -> None:
    """As the system knows them."""
    with ThreadPoolExecutor(1) as threads:
        found = await Resolver(threads, 5.0).resolve("localhost", 80)

    assert {"127.0.0.1", "::1"} >= {one["host"] for one in found} > set()
    assert {80} == {one["port"] for one in found}
    assert {"localhost"} == {one["hostname"] for one in found}


async def test_a_family_may_be_asked_for() -> None:
    """Only its addresses come."""
    with ThreadPoolExecutor(1) as threads:
        found = await Resolver(threads, 5.0).resolve("localhost", 80, socket.AF_INET)

    assert ["127.0.0.1"] == [one["host"] for one in found]


async def test_a_link_is_part_of_its_address() -> None:
    """A link-local address without one leads nowhere."""
    with ThreadPoolExecutor(1) as threads:
        found = await Resolver(threads, 5.0).resolve("fe80::1%1", 80, socket.AF_INET6)

    assert ["fe80::1%1"] == [one["host"] for one in found]


async def test_nobody_waits_for_a_lookup_that_hangs() -> None:
    """The thread is lost for a while; who asked is not."""
    go = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(go.wait)
        began = asyncio.get_running_loop().time()
        with pytest.raises(OSError):  # noqa: PT011  # a timeout is one, for aiohttp
            await Resolver(threads, 0.05).resolve("localhost")
        took = asyncio.get_running_loop().time() - began
        go.set()

    assert took < 5
