"""Releases in probation, with the real store and registry."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edged.activate import ward
from edged.errors import BadModel, ChangeUnderWay, Conflict, StoreFailed
from edged.host.files import Site
from edged.serve.request import Sequence
from edged.wire.changes import Step, Wish
from edged.wire.messages import ModelName
from tests.data import onnx_files
from tests.fakes.box import BY, RULES, Box, bundle, totals
from tests.fakes.files import RecordingFiles

DOUBLED = [2.0] * 4
NEGATED = onnx_files.unary("Neg", dims=(1, 4))
#: The logarithm of ones is zero, of minus ones not a number.
LOGARITHM = onnx_files.unary("Log", dims=(1, 4))
SUMS = ModelName(name="sums")


def rules(**probation: float) -> object:
    """Return rules with another probation."""
    return msgspec.structs.replace(
        RULES, probation=msgspec.structs.replace(RULES.probation, **probation)
    )


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """Return a box with a committed release, where new ones are watched for long."""
    made = Box(tmp_path, files=RecordingFiles(), rules=rules(duration_s=1000.0))
    await made.start()
    await made.install(bundle())
    yield made
    made.close()


async def gone_back(box: Box) -> None:
    """Wait until the last change is over."""
    async with asyncio.timeout(5):
        await box.shop.revision.until(
            lambda _: box.history.changes("sums", 1)[-1].is_over
        )


async def test_a_first_release_is_committed_at_once(box: Box) -> None:
    """There is nothing to go back to, so nothing is waited for."""
    assert box.steps() == [
        (
            Wish.INSTALL,
            [Step.STAGED, Step.TRIAL, Step.ARMED, Step.SWITCHING, Step.COMMITTED],
        )
    ]


async def test_answers_that_are_no_numbers_lead_back_by_themselves(box: Box) -> None:
    """From numbers: the predecessor answers again, and the bad one stays away."""
    await box.install(bundle(LOGARITHM, seq=2))
    assert box.agent.ward.watched("sums") is not None

    await box.ask(-np.ones((1, 4), "<f4"))
    await gone_back(box)

    change = box.history.changes("sums", 1)[-1]
    assert await box.ask() == DOUBLED
    assert [taken.step for taken in change.steps[-3:]] == [
        Step.PROBATION,
        Step.ROLLING_BACK,
        Step.QUARANTINED,
    ]
    assert "not a number" in change.last.why
    assert box.history.quarantine(change.release.digest).by == "edged"
    assert box.links.current("sums") == box.folders()[0]
    assert box.links.previous("sums") is None


async def test_the_resident_one_needs_no_load(box: Box) -> None:
    """While a release is watched its predecessor stays in memory."""
    await box.install(bundle(NEGATED, seq=2))
    loads = box.registry.loads["ok"]

    await box.rollback()

    assert box.registry.loads["ok"] == loads
    assert await box.ask() == DOUBLED


async def test_without_a_resident_one_it_is_loaded_again(box: Box) -> None:
    """As on a box where both do not fit into memory."""
    await box.install(bundle(NEGATED, seq=2))
    box.registry.let_go("sums")

    await box.rollback()

    assert await box.ask() == DOUBLED
    assert box.registry.loads["ok"] == 3


async def test_time_and_answers_commit_it(tmp_path: Path) -> None:
    """Then nothing of the predecessor stays in memory."""
    box = Box(tmp_path, rules=rules(duration_s=0.05, inferences=3))
    await box.start()
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    resident = box.registry.resident("sums")

    await asyncio.sleep(0.1)
    early = box.history.changes("sums", 1)[-1].last.step
    for _ in range(3):
        await box.ask()
    await gone_back(box)

    assert resident is not None
    assert early is Step.PROBATION
    assert box.history.changes("sums", 1)[-1].last.step is Step.COMMITTED
    assert box.registry.resident("sums") is None
    box.close()


async def test_a_person_can_commit_it(box: Box) -> None:
    """Whoever knows better need not wait."""
    await box.install(bundle(NEGATED, seq=2))

    await box.upkeep.commit(SUMS, BY)

    assert box.agent.ward.watched("sums") is None
    assert box.history.changes("sums", 1)[-1].last.why == "by tester"
    with pytest.raises(Conflict, match="none of its releases is in probation"):
        await box.upkeep.commit(SUMS, BY)


async def test_a_newer_release_takes_its_place(box: Box) -> None:
    """`previous` stays the last one that was committed."""
    first = box.links.current("sums")
    await box.install(bundle(NEGATED, seq=2))
    await box.install(bundle(seq=3))

    await box.rollback()

    assert [steps[-1] for _, steps in box.steps()] == [
        Step.COMMITTED,
        Step.SUPERSEDED,
        Step.QUARANTINED,
    ]
    assert box.links.current("sums") == first


async def test_runs_that_fail_lead_back(box: Box) -> None:
    """One in twenty is too many, where none failed before."""
    await box.install(bundle(NEGATED, seq=2))
    live = box.registry.live("sums")

    def fail(*_: object) -> None:
        raise BadModel("cannot run: it broke")

    live.ladder.rungs[0].runs.run = fail  # a runtime that fails, by itself
    for _ in range(20):  # the last of them is told
        with pytest.raises(BadModel):
            await box.ask()
    await gone_back(box)

    assert await box.ask() == DOUBLED
    assert "runs failed" in box.history.changes("sums", 1)[-1].last.why


async def test_a_disk_that_refuses_keeps_nobody_on_bad_answers(box: Box) -> None:
    """The links stay as they are; the predecessor answers, and status tells why."""
    await box.install(bundle(LOGARITHM, seq=2))
    box.files.fail(Site.JOURNAL_APPEND, OSError(30, "read-only"))
    box.files.fail(Site.JOURNAL_COMPACT, OSError(30, "read-only"))

    await box.ask(-np.ones((1, 4), "<f4"))
    async with asyncio.timeout(5):
        await box.registry.revision.until(lambda _: box.registry.live("sums").seq == 1)
        async with box.shop.turn:
            pass

    assert "read-only" in box.agent.troubles[0].text
    assert await box.ask() == DOUBLED
    box.files.mend()


async def test_unloading_it_does_not_lose_the_way_back(box: Box) -> None:
    """Nothing is watched while nothing answers; the change and the way stay."""
    first = box.links.current("sums")
    await box.install(bundle(NEGATED, seq=2))
    await box.unload()

    await box.install(bundle(seq=3))
    await box.rollback()

    assert box.links.current("sums") == first
    assert [steps[-1] for wish, steps in box.steps() if wish is Wish.INSTALL] == [
        Step.COMMITTED,
        Step.SUPERSEDED,
        Step.QUARANTINED,
    ]


async def test_loaded_again_it_is_watched_again(box: Box) -> None:
    """An unload must be no way around probation."""
    await box.install(bundle(LOGARITHM, seq=2))
    await box.unload()
    await box.load()

    await box.ask(-np.ones((1, 4), "<f4"))
    await asyncio.sleep(0)
    async with box.shop.turn:
        pass

    assert await box.ask() == DOUBLED


async def test_a_commit_that_the_disk_refuses_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the way back stays open."""
    monkeypatch.setattr(ward, "AGAIN_S", 0.05)
    box = Box(tmp_path, files=RecordingFiles(), rules=rules(duration_s=0.05))
    await box.start()
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    for site in (Site.JOURNAL_APPEND, Site.JOURNAL_COMPACT):
        box.files.fail(site, OSError(28, "full"))
    await asyncio.sleep(0.15)
    still = box.agent.ward.watched("sums"), box.registry.resident("sums")
    box.files.mend()

    await gone_back(box)

    assert None not in still
    assert box.history.changes("sums", 1)[-1].last.step is Step.COMMITTED
    box.close()


