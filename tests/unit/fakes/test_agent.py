"""The fake agent keeps to the real one's port."""

import pytest

from edged.api.control import Upkeep
from edged.errors import Conflict, UnknownChange
from edged.wire.changes import ChangeRequest, ChangesRequest
from edged.wire.messages import ModelName
from tests.fakes.agent import COMMITTED, FakeAgent


async def test_a_fake_agent_remembers_what_it_was_asked() -> None:
    """Tests can see the request as the agent got it."""
    fake = FakeAgent()
    upkeep: Upkeep = fake

    changed = await upkeep.load(ModelName(name="digits"), "pi")

    assert ("digits", [ModelName(name="digits")], ["pi"]) == (
        changed.name,
        fake.asked,
        fake.by,
    )


async def test_a_fake_agent_tells_the_changes_it_was_given() -> None:
    """Of a model or of all, and one by its number."""
    fake = FakeAgent()

    found = [
        (await fake.changes(ChangesRequest(name=name))).changes
        for name in (None, "digits", "other")
    ]

    assert [(COMMITTED,), (COMMITTED,), ()] == found
    assert COMMITTED == await fake.change(ChangeRequest(id=1))
    with pytest.raises(UnknownChange):
        await fake.change(ChangeRequest(id=2))


async def test_a_fake_agent_raises_the_error_it_was_given() -> None:
    """Tests can see how a failure is told."""
    fake = FakeAgent()
    fake.error = Conflict("cannot load: busy")

    with pytest.raises(Conflict):
        await fake.load(ModelName(name="digits"), "pi")
