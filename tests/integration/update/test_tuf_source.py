"""A signed repository behind a real nginx."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edged.errors import NotFetched, Untrusted
from edged.host.files import DiskFiles
from edged.trust.clock import Watchmaker
from edged.trust.repository import Repository
from edged.update.tuf_source import TufSource
from edged.update.web import Web
from edged.wire.listing import chunks_path
from tests.fakes.clock import Hours
from tests.fakes.nginx import Nginx
from tests.fakes.tuf_repository import TufRepository

NOW = datetime(2030, 3, 1, tzinfo=UTC)

Make = Callable[..., TufSource]


@pytest.fixture
def publisher() -> TufRepository:
    """Return a repository with two models."""
    made = TufRepository(NOW)
    made.add("digits", 1)
    made.add("digits", 2)
    made.add("faces", 7)
    made.publish()
    return made


@pytest.fixture
def place(host: Nginx, publisher: TufRepository, tmp_path: Path) -> str:
    """Return the URL of a folder that holds it."""
    push(publisher, host.root / tmp_path.name)
    return f"{host.url}/{tmp_path.name}"


def push(publisher: TufRepository, into: Path) -> None:
    """Write what the host serves."""
    for name, data in publisher.files.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def clock() -> Hours:
    """Return what counts the time since a look."""
    return Hours()


@pytest.fixture
def source(
    place: str, publisher: TufRepository, web: Web, clock: Hours, tmp_path: Path
) -> Iterator[Make]:
    """Return what makes a source of it."""
    with ThreadPoolExecutor(1, thread_name_prefix="trust") as thread:

        def make(
            *places: str,
            takes: Callable[[str], bool] = bool,
            synchronised: bool = False,
        ) -> TufSource:
            return TufSource(
                "main",
                places or (place,),
                repository=lambda: Repository(
                    tmp_path / "trust",
                    publisher.first_root,
                    DiskFiles(),
                    Watchmaker(tmp_path, kernel=lambda: synchronised),
                ),
                web=web,
                thread=thread,
                clock=clock,
                takes=takes,
            )

        yield make


async def test_a_look_tells_every_release(source: Make) -> None:
    """With what is thought of the clock, and of the metadata."""
    main = source()
    before = (main.clock, dict(main.versions), main.at)

    offers = await main.look()

    assert [
        ("digits 1.1.0 (seq 1)", "main"),
        ("digits 1.2.0 (seq 2)", "main"),
        ("faces 1.7.0 (seq 7)", "main"),
    ] == [(str(offer), offer.source) for offer in offers]
    assert ("unknown", {}, None) == before
    assert 2 == main.versions["timestamp"]
    assert main.at is not None
    assert main.at >= NOW


async def test_time_goes_on_where_nobody_set_the_clock(
    source: Make, clock: Hours
) -> None:
    """Or a roll-out would never come to a box without one."""
    main = source()
    await main.look()
    before = main.at

    clock.now += 3600

    assert before is not None
    assert before + timedelta(hours=1) == main.at


async def test_a_clock_that_is_right_may_be_set_back_a_little(
    source: Make, publisher: TufRepository, host: Nginx, tmp_path: Path, clock: Hours
) -> None:
    """The time of the look is over, whatever has passed since; no more is known."""
    publisher.now = datetime.now(UTC) - timedelta(days=1)
    publisher.publish()
    push(publisher, host.root / tmp_path.name)
    main = source(synchronised=True)
    await main.look()
    before = main.at

    clock.now += 3600

    assert "right" == main.clock
    assert before == main.at


async def test_only_what_it_may_bring_is_looked_at(source: Make) -> None:
    """All that it lists is there for who must confirm something."""
    main = source(takes=lambda model: model == "faces")

    looked, listed = await main.look(), await main.listed()

    assert ["faces"] == [offer.listing.model for offer in looked]
    assert 3 == len(listed)


async def test_a_release_is_described_as_it_was_signed(
    source: Make, publisher: TufRepository
) -> None:
    """With the documents that the daemon wants to see."""
    main = source()
    offer = (await main.look())[1]

    found = await main.describe(offer)

    assert b"name: digits\nseq: 2\n" == found.manifest
    assert {"net.onnx"} == set(found.index.files)
    assert publisher.documents() == found.documents


async def test_a_place_that_has_it_not_is_left_for_the_next(
    source: Make, place: str, host: Nginx
) -> None:
    """Files are asked for at every place, in order."""
    empty = f"{host.url}/nothing-here"
    main = source(empty, place)

    offers = await main.look()
    described = await main.describe(offers[0])

    assert 3 == len(offers)
    assert described.manifest
    assert (f"{empty}/blobs/ab", f"{place}/blobs/ab") == main.urls("ab")


async def test_where_no_place_has_it_the_first_one_s_failure_is_told(
    source: Make, host: Nginx
) -> None:
    """It is the one that the administrator named."""
    main = source(f"{host.url}/a", f"{host.url}/b")

    with pytest.raises((NotFetched, Untrusted), match=r"/a/metadata/timestamp\.json"):
        await main.look()


async def test_an_older_mirror_does_not_take_anything_back(
    source: Make, publisher: TufRepository, place: str, host: Nginx, tmp_path: Path
) -> None:
    """What it shows is refused by name, and the next place is asked."""
    old = host.root / f"{tmp_path.name}-old"
    push(publisher, old)
    publisher.add("digits", 3)
    publisher.publish()
    push(publisher, host.root / tmp_path.name)
    await source().look()

    offers = await source(f"{host.url}/{old.name}", place).look()
    with pytest.raises(Untrusted) as refused:
        await source(f"{host.url}/{old.name}").look()

    assert 4 == len(offers)
    assert "rollback" == refused.value.fields["reason"]


async def test_an_index_that_nobody_can_read_is_told(
    source: Make, publisher: TufRepository, host: Nginx, tmp_path: Path
) -> None:
    """Its publisher may have a newer edged."""
    publisher.add_target(chunks_path("digits", 2), b"[]")
    publisher.publish()
    push(publisher, host.root / tmp_path.name)
    main = source()
    offer = (await main.look())[1]

    with pytest.raises(NotFetched, match="chunk index cannot be read"):
        await main.describe(offer)
