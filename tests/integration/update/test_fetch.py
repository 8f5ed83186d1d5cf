"""One file, from whoever has it: real nginx, real disk, real kills."""

import asyncio
import mmap
import random
import re
import signal
import struct
import sys
import tracemalloc
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

import pytest

from edged.errors import NotFetched, StoreFailed
from edged.host.files import DiskFiles, Site
from edged.host.partial import Part
from edged.update.fetch import GOES, Fetcher
from edged.update.pace import Pace
from edged.update.trouble import reason_of
from edged.update.web import Web
from edged.wire.listing import CHUNK_BYTES, Chunked
from edged.wire.updates import Reason
from tests.fakes.blocks import FailingBlocks, opened
from tests.fakes.chunks import chunked, content, piece, unindexed
from tests.fakes.clock import Hours
from tests.fakes.fault_proxy import (
    Exchange,
    FaultProxy,
    Out,
    answer,
    cut_at,
    fair,
    fault_proxy,
    flipped,
    once,
    stall_at,
)
from tests.fakes.files import RecordingFiles
from tests.fakes.nginx import Nginx

ROOT = Path(__file__).resolve().parents[3]
MIB = 1 << 20
DATA = content(3 * MIB + 12345)
WANT = chunked(DATA)
SMALL = content(150, seed=2)


@pytest.fixture(autouse=True)
def _files(host: Nginx) -> None:
    (host.root / "large").write_bytes(DATA)
    (host.root / "tiny").write_bytes(SMALL)


class Bench:
    """What fetches, with a clock that only its sleeps move."""

    def __init__(self, web: Web, disk: Executor, incoming: Path) -> None:
        self.clock = Hours()
        self.told: list[int] = []
        self.fetcher = Fetcher(
            web, disk, self.clock, sleep=self.clock.sleep, chance=lambda: 1.0
        )
        self.incoming = incoming

    def part(self, want: Chunked = WANT) -> Part:
        """Open a part."""
        return Part(self.incoming, want, DiskFiles())

    async def fetch(
        self,
        part: Part,
        *urls: str,
        want: Chunked = WANT,
        pace: Pace | None = None,
    ) -> NotFetched | None:
        """Fetch; return why that failed."""
        pace = pace or Pace(self.clock)
        try:
            await self.fetcher.fetch(want, urls, part, self.told.append, pace)
        except NotFetched as failed:
            return failed
        return None


@pytest.fixture
def bench(web: Web, disk: Executor, incoming: Path) -> Bench:
    """Return one."""
    return Bench(web, disk, incoming)


# --- as it should be -------------------------------------------------------------


async def test_a_file_comes_with_one_request(bench: Bench, spoiler: FaultProxy) -> None:
    """Without a range: any host can answer that. What is kept is told as it grows."""
    part = bench.part()

    failed = await bench.fetch(part, f"{spoiler.url}/large")

    assert failed is None
    assert part.verify()
    assert [""] == spoiler.ranges()
    assert [MIB, MIB, MIB, 12345] == bench.told
    assert len(DATA) == bench.fetcher.arrived_bytes
    part.close()


