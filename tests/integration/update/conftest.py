"""A real nginx, a spoiler in front of it, and what fetches."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.update.flow import Limits
from edged.update.web import Web
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.nginx import Nginx, nginx

#: Short, and yet longer than a busy machine keeps a test waiting.
QUICK = Limits(
    connect_s=2.0,
    gap_s=1.0,
    slow_bytes_s=1024.0,
    slow_over_s=1.0,
    spare_s=5.0,
)


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Return a running nginx."""
    with nginx(tmp_path_factory.mktemp("nginx")) as started:
        yield started


@pytest.fixture
async def spoiler(host: Nginx) -> AsyncIterator[FaultProxy]:
    """Return a proxy in front of it."""
    async with fault_proxy(host.port) as proxy:
        yield proxy


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    """Return a client that does not wait for long."""
    async with Web(agent="edged/test", limits=QUICK) as client:
        yield client


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    """Return a thread for parts."""
    with ThreadPoolExecutor(1, thread_name_prefix="part") as executor:
        yield executor


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """Return a folder for parts."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder
