"""The service that lets models do as the strategy in force says.

Law: it decides nothing. It waits for what holds to change, and for nothing else.
"""

from collections.abc import Callable

from edged.adapt.regime import Regime
from edged.serve.registry import Registry
from edged.watch import Watch


class Steward:
    """A service.

    Args:
        registry: of the models.
        regime: what holds.
    """

    name = "steward"

    def __init__(self, registry: Registry, regime: Watch[Regime]) -> None:
        self._registry = registry
        self._regime = regime

    async def run(self, ready: Callable[[], None]) -> None:
        """Follow what holds until cancelled."""
        regime = self._regime.value
        self._registry.obey(regime)
        ready()
        while True:
            regime = await self._regime.until(lambda now: now is not regime)  # noqa: B023  # waited for at once
            self._registry.obey(regime)
