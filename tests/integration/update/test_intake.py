"""From bytes as they come to chunks at their places."""

from concurrent.futures import Executor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edged.host.files import DiskFiles
from edged.host.partial import Part
from edged.update.intake import Intake, Span, WrongChunk
from edged.wire.listing import CHUNK_BYTES, Chunked
from tests.fakes.chunks import chunked, content, piece, unindexed
from tests.fakes.clock import Hours

DATA = content(9 * CHUNK_BYTES + 7)
WANT = chunked(DATA)
MIB = 1 << 20


class Desk:
    """An intake, its part, its clock, and what it told."""

    def __init__(self, folder: Path, disk: Executor, want: Chunked, *had: int) -> None:
        self.part = Part(folder, want, DiskFiles())
        for index in had:
            self.part.write(index, piece(DATA, index))
        self.part.flush()
        self.clock = Hours()
        self.told: list[int] = []
        self.intake = Intake(
            want=want,
            part=self.part,
            disk=disk,
            clock=self.clock,
            progress=self.told.append,
        )


async def test_it_asks_for_what_is_missing_in_a_row(
    incoming: Path, disk: Executor
) -> None:
    """First things first."""
    desk = Desk(incoming, disk, WANT, 0, 3, 4)

    spans = [desk.intake.span()]
    desk.intake.begin(CHUNK_BYTES)
    await desk.intake.take(DATA[CHUNK_BYTES : 3 * CHUNK_BYTES])
    spans.append(desk.intake.span())
    desk.intake.begin(5 * CHUNK_BYTES)
    await desk.intake.take(DATA[5 * CHUNK_BYTES :])
    spans.append(desk.intake.span())

    assert [
        Span(at=CHUNK_BYTES, until=3 * CHUNK_BYTES),
        Span(at=5 * CHUNK_BYTES, until=len(DATA)),
        None,
    ] == spans
    assert 0 == desk.intake.left
    desk.part.close()


@given(had=st.sets(st.integers(0, 9)))
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
async def test_the_spans_are_what_is_missing(
    tmp_path_factory: pytest.TempPathFactory, disk: Executor, had: set[int]
) -> None:
    """All of it, nothing twice, in as few requests as can be."""
    desk = Desk(tmp_path_factory.mktemp("spans"), disk, WANT, *had)
    asked: list[int] = []
    count = 0

    while span := desk.intake.span():
        desk.intake.begin(span.at)
        await desk.intake.take(DATA[span.at : span.until])
        asked += range(span.at // CHUNK_BYTES, -(-span.until // CHUNK_BYTES))
        count += 1

    assert sorted(set(range(10)) - had) == asked
    assert sum(1 for n in asked if n - 1 not in asked) == count
    desk.part.close()


@given(sizes=st.lists(st.integers(5000, 3 * CHUNK_BYTES), min_size=1, max_size=30))
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
async def test_it_does_not_matter_how_bytes_are_cut(
    tmp_path_factory: pytest.TempPathFactory, disk: Executor, sizes: list[int]
) -> None:
    """What comes from the start passes over what is there."""
    desk = Desk(tmp_path_factory.mktemp("cut"), disk, WANT, 1, 5)
    desk.intake.begin(0)

    at = turn = 0
    while at < len(DATA):
        size = sizes[turn % len(sizes)]
        await desk.intake.take(DATA[at : at + size])
        at, turn = at + size, turn + 1
    await desk.intake.flush()

    assert DATA == desk.part.path.read_bytes()
    assert len(DATA) - 2 * CHUNK_BYTES == sum(desk.told)
    desk.part.close()


async def test_what_is_there_is_not_even_looked_at(
    incoming: Path, disk: Executor
) -> None:
    """A host may have it wrong by now: it is not asked for that."""
    desk = Desk(incoming, disk, WANT, 0)

    await desk.intake.take(bytes(CHUNK_BYTES) + piece(DATA, 1))

    assert (1, 8) == (desk.intake.taken, desk.intake.left)
    desk.part.close()


async def test_never_more_than_a_mebibyte_waits(incoming: Path, disk: Executor) -> None:
    """It is kept before that."""
    desk = Desk(incoming, disk, WANT)
    unsynced = []

    for index in range(10):
        await desk.intake.take(piece(DATA, index))
        unsynced.append(desk.part.unsynced_bytes)

    assert max(unsynced) < MIB
    assert [MIB, MIB] == desk.told
    desk.part.close()


async def test_on_a_slow_link_a_chunk_is_kept_at_once(
    incoming: Path, disk: Executor
) -> None:
    """Ten seconds of airtime are not put at risk."""
    desk = Desk(incoming, disk, WANT)
    await desk.intake.take(piece(DATA, 0))
    desk.clock.now += 10

    await desk.intake.take(piece(DATA, 1))

    assert [2 * CHUNK_BYTES] == desk.told
    desk.part.close()


async def test_a_chunk_that_was_begun_is_gone_on_with(
    incoming: Path, disk: Executor
) -> None:
    """By the same host; another one begins it anew."""
    desk = Desk(incoming, disk, WANT, 0)
    desk.intake.begin(CHUNK_BYTES)
    await desk.intake.take(piece(DATA, 1)[:100])

    same = desk.intake.span()
    desk.intake.forget()
    other = desk.intake.span()

    assert same is not None
    assert other is not None
    assert (CHUNK_BYTES + 100, CHUNK_BYTES) == (same.at, other.at)
    desk.part.close()


async def test_from_the_start_again_is_from_the_start(
    incoming: Path, disk: Executor
) -> None:
    """What was begun does not meet what comes now."""
    desk = Desk(incoming, disk, WANT)
    await desk.intake.take(b"?" * 100)

    desk.intake.begin(0)
    await desk.intake.take(piece(DATA, 0))

    assert desk.part.has(0)
    desk.part.close()


async def test_a_wrong_chunk_is_told_and_forgotten(
    incoming: Path, disk: Executor
) -> None:
    """What came before it stays."""
    desk = Desk(incoming, disk, WANT)

    with pytest.raises(WrongChunk) as caught:
        await desk.intake.take(piece(DATA, 0) + piece(DATA, 2))

    assert CHUNK_BYTES == caught.value.at
    span = desk.intake.span()
    assert span is not None
    assert CHUNK_BYTES == span.at
    desk.part.close()


async def test_without_an_index_the_whole_is_read(
    incoming: Path, disk: Executor
) -> None:
    """A wrong one is forgotten, and all of it is missing again."""
    desk = Desk(incoming, disk, unindexed(DATA))
    await desk.intake.take(DATA[:-1] + b"?")

    wrong = await desk.intake.is_right()
    left = desk.intake.left
    desk.intake.begin(0)
    await desk.intake.take(DATA)

    assert not wrong
    assert 10 == left
    assert await desk.intake.is_right()
    desk.part.close()


async def test_a_change_leaves_only_what_was_checked(
    incoming: Path, disk: Executor
) -> None:
    """Chunks with a hash stay; a chunk that was begun goes, and so does the rest."""
    indexed = Desk(incoming, disk, WANT, 0)
    clean = await indexed.intake.start_over()
    indexed.intake.begin(CHUNK_BYTES)
    await indexed.intake.take(b"?")
    begun = await indexed.intake.start_over()
    indexed.part.close()
    other = incoming / "other"
    other.mkdir()
    plain = Desk(other, disk, unindexed(DATA), 0)
    unknown = await plain.intake.start_over()

    assert (True, False, False) == (clean, begun, unknown)
    assert (9, 10) == (indexed.intake.left, plain.intake.left)
    plain.part.close()
