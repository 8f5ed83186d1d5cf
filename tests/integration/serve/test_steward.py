"""The service that lets models do as the strategy in force says."""

import asyncio
from contextlib import suppress

from edged.serve.steward import Steward
from edged.watch import Owned
from edged.wire.adapt import Strategy
from tests.fakes.ladders import asked, ladder, regime
from tests.fakes.models import registry_of


async def test_what_holds_is_obeyed_from_the_start_and_when_it_changes() -> None:
    """Each model's choice follows it, the sooner the better."""
    live = ladder()
    registry = registry_of(live)
    holds = Owned(regime(Strategy.CRITICAL))
    ready = asyncio.Event()
    seen = []
    async with asyncio.TaskGroup() as group:
        life = group.create_task(Steward(registry, holds.watch).run(ready.set))
        await ready.wait()

        seen.append(live.chooser.choose(asked()).rung.id)
        for strategy in (Strategy.LIGHTWEIGHT, Strategy.NORMAL):
            holds.set(regime(strategy))
            await asyncio.sleep(0.01)
            seen.append(live.chooser.choose(asked()).rung.id)
        life.cancel()

    assert ["small", "mid", "big"] == seen
    with suppress(asyncio.CancelledError):
        await life
    await asyncio.wrap_future(live.close_now())
