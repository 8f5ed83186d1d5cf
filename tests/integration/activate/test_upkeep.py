"""What a person does to a model beside changing its release."""

import asyncio
import threading

import pytest

from edged.errors import Conflict, Quarantined, UnknownModel, UnknownVersion
from edged.host.files import Site
from edged.wire.changes import PinRequest, SeqRequest, Step, Wish
from edged.wire.messages import ModelName
from tests.data import onnx_files
from tests.fakes.box import BY, Box, bundle

DOUBLED = [2.0] * 4
NEGATED = onnx_files.unary("Neg", dims=(1, 4))
SUMS = ModelName(name="sums")


async def test_each_effect_is_a_change_of_one_step(box: Box) -> None:
    """Who, when and what stands in the journal."""
    await box.install(bundle())
    await box.unload()
    await box.load()
    await box.upkeep.pin(PinRequest(name="sums"), BY)
    await box.upkeep.unpin(SUMS, BY)
    await box.remove()

    told = [change for change in box.history.changes("sums", 10) if change.id > 1]
    assert [change.wish for change in told] == [
        Wish.UNLOAD,
        Wish.LOAD,
        Wish.PIN,
        Wish.UNPIN,
        Wish.REMOVE,
    ]
    assert {change.by for change in told} == {BY}
    assert {change.last.step for change in told} == {Step.DONE}


async def test_what_is_so_already_is_no_change(box: Box) -> None:
    """Twice is once."""
    await box.install(bundle())
    await box.upkeep.pin(PinRequest(name="sums"), BY)

    again = await box.upkeep.pin(PinRequest(name="sums"), BY)

    assert (again.changed, again.text) == (False, "sums is pinned already")


async def test_a_live_release_that_is_quarantined_gives_way(box: Box) -> None:
    """To the one before it."""
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))

    await box.upkeep.quarantine(SeqRequest(name="sums", seq=2, why="it smells"), BY)

    assert await box.ask() == DOUBLED
    with pytest.raises(Quarantined, match="it smells"):
        await box.use(2)


async def test_the_only_release_cannot_be_quarantined(box: Box) -> None:
    """Nothing would answer: a person may unload it instead."""
    await box.install(bundle())

    with pytest.raises(Conflict, match="no previous release"):
        await box.upkeep.quarantine(SeqRequest(name="sums", seq=1), BY)

    assert await box.ask() == DOUBLED


async def test_what_is_quarantined_during_its_trial_does_not_go_live(box: Box) -> None:
    """A person was in time: what is being tried is refused when it is done."""
    trying, go_on = threading.Event(), threading.Event()
    await box.install(bundle())
    box.trial.before = lambda: (trying.set(), go_on.wait(5))
    begun = await box.install(bundle(NEGATED, seq=2), wait=False)
    await asyncio.get_running_loop().run_in_executor(None, trying.wait, 5)

    await box.upkeep.quarantine(SeqRequest(name="sums", seq=2), BY)
    go_on.set()
    async with asyncio.timeout(5):
        await box.shop.revision.until(
            lambda _: box.history.change(begun.change).is_over
        )

    change = box.history.change(begun.change)
    assert (change.last.step, change.last.code) == (Step.REFUSED, "quarantined")
    assert await box.ask() == DOUBLED


async def test_a_model_that_is_pinned_during_a_trial_stays_as_it_is(box: Box) -> None:
    """The person was in time."""
    trying, go_on = threading.Event(), threading.Event()
    await box.install(bundle())
    box.trial.before = lambda: (trying.set(), go_on.wait(5))
    begun = await box.install(bundle(NEGATED, seq=2), wait=False)
    await asyncio.get_running_loop().run_in_executor(None, trying.wait, 5)

    await box.upkeep.pin(PinRequest(name="sums"), BY)
    go_on.set()
    async with asyncio.timeout(5):
        await box.shop.revision.until(
            lambda _: box.history.change(begun.change).is_over
        )

    assert box.history.change(begun.change).last.code == "pinned"
    assert await box.ask() == DOUBLED


async def test_a_pin_that_outlived_its_model_can_be_lifted(box: Box) -> None:
    """Or nothing of that name could come in again."""
    await box.install(bundle())
    await box.upkeep.pin(PinRequest(name="sums"), BY)
    await box.remove()

    await box.upkeep.unpin(SUMS, BY)

    assert (await box.install(bundle())).changed


async def test_only_what_is_quarantined_can_be_let_go(box: Box) -> None:
    """A slip in the number is told."""
    await box.install(bundle())

    with pytest.raises(UnknownVersion, match="it is in none"):
        await box.upkeep.unquarantine(SeqRequest(name="sums", seq=1), BY)
    with pytest.raises(UnknownVersion, match="not installed"):
        await box.upkeep.quarantine(SeqRequest(name="sums", seq=9), BY)
    with pytest.raises(UnknownModel):
        await box.upkeep.pin(PinRequest(name="nobody"), BY)


async def test_a_removed_model_leaves_no_open_change(box: Box) -> None:
    """Also one that a person should have decided about."""
    await box.install(bundle())
    box.trial.found["1.2", "fp32"] = {"continuity": 0.0}
    with pytest.raises(Exception, match="agrees with"):
        await box.install(bundle(NEGATED, seq=2))

    await box.remove()

    assert box.history.open_changes("sums") == ()


async def test_a_removed_model_leaves_no_proof(box: Box) -> None:
    """Of any of its releases; a disk that refuses that is a trouble, no failure."""
    for seq in (1, 2):
        await box.install(bundle(seq=seq))
    assert len(list(box.layout.profiles.iterdir())) == 2
    await box.remove()
    assert [] == list(box.layout.profiles.iterdir())

    await box.install(bundle(seq=3))
    box.files.fail(Site.PROOF_DROP, OSError(30, "Read-only file system"))
    await box.remove()

    assert [trouble.code for trouble in box.agent.troubles] == ["store-failed"]
