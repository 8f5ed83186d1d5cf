"""Every fault of the table has the outcome that the table says."""

from concurrent.futures import Executor
from pathlib import Path

import pytest

from edged.errors import NotFetched
from edged.host.files import DiskFiles
from edged.host.partial import Part
from edged.update.fetch import Fetcher
from edged.update.pace import Pace
from edged.update.trouble import reason_of
from edged.update.web import Web
from edged.wire.updates import Reason
from tests.fakes.chunks import chunked, piece
from tests.fakes.clock import Hours
from tests.fakes.fault_proxy import FaultProxy
from tests.fakes.faults import (
    DATA,
    ROWS,
    SIZE,
    TLS_ROWS,
    WAY_ROWS,
    Asks,
    Row,
    TlsRow,
    WayRow,
)
from tests.fakes.nginx import Nginx, nginx
from tests.integration.update.conftest import QUICK
from tools import update_pages

WANT = chunked(DATA)
FILE_ROWS = [row for row in ROWS if row.asks is Asks.FILE]
SMALL_ROWS = [row for row in ROWS if row.asks is Asks.SMALL]


@pytest.fixture
def part(incoming: Path) -> Part:
    """Return a part that has its first chunk."""
    made = Part(incoming, WANT, DiskFiles())
    made.write(0, piece(DATA, 0))
    made.flush()
    return made


@pytest.fixture(autouse=True)
def _file(host: Nginx) -> None:
    (host.root / "file").write_bytes(DATA)


async def fetched(web: Web, disk: Executor, part: Part, *urls: str) -> Reason | None:
    """Fetch the file; return why that failed."""
    clock = Hours()
    fetcher = Fetcher(web, disk, clock, sleep=clock.sleep, chance=lambda: 1.0)
    try:
        await fetcher.fetch(WANT, urls, part, lambda _: None, Pace(clock))
    except NotFetched as failed:
        return reason_of(failed)
    return None


@pytest.mark.parametrize("row", FILE_ROWS, ids=lambda row: row.fault)
async def test_a_fault_has_its_reason(
    row: Row, spoiler: FaultProxy, web: Web, disk: Executor, part: Part
) -> None:
    """With one host; what is kept is right, whatever came."""
    spoiler.fault = row.make()

    reason = await fetched(web, disk, part, f"{spoiler.url}/file")
    kept = [n for n in range(4) if part.has(n)]

    assert row.reason is reason
    assert part.whole() is (reason is None)
    assert 0 in kept
    part.verify()
    assert kept == [n for n in range(4) if part.has(n)]
    part.close()


@pytest.mark.parametrize("row", FILE_ROWS, ids=lambda row: row.fault)
async def test_a_second_host_makes_up_for_it(
    row: Row, host: Nginx, spoiler: FaultProxy, web: Web, disk: Executor, part: Part
) -> None:
    """Whatever is wrong with the first."""
    spoiler.fault = row.make()

    reason = await fetched(web, disk, part, f"{spoiler.url}/file", f"{host.url}/file")

    assert reason is None
    assert part.verify()
    assert DATA == part.path.read_bytes()
    part.close()


@pytest.mark.parametrize("row", SMALL_ROWS, ids=lambda row: row.fault)
async def test_a_small_file_has_its_bound(
    row: Row, spoiler: FaultProxy, web: Web
) -> None:
    """It is held, whatever the host says."""
    spoiler.fault = row.make()

    with pytest.raises(NotFetched) as caught:
        await web.read(f"{spoiler.url}/file", max_bytes=SIZE - 1)

    assert row.reason is reason_of(caught.value)
    assert spoiler.sent < SIZE + (16 << 20)


@pytest.mark.parametrize("row", TLS_ROWS, ids=lambda row: f"{row.fault} {row.bad}")
async def test_a_certificate_has_its_reason(row: TlsRow, tmp_path: Path) -> None:
    """Dates are overlooked only while the box does not know the time."""
    with nginx(tmp_path, bad=row.bad) as host:
        (host.root / "file").write_bytes(b"hello")
        web = Web(
            agent="edged/test",
            ca_file=host.ca_file,
            clock_is_right=lambda: row.clock_is_right,
            limits=QUICK,
        )
        reason, data = None, b""
        async with web:
            try:
                data = await web.read(f"{host.url}/file", max_bytes=5)
            except NotFetched as failed:
                reason = reason_of(failed)

    assert row.reason is reason
    assert (b"hello" if reason is None else b"") == data


@pytest.mark.parametrize("row", WAY_ROWS, ids=lambda row: row.fault)
async def test_a_way_that_does_not_lead_there_has_its_reason(row: WayRow) -> None:
    """Name, host and proxy are told apart."""
    async with Web(agent="edged/test", proxy=row.proxy, limits=QUICK) as web:
        with pytest.raises(NotFetched) as caught:
            await web.read(row.url, max_bytes=5)

    assert row.reason is reason_of(caught.value)


def test_every_reason_of_the_way_is_in_the_table() -> None:
    """What `Reason` lists for the way and the host can be brought about."""
    names = list(Reason)
    way = names[names.index(Reason.NO_NAME) : names.index(Reason.ROLLBACK)]

    told = {
        *(row.reason for row in ROWS),
        *(row.reason for row in TLS_ROWS),
        *(row.reason for row in WAY_ROWS),
    }

    assert set() == set(way) - told


def test_the_page_is_fresh() -> None:
    """`make docs` was run after the last change of the table."""
    assert update_pages.page() == update_pages.PAGE.read_text()