async def test_a_way_back_that_fails_half_way_can_be_gone_on(box: Box) -> None:
    """A person asks again; until then no other release may come."""
    await box.install(bundle(NEGATED, seq=2))
    box.files.fail(Site.LINK_CURRENT, OSError(5, "no"))
    with pytest.raises(StoreFailed):
        await box.rollback()
    with pytest.raises(ChangeUnderWay):
        await box.install(bundle(seq=3))
    box.files.mend()

    await box.rollback()

    assert await box.ask() == DOUBLED
    assert box.steps()[1][1][-2:] == [Step.ROLLING_BACK, Step.QUARANTINED]
    await box.install(bundle(seq=3))


async def test_no_sequence_goes_on_with_what_was_bad(tmp_path: Path) -> None:
    """Also where the predecessor has to be loaded again."""
    box = Box(tmp_path, rules=rules(duration_s=1000.0))
    await box.start()
    await box.install(totals())
    await box.install(totals(seq=2))
    await box.ask(model="totals", sequence=Sequence(id="a", start=True))
    box.registry.let_go("totals")

    await box.rollback("totals")

    with pytest.raises(Conflict, match="not open"):
        await box.ask(model="totals", sequence=Sequence(id="a"))
    box.close()


async def test_who_went_home_is_watched_no_longer(box: Box) -> None:
    """Though the disk did not take that it was superseded: it is not live."""
    await box.install(bundle(NEGATED, seq=2))
    box.files.fail(Site.JOURNAL_APPEND, OSError(28, "full"), after=5)
    box.files.fail(Site.JOURNAL_COMPACT, OSError(28, "full"))

    with pytest.raises(StoreFailed):
        await box.use(1)

    assert await box.ask() == DOUBLED
    assert box.agent.ward.watched("sums") is None
