"""What may be asked of changes and releases."""

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from edged.activate.probation import Trigger, Trip
from edged.activate.verifier import Vouched
from edged.errors import NotReady, UnknownChange
from edged.wire.changes import EDGED, ChangeRequest, ChangesRequest, SeqRequest, Step
from edged.wire.messages import FileSums, ModelName, Nothing, Standing
from edged.wire.names import Trust
from tests.data import onnx_files
from tests.fakes.box import BY, RULES, Box, bundle


async def test_changes_are_told_of_one_model_or_of_all(box: Box) -> None:
    """The newest last, at most so many."""
    await box.install(bundle())
    await box.install(bundle(name="other"))
    await box.install(bundle(seq=2))

    every = await box.window.changes(ChangesRequest())
    sums = await box.window.changes(ChangesRequest(name="sums", limit=1))

    assert [change.model for change in every.changes] == ["sums", "other", "sums"]
    assert [change.release.seq for change in sums.changes] == [2]


async def test_a_change_is_waited_for_until_there_is_news(box: Box) -> None:
    """The answer comes with what is done next, long before the time is over."""
    trying, go_on = threading.Event(), threading.Event()
    box.trial.before = lambda: (trying.set(), go_on.wait(5))
    begun = await box.install(bundle(), wait=False)
    await asyncio.get_running_loop().run_in_executor(None, trying.wait, 5)
    asked = ChangeRequest(id=begun.change, steps=2, doing="believing it", wait_s=5)

    async with asyncio.timeout(4), asyncio.TaskGroup() as group:
        waiting = group.create_task(box.window.change(asked))
        await asyncio.sleep(0.05)
        was_done = waiting.done()
        go_on.set()

    assert not was_done
    assert "believing it" != waiting.result().doing


async def test_what_is_being_done_is_told(box: Box) -> None:
    """For people who watch."""
    trying, go_on = threading.Event(), threading.Event()
    box.trial.before = lambda: (trying.set(), go_on.wait(5))
    begun = await box.install(bundle(), wait=False)
    await asyncio.get_running_loop().run_in_executor(None, trying.wait, 5)

    change = await box.window.change(ChangeRequest(id=begun.change))
    go_on.set()

    assert (change.last.step, change.doing) == (Step.TRIAL, "believing it")


async def test_a_change_that_never_was_is_told(box: Box) -> None:
    """With where to look."""
    with pytest.raises(UnknownChange) as caught:
        await box.window.change(ChangeRequest(id=7, wait_s=5))

    assert caught.value.hint == "edgectl changes"


async def test_releases_are_told_with_what_is_thought_of_them(box: Box) -> None:
    """Committed, held or quarantined: `edgectl models show` says which."""
    await box.install(bundle())
    await box.install(bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2))
    await box.upkeep.quarantine(SeqRequest(name="sums", seq=1), BY)

    detail = await box.window.detail(ModelName(name="sums"))

    assert [release.standing for release in detail.releases] == [
        Standing.QUARANTINED,
        Standing.COMMITTED,
    ]


async def test_a_release_that_edged_left_by_itself_is_told(tmp_path: Path) -> None:
    """Until a person lifts its quarantine; what a person left is no news."""
    watched = msgspec.structs.replace(
        RULES, probation=msgspec.structs.replace(RULES.probation, duration_s=1000.0)
    )
    box = Box(tmp_path, rules=watched)
    await box.start()
    await box.install(bundle())
    negated = onnx_files.unary("Neg", dims=(1, 4))
    seen = [box.window.setback("sums")]
    for seq, by in (2, "ada"), (3, EDGED):
        await box.install(bundle(negated, seq=seq))
        change = box.agent.ward.watched("sums")
        assert change is not None
        async with box.shop.turn:
            trip = Trip(trigger=Trigger.ERRORS, why="it failed")
            await box.agent.ward.roll_back(change, trip, by=by)
        seen.append(box.window.setback("sums"))
    await box.upkeep.unquarantine(SeqRequest(name="sums", seq=3), by="ada")

    told = seen[-1]
    assert [None, None] == seen[:2]
    assert told is not None
    assert told.release is not None
    assert (3, Step.QUARANTINED) == (told.release.seq, told.last.step)
    assert box.window.setback("sums") is None
    box.close()


async def test_installed_files_are_told_by_their_sums(box: Box) -> None:
    """Once each, whoever has them."""
    await box.install(bundle())
    await box.install(bundle(name="others"))
    (release,) = box.releases.installed("sums")

    files = await box.window.files(Nothing())

    assert FileSums(sha256=(release.manifest.files["model.onnx"].sha256,)) == files


async def test_a_release_is_told_with_its_trust(box: Box) -> None:
    """Of the live one, and of each; it goes with the bytes, not with the last wish."""
    box.verifier.sources["main"] = Vouched(trust=Trust.SIGNED)
    await box.install(bundle(), source="main")
    await box.install(bundle(seq=2))

    before = await box.window.detail(ModelName(name="sums"))
    await box.use(1)
    after = await box.window.detail(ModelName(name="sums"))

    assert [Trust.SIGNED, Trust.LOCAL] == [r.trust for r in before.releases]
    assert (Trust.LOCAL, Trust.SIGNED) == (before.trust, after.trust)
    changes = await box.window.changes(ChangesRequest(name="sums"))
    assert [Trust.SIGNED, Trust.LOCAL, Trust.SIGNED] == [
        change.trust for change in changes.changes
    ]
    assert "from source main" == changes.changes[0].steps[0].why


async def test_what_the_start_has_not_come_to_is_installed_all_the_same(
    tmp_path: Path,
) -> None:
    """Who asks too early is told to come again, not that nothing is here."""
    before = Box(tmp_path)
    await before.start()
    await before.install(bundle())
    before.close()
    box = Box(tmp_path)

    with pytest.raises(NotReady, match="edged is still starting"):
        await box.window.detail(ModelName(name="sums"))
    box.close()