async def test_only_what_is_missing_is_asked_for(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """One request for each run of missing chunks."""
    part = bench.part()
    for index in (0, 1, 5):
        part.write(index, piece(DATA, index))

    await bench.fetch(part, f"{spoiler.url}/large")

    assert part.verify()
    assert [
        f"bytes={2 * CHUNK_BYTES}-{5 * CHUNK_BYTES - 1}",
        f"bytes={6 * CHUNK_BYTES}-{len(DATA) - 1}",
    ] == spoiler.ranges()
    assert len(DATA) - 3 * CHUNK_BYTES == bench.fetcher.arrived_bytes
    part.close()


async def test_the_second_request_is_for_the_same_file(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """If-Range with the ETag that the host gave."""
    part = bench.part()
    spoiler.fault = once(cut_at(MIB))

    await bench.fetch(part, f"{spoiler.url}/large")

    assert b"If-Range" not in spoiler.requests[0]
    assert re.search(rb'\r\nIf-Range: "[0-9a-f-]+"\r\n', spoiler.requests[1])
    part.close()


async def test_a_host_of_many_etags_is_asked_without_one(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """Else each of its machines would begin at the start again."""
    part = bench.part()

    async def spoil(exchange: Exchange, out: Out) -> None:
        exchange.headers["etag"] = f'"{exchange.number}"'
        await (cut_at(MIB) if exchange.number < 4 else fair)(exchange, out)

    spoiler.fault = spoil

    failed = await bench.fetch(part, f"{spoiler.url}/large")

    assert failed is None
    assert [False, True, False, False, False] == [
        b"If-Range" in request for request in spoiler.requests
    ]
    part.close()


async def test_an_empty_file_needs_no_host(bench: Bench) -> None:
    """There is nothing to ask for."""
    empty = chunked(b"")
    part = bench.part(empty)

    failed = await bench.fetch(part, "http://127.0.0.1:9/x", want=empty)

    assert failed is None
    part.close()


# --- cut -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_cut_at_any_byte_is_gone_on_from(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """Every byte of a small file: what came is never asked for again."""
    want = chunked(SMALL)
    url = f"{spoiler.url}/tiny"
    for at in range(len(SMALL)):
        part = bench.part(want)
        spoiler.fault = once(cut_at(at))
        spoiler.requests.clear()
        before = bench.fetcher.arrived_bytes

        first = await bench.fetch(part, url, want=want)
        failed = await bench.fetch(part, url, want=want) if first else None

        # Nothing came of the first try: that is for the back-off, with a new request.
        assert (first is not None) is (at == 0)
        assert failed is None
        assert part.verify()
        assert ["", f"bytes={at}-{len(SMALL) - 1}" if at else ""] == spoiler.ranges()
        assert len(SMALL) == bench.fetcher.arrived_bytes - before
        part.drop()


@pytest.mark.parametrize("seed", range(5))
async def test_cuts_at_random_cost_no_byte(
    bench: Bench, spoiler: FaultProxy, seed: int
) -> None:
    """A large file over a link that breaks again and again, 32 KiB at the least."""
    chance = random.Random(seed)  # noqa: S311  # not for secrets
    part = bench.part()

    async def spoil(exchange: Exchange, out: Out) -> None:
        await cut_at(chance.randrange(32 << 10, MIB))(exchange, out)

    spoiler.fault = spoil

    failed = await bench.fetch(part, f"{spoiler.url}/large")

    assert failed is None
    assert part.verify()
    assert len(DATA) == bench.fetcher.arrived_bytes
    assert len(spoiler.requests) - 1 == bench.fetcher.cuts > 2
    part.close()


async def test_a_link_that_carries_next_to_nothing_is_given_up(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """After pauses that grow; the back-off of the whole update goes on from there."""
    part = bench.part()
    spoiler.fault = cut_at(10)

    failed = await bench.fetch(part, f"{spoiler.url}/large")

    assert failed is not None
    assert Reason.CUT is reason_of(failed)
    assert GOES + 1 == len(spoiler.requests)
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0] == bench.clock.slept
    part.close()


async def test_a_stall_in_the_middle_is_a_cut(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """The rest comes over another connection."""
    part = bench.part()
    spoiler.fault = once(stall_at(2 * MIB))

    failed = await bench.fetch(part, f"{spoiler.url}/large")

    assert failed is None
    assert len(DATA) == bench.fetcher.arrived_bytes
    part.close()


# --- more than one host ----------------------------------------------------------


async def test_a_second_host_goes_on(bench: Bench, host: Nginx) -> None:
    """From the last whole chunk of the first: bytes of two hosts never meet in one."""
    part = bench.part()
    async with fault_proxy(host.port) as first, fault_proxy(host.port) as second:
        first.fault = once(cut_at(MIB + 1000), then=answer("404 Not Found"))

        failed = await bench.fetch(part, f"{first.url}/large", f"{second.url}/large")

    assert failed is None
    assert part.verify()
    assert [f"bytes={MIB}-{len(DATA) - 1}"] == second.ranges()
    assert len(DATA) + 1000 == bench.fetcher.arrived_bytes
    part.close()


async def test_wrong_bytes_cost_one_chunk(bench: Bench, host: Nginx) -> None:
    """Their host is not asked again, and is the last one next time."""
    part = bench.part()
    async with fault_proxy(host.port) as bad, fault_proxy(host.port) as good:
        bad.fault = flipped
        urls = f"{bad.url}/large", f"{good.url}/large"

        failed = await bench.fetch(part, *urls)
        part.drop()
        again = bench.part()
        await bench.fetch(again, *urls)

    assert failed is None
    assert again.verify()
    assert [f"bytes={12 * CHUNK_BYTES}-{len(DATA) - 1}", ""] == good.ranges()
    assert 1 == len(bad.requests)
    again.close()


async def test_all_hosts_failed_tells_of_the_first(bench: Bench, host: Nginx) -> None:
    """It is the one that was thought best of."""
    part = bench.part()
    async with fault_proxy(host.port) as busy:
        busy.fault = answer("503 Busy", retry_after="77")

        failed = await bench.fetch(
            part, f"{busy.url}/large", f"{host.url}/nothing", "http://127.0.0.1:9/x"
        )

    assert failed is not None
    assert Reason.HOST_BUSY is reason_of(failed)
    assert 77.0 == failed.retry_after_s
    assert 1 == len(busy.requests)
    part.close()


# --- without an index ------------------------------------------------------------


async def test_without_an_index_a_good_host_makes_up_for_a_bad_one(
    bench: Bench, host: Nginx
) -> None:
    """The file is checked at its end, forgotten as a whole, and fetched elsewhere."""
    want = unindexed(DATA)
    part = bench.part(want)
    async with fault_proxy(host.port) as bad:
        bad.fault = flipped

        failed = await bench.fetch(
            part, f"{bad.url}/large", f"{host.url}/large", want=want
        )

    assert failed is None
    assert part.verify()
    assert DATA == part.path.read_bytes()
    part.close()


async def test_without_an_index_a_wrong_file_is_told(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """By its sha256; nothing of it is kept."""
    want = unindexed(DATA)
    part = bench.part(want)
    spoiler.fault = flipped

    failed = await bench.fetch(part, f"{spoiler.url}/large", want=want)

    assert failed is not None
    assert Reason.WRONG_HASH is reason_of(failed)
    assert want.sha256 in failed.message
    assert 0 == part.kept_bytes
    part.close()


async def test_without_an_index_a_changed_file_is_begun_anew(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """The ETag says that what is kept is of another one."""
    old = content(len(DATA), seed=9)
    want = unindexed(DATA)
    part = bench.part(want)

    async def spoil(exchange: Exchange, out: Out) -> None:
        if exchange.number == 0:
            exchange.body = old
            exchange.headers["etag"] = '"old"'
            await cut_at(MIB)(exchange, out)
        else:
            await fair(exchange, out)

    spoiler.fault = spoil

    failed = await bench.fetch(part, f"{spoiler.url}/large", want=want)

    assert failed is None
    assert part.verify()
    part.close()


# --- waits -----------------------------------------------------------------------


async def test_the_rate_is_kept(bench: Bench, host: Nginx) -> None:
    """A mebibyte a second: three seconds for three, one of them at once."""
    part = bench.part()
    pace = Pace(bench.clock, rate=MIB, sleep=bench.clock.sleep)

    await bench.fetch(part, f"{host.url}/large", pace=pace)

    assert 2.0 <= sum(bench.clock.slept) <= 2.02
    part.close()


async def test_who_has_the_right_of_way_is_let_pass(
    bench: Bench, spoiler: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is given back after a while; no byte is asked for twice."""
    monkeypatch.setattr("edged.update.fetch.LINGER_S", 0.05)
    part = bench.part()
    free, waits = asyncio.Event(), 0
    free.set()

    async def clear() -> None:
        nonlocal waits
        if part.kept_bytes == MIB and waits == 0:
            free.clear()
            waits += 1
            asyncio.get_running_loop().call_later(0.3, free.set)
        await free.wait()

    failed = await bench.fetch(
        part, f"{spoiler.url}/large", pace=Pace(bench.clock, clear=clear)
    )

    assert failed is None
    assert 1 == waits
    assert 2 == len(spoiler.requests)
    assert len(DATA) == bench.fetcher.arrived_bytes
    assert part.verify()
    part.close()


# --- refused by the disk, cancelled, killed --------------------------------------


async def test_a_disk_that_refuses_ends_it(
    bench: Bench, host: Nginx, incoming: Path
) -> None:
    """No other host is asked: that would not help."""
    made: list[FailingBlocks] = []
    part = Part(incoming, WANT, DiskFiles(), opened(made))
    made[0].fails["sync"] = OSError(5, "io")

    with pytest.raises(StoreFailed):
        await bench.fetch(part, f"{host.url}/large", f"{host.url}/large?2")

    assert 0 == part.kept_bytes
    part.close()


@pytest.mark.parametrize("verb", ["write", "sync", "map"])
@pytest.mark.parametrize("after", range(14))
async def test_a_disk_that_is_full_at_any_write_costs_a_flush_unit(
    bench: Bench, host: Nginx, verb: str, after: int
) -> None:
    """And what was on the way. Once there is room it goes on from there."""
    url, full = f"{host.url}/large", OSError(28, "full")
    made: list[FailingBlocks] = []
    files = RecordingFiles()
    part = Part(bench.incoming, WANT, files, opened(made))
    files.fail(Site.PART_MAP, full, after=after if verb == "map" else 99)
    made[0].fails[verb], made[0].after = full, after

    with suppress(StoreFailed):
        await bench.fetch(part, url)
    part.close()
    arrived = bench.fetcher.arrived_bytes
    again = bench.part()
    kept = again.kept_bytes
    failed = await bench.fetch(again, url)

    assert failed is None
    assert again.verify()
    assert arrived - kept < 2 * MIB
    assert len(DATA) - kept == bench.fetcher.arrived_bytes - arrived
    again.close()


async def test_who_cancels_keeps_what_was_checked(
    bench: Bench, spoiler: FaultProxy
) -> None:
    """Down to the last whole chunk."""
    part = bench.part()
    spoiler.fault = once(stall_at(MIB + CHUNK_BYTES + 5))

    async def clear() -> None:
        if bench.fetcher.arrived_bytes == MIB + CHUNK_BYTES + 5:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await bench.fetch(
            part, f"{spoiler.url}/large", pace=Pace(bench.clock, clear=clear)
        )

    assert MIB + CHUNK_BYTES == part.kept_bytes == sum(bench.told)
    part.close()


#: Writes what has come in all, and how much of it with the last piece, where a kill
#: does not take it.
KILLED = """
import asyncio, mmap, struct, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles
from edged.host.partial import Part
from edged.update.fetch import Fetcher
from edged.update.pace import Pace
from edged.update.web import Web
from tests.fakes.chunks import chunked, content

folder, url, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
counter = open(folder / "counter", "r+b")
count = mmap.mmap(counter.fileno(), 16)
before = struct.unpack_from("q", count)[0]

class Counting(Fetcher):
    seen = 0

    @property
    def arrived_bytes(self):
        return self.seen

    @arrived_bytes.setter
    def arrived_bytes(self, value):
        struct.pack_into("qq", count, 0, before + value, value - self.seen)
        self.seen = value

async def main():
    want = chunked(content(size))
    with ThreadPoolExecutor(1) as disk:
        async with Web(agent="killed") as web:
            clock = SystemClock()
            part = Part(folder, want, DiskFiles())
            fetcher = Counting(web, disk, clock)
            pace = Pace(clock, rate=12 << 20)
            await fetcher.fetch(want, [url], part, lambda _: None, pace)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_kill_costs_less_than_a_flush_unit(
    incoming: Path, host: Nginx, spoiler: FaultProxy
) -> None:
    """Beside the piece in hand; again and again; it gets there, byte for byte."""
    data = content(16 * MIB)
    want = chunked(data)
    (host.root / "killed").write_bytes(data)
    (incoming / "counter").write_bytes(bytes(16))
    chance = random.Random(4)  # noqa: S311  # not for secrets
    lost: list[int] = []
    kept = arrived = 0

    while kept < len(data):
        target = arrived + chance.randrange(1, 4 * MIB)
        await _live(incoming, f"{spoiler.url}/killed", len(data), target)
        part = Part(incoming, want, DiskFiles())
        now, in_hand = struct.unpack("qq", (incoming / "counter").read_bytes())
        lost.append(now - arrived - (part.kept_bytes - kept) - in_hand)
        arrived, kept = now, part.kept_bytes
        is_right = part.verify()
        part.close()

    assert is_right
    assert len(lost) > 3
    assert max(lost) < MIB
    assert {"counter", f"{want.sha256}.map", f"{want.sha256}.part"} == names(incoming)
    starts = [int(asked[6:].split("-")[0] or 0) for asked in spoiler.ranges() if asked]
    assert sorted(starts) == starts


def names(folder: Path) -> set[str]:
    """Return what lies in a folder."""
    return {path.name for path in folder.iterdir()}


async def _live(incoming: Path, url: str, size: int, target: int) -> None:
    """Fetch in a process of its own; kill it when so many bytes came in all lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(incoming), url, str(size), cwd=ROOT
    )
    with (incoming / "counter").open("rb") as counter:  # a map
        shared = mmap.mmap(counter.fileno(), 16, access=mmap.ACCESS_READ)
    ended = asyncio.get_running_loop().create_task(process.wait())
    while not ended.done() and struct.unpack_from("q", shared)[0] < target:
        await asyncio.wait([ended], timeout=0.001)
    if not ended.done():
        process.send_signal(signal.SIGKILL)
    assert await ended in {0, -signal.SIGKILL}
    shared.close()


async def test_memory_stays_bounded(bench: Bench, host: Nginx) -> None:
    """Of a file of 64 MiB, a few chunks at a time."""
    size = 64 * MIB
    (host.root / "zeros").write_bytes(bytes(size))
    want = chunked(bytes(size))
    part = bench.part(want)
    tracemalloc.start()
    try:
        await bench.fetch(part, f"{host.url}/zeros", want=want)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert part.whole()
    assert peak < 16 * CHUNK_BYTES
    part.close()
