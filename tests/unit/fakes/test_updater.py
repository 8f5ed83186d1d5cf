"""The fake updater keeps to the real one's port."""

import asyncio

import pytest

from edged.api.updates import Updater
from edged.errors import Conflict
from edged.wire.updates import (
    Activity,
    Attempt,
    AttemptsRequest,
    Outcome,
    UpdateRequest,
    UpdateScope,
)
from tests.fakes.updater import FakeUpdater


async def test_a_fake_updater_remembers_what_it_was_asked() -> None:
    """Tests can see the request as the updater got it, and who sent it."""
    fake = FakeUpdater()
    updater: Updater = fake
    request = UpdateScope(name="digits")

    told = await updater.now(request, "pi")

    assert (fake.told, [("now", request, "pi")]) == (told, fake.asked)


async def test_a_fake_updater_wakes_who_waits_for_news() -> None:
    """As the real one's long poll does."""
    fake = FakeUpdater()

    async with asyncio.TaskGroup() as group:
        told = group.create_task(fake.update(UpdateRequest(known=1, wait_s=10)))
        await asyncio.sleep(0)
        fake.become(activity=Activity.CHECKING)

    assert (2, Activity.CHECKING) == (told.result().revision, told.result().activity)


async def test_a_fake_updater_moves_on_when_somebody_waits() -> None:
    """A story of several states needs no clock."""
    fake = FakeUpdater()
    fake.ahead = [lambda: fake.become(text="a"), lambda: fake.become(text="b")]

    told = [
        (await fake.update(UpdateRequest(known=known))).text for known in (-1, 1, 2, 2)
    ]

    assert ["up to date", "a", "b", "b"] == told


async def test_a_fake_updater_tells_the_attempts_it_was_given() -> None:
    """Of a model or of all, the newest."""
    fake = FakeUpdater()
    fake.attempts = tuple(
        Attempt(
            at_utc="2026-11-24T06:00:00Z",
            model=model,
            version="1",
            seq=1,
            source="main",
            outcome=Outcome.INSTALLED,
        )
        for model in ("digits", "faces", "digits")
    )

    found = [
        (await fake.history(AttemptsRequest(name=name, limit=2))).attempts
        for name in (None, "digits", "other")
    ]

    assert [["faces", "digits"], ["digits", "digits"], []] == [
        [one.model for one in attempts] for attempts in found
    ]


async def test_a_fake_updater_raises_the_error_it_was_given() -> None:
    """Tests can see how a failure is told."""
    fake = FakeUpdater()
    fake.error = Conflict("cannot check: busy")

    with pytest.raises(Conflict):
        await fake.check(UpdateScope(), "pi")
