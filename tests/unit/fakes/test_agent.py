"""The fake agent keeps to the real one's port."""

import pytest

from edged.api.control import Agent
from edged.errors import Conflict
from edged.wire.messages import ModelName
from tests.fakes.agent import FakeAgent


async def test_a_fake_agent_remembers_what_it_was_asked() -> None:
    """Tests can see the request as the agent got it."""
    fake = FakeAgent()
    agent: Agent = fake

    changed = await agent.load(ModelName(name="digits"))

    assert ("digits", [ModelName(name="digits")]) == (changed.name, fake.asked)


async def test_a_fake_agent_raises_the_error_it_was_given() -> None:
    """Tests can see how a failure is told."""
    fake = FakeAgent()
    fake.error = Conflict("cannot load: busy")

    with pytest.raises(Conflict):
        await fake.load(ModelName(name="digits"))
