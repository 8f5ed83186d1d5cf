"""Rooms and threads that every part of the agent works with."""

import asyncio
import threading

import pytest

from edged.errors import Draining, StoreFailed
from edged.host.files import Site
from edged.wire.changes import Step, Wish
from tests.fakes.box import BY, Box, bundle


async def test_work_that_has_begun_is_done_to_its_end(box: Box) -> None:
    """Also when whoever asked for it goes away."""
    began, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go_on.wait(5)
        done.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await box.shop.work(work)
    go_on.set()

    assert await asyncio.get_running_loop().run_in_executor(None, done.wait, 5)


async def test_a_look_does_not_wait_for_a_change(box: Box) -> None:
    """A technician asks while a large model is loaded."""
    go_on = threading.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(box.shop.work(lambda: go_on.wait(5)))
        await asyncio.sleep(0)

        looked = await box.shop.look(lambda: 7)
        go_on.set()

    assert looked == 7


async def test_a_step_wakes_who_watches(box: Box) -> None:
    """Both those of changes and those of the status."""
    change = box.history.begin(model="sums", wish=Wish.INSTALL, by=BY)
    before = box.shop.revision.value, box.registry.revision.value
    box.shop.teller(change)("doing it")
    await asyncio.sleep(0)
    doing = box.shop.doing(change.id)

    await box.shop.step(change, Step.TRIAL)

    assert doing == "doing it"
    assert box.shop.doing(change.id) == ""
    assert box.shop.revision.value > before[0]
    assert box.registry.revision.value > before[1]


async def test_what_cannot_be_tidied_away_is_told(box: Box) -> None:
    """The install stands."""
    for seq in (1, 2, 3):
        await box.install(bundle(seq=seq))
    box.files.fail(Site.RELEASE_DELETE, OSError(5, "no"))

    await box.install(bundle(seq=4))

    assert box.registry.live("sums").seq == 4
    assert "input/output error" in box.agent.troubles[0].text


async def test_a_proof_goes_with_its_release(box: Box) -> None:
    """Profiles do not pile up."""
    for seq in range(1, 6):
        await box.install(bundle(seq=seq))

    kept = {path.name for path in box.layout.profiles.iterdir()}
    assert kept == {release.digest for release in box.releases.installed("sums")}


async def test_nothing_is_begun_at_the_end(box: Box) -> None:
    """The daemon is stopping."""
    box.shop.close()

    with pytest.raises(Draining):
        await box.shop.work(lambda: None)


async def test_a_stop_that_cannot_be_noted_is_no_failure(box: Box) -> None:
    """The next start takes it for a crash, which costs nothing by itself."""
    for site in (Site.JOURNAL_APPEND, Site.JOURNAL_COMPACT):
        box.files.fail(site, OSError(30, "no"))

    box.shop.note_stop()
    await box.shop.work(lambda: None)

    with pytest.raises(StoreFailed):
        box.history.stopped()
