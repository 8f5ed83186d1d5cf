"""The courier with real files, over lives, and a world that can fail anywhere."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.wire.updates import Activity, AttemptsRequest, Outcome
from tests.fakes.updates import FakeSource, World, emptied, published, until, until_is


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    """Return the one thread for the disk."""
    with ThreadPoolExecutor(1, thread_name_prefix="update") as executor:
        yield executor


@pytest.fixture
def world(tmp_path: Path, disk: ThreadPoolExecutor) -> World:
    """Return a world in which seq 14 is live and seq 15 is offered."""
    made = World(tmp_path / "updates", disk, FakeSource("main", published(15)))
    made.door.have(published(14))
    return made


async def test_a_new_release_is_taken(world: World) -> None:
    """From the first look to an attempt in the history; nothing is left on the disk."""
    async with world.alive() as courier:
        await until(courier, lambda status: status.activity is Activity.STAGED)
        await until_is(courier, Activity.IDLE)
        (attempt,) = (await courier.history(AttemptsRequest())).attempts
        left = await emptied(world)

    assert [
        (
            "pets",
            15,
            ("signed/1.root.json", "signed/timestamp.json", "model.yaml", "model.onnx"),
        )
    ] == world.door.taken
    assert (Outcome.INSTALLED, 15, 1) == (attempt.outcome, attempt.seq, attempt.change)
    assert (3 * 2**18 + 5, 8) == (attempt.fetched_bytes, attempt.kept_bytes)
    assert [] == left
