"""One release from what describes it to the door, on a real disk."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.errors import NotFetched, StoreFailed, Untrusted
from edged.host.files import DiskFiles
from edged.update.judgement import wanted
from edged.update.pace import Pace
from edged.update.porter import FRESH_S, Porter
from edged.update.space import Fits
from edged.wire.listing import CHUNK_BYTES
from tests.fakes.clock import Hours
from tests.fakes.updates import FakeCarrier, FakeDoor, FakeSource, published

ONE = published(15)
WANTED = wanted(ONE.offer, downgrade=False)
SIZE = 3 * CHUNK_BYTES + 5
LABELS = 8


class Place:
    """A porter, and whom it works with."""

    def __init__(self, folder: Path, disk: ThreadPoolExecutor) -> None:
        self.folder = folder / "incoming"
        self.clock = Hours()
        self.source = FakeSource("main", ONE)
        self.carrier = FakeCarrier((self.source,), disk)
        self.door = FakeDoor()
        self.porter = Porter(
            folder=self.folder,
            files=DiskFiles(),
            disk=disk,
            door=self.door,
            carrier=self.carrier,
            clock=self.clock,
            pace=Pace(self.clock),
            reserve_bytes=0,
        )

    async def surveyed(self) -> Porter:
        """Bring the release to where it may be fetched."""
        await self.porter.describe(WANTED, ONE.offer, self.source)
        await self.porter.survey(frozenset())
        return self.porter

    def parts(self) -> list[str]:
        """Return the sha256 of what lies here."""
        return sorted({path.name[:64] for path in self.folder.iterdir()})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return one."""
    with ThreadPoolExecutor(1, thread_name_prefix="update") as disk:
        yield Place(tmp_path, disk)


async def test_what_the_daemon_has_is_not_fetched(place: Place) -> None:
    """It counts as kept, and is not in the tar."""
    place.door.have(published(14))
    porter = await place.surveyed()
    load = porter.load

    await porter.fetch()
    await porter.verify()
    await porter.hand_in(await porter.pack())

    assert (SIZE + LABELS, LABELS) == (load.total_bytes, load.kept_bytes)
    assert SIZE + LABELS == load.done_bytes
    assert "labels.txt" not in place.door.taken[0][2]


async def test_a_rate_is_that_of_the_last_seconds(place: Place) -> None:
    """Of fewer at its beginning; it falls to nothing while nothing comes."""
    porter = await place.surveyed()
    await porter.fetch()
    rates = []
    for wait_s in (2, 6, 60):
        place.clock.now += wait_s
        told = porter.transfer()
        assert told is not None
        rates.append(told.rate_bytes_s)

    whole = SIZE + LABELS
    assert [whole / 2, whole / 8, 0.0] == rates
    assert whole == told.done_bytes


async def test_nothing_is_told_of_what_is_not_known(place: Place) -> None:
    """Before the survey there are no figures."""
    assert None is place.porter.transfer()


async def test_the_same_release_is_described_once(place: Place) -> None:
    """A try that failed does not ask for it all again."""
    await place.porter.describe(WANTED, ONE.offer, place.source)
    await place.porter.describe(WANTED, ONE.offer, place.source)

    assert 1 == place.source.described


async def test_what_is_signed_is_asked_for_again_before_it_is_handed_in(
    place: Place,
) -> None:
    """A download may take longer than signed metadata is good for."""
    porter = await place.surveyed()
    await porter.fetch()
    place.clock.now += FRESH_S + 1

    await porter.pack()

    assert 2 == place.source.described


async def test_a_source_that_is_away_does_not_keep_a_whole_release_back(
    place: Place,
) -> None:
    """What was signed when it began may do as well: the daemon judges that."""
    porter = await place.surveyed()
    await porter.fetch()
    place.clock.now += FRESH_S + 1
    place.source.faults = [NotFetched("cannot fetch it", reason="cut")]

    await porter.hand_in(await porter.pack())

    assert 1 == len(place.door.taken)


async def test_what_the_daemon_did_not_believe_is_asked_for_again(
    place: Place,
) -> None:
    """Its documents may be why."""
    porter = await place.surveyed()
    await porter.fetch()
    place.door.errors = [Untrusted("cannot trust it", reason="freeze")]
    with pytest.raises(Untrusted):
        await porter.hand_in(await porter.pack())

    await porter.describe(WANTED, ONE.offer, place.source)

    assert 2 == place.source.described


async def test_a_description_that_did_not_come_is_asked_for_again(
    place: Place,
) -> None:
    """A failure is no description."""
    place.source.faults = [NotFetched("cannot fetch it", reason="cut")]
    with pytest.raises(NotFetched):
        await place.porter.describe(WANTED, ONE.offer, place.source)

    await place.porter.describe(WANTED, ONE.offer, place.source)

    assert 2 == place.source.described


async def test_bytes_that_rotted_are_fetched_again(place: Place) -> None:
    """And no others."""
    porter = await place.surveyed()
    await porter.fetch()
    part = place.folder / f"{ONE.index.files['model.onnx'].sha256}.part"
    data = bytearray(part.read_bytes())
    data[CHUNK_BYTES] ^= 1
    part.write_bytes(data)
    with pytest.raises(NotFetched, match="is not what was signed"):
        await porter.verify()
    count = len(place.carrier.fetched)

    await porter.fetch()
    await porter.verify()

    assert [(part.stem, 1)] == place.carrier.fetched[count:]


async def test_files_that_the_daemon_lost_are_not_left_out(place: Place) -> None:
    """What it had when it was asked may be gone when it matters."""
    place.door.have(published(14))
    porter = await place.surveyed()
    await porter.fetch()
    place.door.sums = frozenset()

    with pytest.raises(StoreFailed, match="has lost files"):
        await porter.pack()


async def test_partial_files_of_others_make_room(place: Place) -> None:
    """Only where there is not enough for both."""
    place.folder.mkdir()
    other = "ab" * 32
    (place.folder / f"{other}.part").write_bytes(b"x" * (1 << 20))
    free = (await place.surveyed())._volume(frozenset()).free_bytes
    place.porter.reserve_bytes = free - (SIZE // 2)

    plan = await place.porter.survey(frozenset({other}))

    assert (Fits.COLLECTED, []) == (plan.fits, place.parts())


async def test_a_sweep_leaves_what_is_wanted(place: Place) -> None:
    """By what the files are called."""
    porter = await place.surveyed()
    await porter.fetch()
    keep = ONE.index.files["model.onnx"].sha256

    await porter.sweep([keep])

    assert [keep] == place.parts()


async def test_a_cancelled_fetch_closes_its_file(place: Place) -> None:
    """What was kept stays kept."""
    porter = await place.surveyed()
    place.carrier.hold.clear()
    async with asyncio.TaskGroup() as group:
        work = group.create_task(porter.fetch())
        place.carrier.hold.set()
        await place.carrier.came.wait()
        work.cancel()

    await porter.survey(frozenset())

    assert CHUNK_BYTES <= porter.load.begun_bytes < SIZE
