"""A release's way to being live, where memory is short or something fails."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from edged.activate import passage
from edged.activate.probation import Trigger, Trip
from edged.errors import BadModel, Broken, NoMemory, StoreFailed
from edged.host.files import Site
from edged.wire.changes import EDGED, Step
from tests.data import onnx_files
from tests.fakes.box import RULES, Box, bundle
from tests.fakes.files import RecordingFiles

DOUBLED = [2.0] * 4
NEGATED = onnx_files.unary("Neg", dims=(1, 4))
MIB = 1 << 20


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """Return a box with one release; each is believed to hold 10 MiB."""
    made = Box(tmp_path, files=RecordingFiles())
    held = {"held_bytes": 10 * MIB, "peak_bytes": 10 * MIB}
    made.trial.found["*", "fp32"] = held
    await made.start()
    await made.install(bundle())
    yield made
    made.close()


def room(monkeypatch: pytest.MonkeyPatch, mib: int) -> None:
    """Let so much memory be there for a release."""
    reserved = passage.memory_bytes() // 20
    monkeypatch.setattr(passage, "available_bytes", lambda: reserved + mib * MIB)


async def test_where_both_fit_nobody_waits(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one answers until the new one does."""
    room(monkeypatch, 20)

    await box.install(bundle(NEGATED, seq=2))

    assert await box.ask() == [-1.0] * 4
    assert box.history.changes("sums", 1)[-1].steps[3].figures["needs_mib"] == 10.0


async def test_where_only_one_fits_requests_wait_and_none_fails(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are answered by the new one."""
    room(monkeypatch, 5)
    answers: list[list[float]] = []

    async def keep_asking() -> None:
        while [-1.0] * 4 not in answers:
            answers.append(await box.ask())
            await asyncio.sleep(0)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(keep_asking())
        await box.install(bundle(NEGATED, seq=2))

    assert {tuple(answer) for answer in answers} == {(2.0,) * 4, (-1.0,) * 4}


async def test_where_not_even_one_fits_it_is_refused_with_the_figures(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one was not touched."""
    room(monkeypatch, -5)

    with pytest.raises(NoMemory, match="it needs 10 MiB"):
        await box.install(bundle(NEGATED, seq=2))

    assert await box.ask() == DOUBLED
    assert box.history.changes("sums", 1)[-1].last.step is Step.REFUSED


async def test_after_a_failed_exchange_the_old_one_is_loaded_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be loaded in the daemon costs nobody an answer."""
    room(monkeypatch, 5)

    with pytest.raises(BadModel):
        await box.install(bundle(onnx_files.unary("Frobnicate", dims=(1, 4)), seq=2))

    assert await box.ask() == DOUBLED


async def test_after_a_link_that_cannot_move_the_old_one_is_loaded_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links and memory say the same."""
    room(monkeypatch, 5)
    before = box.links.current("sums")
    box.files.fail(Site.LINK_CURRENT, OSError(28, "no"))

    with pytest.raises(StoreFailed):
        await box.install(bundle(NEGATED, seq=2))

    assert await box.ask() == DOUBLED
    assert box.links.current("sums") == before


async def test_an_end_that_the_disk_did_not_take_is_written_down_later(
    box: Box,
) -> None:
    """It serves by then; whoever installs it again has the journal put right."""
    box.files.fail(Site.JOURNAL_APPEND, OSError(30, "no"), after=5)
    box.files.fail(Site.JOURNAL_COMPACT, OSError(30, "no"))
    with pytest.raises(
        StoreFailed, match=r"that sums 1\.2 serves, which it does: cannot"
    ):
        await box.install(bundle(NEGATED, seq=2))
    serves, troubles = await box.ask(), box.agent.troubles
    open_step = box.history.changes("sums", 1)[-1].last.step
    box.files.mend()

    again = await box.install(bundle(NEGATED, seq=2))

    assert (serves, open_step) == ([-1.0] * 4, Step.SWITCHING)
    assert ["sums"] == [trouble.model for trouble in troubles]
    assert () == box.agent.troubles
    assert not again.changed
    assert box.history.changes("sums", 1)[-1].last.step is Step.COMMITTED


async def test_the_disk_s_late_refusal_does_not_end_probation(tmp_path: Path) -> None:
    """Installing it again puts the journal right, and watches on."""
    watched = msgspec.structs.replace(
        RULES, probation=msgspec.structs.replace(RULES.probation, duration_s=1000.0)
    )
    box = Box(tmp_path, files=RecordingFiles(), rules=watched)
    await box.start()
    await box.install(bundle())
    box.files.fail(Site.JOURNAL_APPEND, OSError(30, "no"), after=5)
    box.files.fail(Site.JOURNAL_COMPACT, OSError(30, "no"))
    with pytest.raises(StoreFailed):
        await box.install(bundle(NEGATED, seq=2))
    box.files.mend()

    await box.install(bundle(NEGATED, seq=2))

    assert box.history.changes("sums", 1)[-1].last.step is Step.PROBATION
    assert box.agent.ward.watched("sums") is not None
    box.close()


async def test_who_is_compared_with_a_release_that_is_rolled_back_is_tried_again(
    tmp_path: Path,
) -> None:
    """Beside the one that is live then, and not beside what was condemned."""
    watched = msgspec.structs.replace(
        RULES, probation=msgspec.structs.replace(RULES.probation, duration_s=1000.0)
    )
    box = Box(tmp_path, rules=watched)
    await box.start()
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    home = box.shop.shelf.linked("sums")[1]
    loop, ward = asyncio.get_running_loop(), box.agent.ward

    async def trip() -> None:
        async with box.shop.turn:
            change = ward.watched("sums")
            if change is not None:
                bad = Trip(trigger=Trigger.ERRORS, why="it failed")
                await ward.roll_back(change, bad, by=EDGED)

    def while_it_is_tried() -> None:
        asyncio.run_coroutine_threadsafe(trip(), loop).result(5)

    box.trial.before = while_it_is_tried

    new = await box.install(bundle(onnx_files.unary("Abs", dims=(1, 4)), seq=3))

    release = box.shop.shelf.whole_live("sums")
    assert ["1.1", "1.2", "1.3", "1.3"] == box.trial.tried
    assert new.changed
    assert release is not None
    assert 3 == release.manifest.seq
    proof = box.trial.holds(release)
    assert proof is not None
    assert home == f"1-{proof.against[:12]}" if proof.against else False
    box.close()


async def test_a_bug_in_one_change_is_told_and_ends_it(box: Box) -> None:
    """The daemon serves on, and nothing is left open for ever."""

    def stumble() -> None:
        raise ValueError("a bug")

    box.trial.before = stumble

    with pytest.raises(Broken, match="a bug in edged"):
        await box.install(bundle(NEGATED, seq=2))

    assert await box.ask() == DOUBLED
    assert box.history.changes("sums", 1)[-1].last.step is Step.REFUSED
