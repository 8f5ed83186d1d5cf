"""Which models could sleep, and how they do.

Law: only what is idle sleeps. Nothing is decided here: neither when it is time, nor
who may not, nor what is loaded when somebody asks. Call on the event loop only.
"""

import time
from collections.abc import Callable, Mapping

from edged.errors import EdgedError
from edged.serve.registry import Registry


class Slumber:
    """The models of a registry, as one who lets them sleep sees them.

    Args:
        registry: of the models.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def awake(self) -> Mapping[str, float | None]:
        """Return for how many seconds nobody asked each loaded model.

        None for one that is in use: by a request that waits, runs or arrives, by an
        open sequence, or by a probation that may go back without a load. And for one
        of which memory has room for a part: it would need room for all to come back.
        """
        now_s, found = time.monotonic(), dict[str, float | None]()
        for model in self._registry.models():
            live = model.live
            if live is not None and not live.is_parked:
                is_free = live.is_idle and model.resident is None
                is_free = is_free and not live.residence.away
                found[model.name] = now_s - live.unused_s if is_free else None
        return found

    async def sleep(self, name: str, wake: Callable[[], None]) -> None:
        """Let a model that is awake and not in use sleep; its memory is free then.

        Args:
            name: of `awake`.
            wake: called on the loop when somebody asks, once: see `Model.sleep`.
        """
        for model in self._registry.models():
            if model.name == name:
                asleep = model.sleep(wake)
                try:
                    await asleep
                finally:
                    self._registry.touch()

    def turn_away(self, name: str, error: EdgedError, wake: Callable[[], None]) -> None:
        """Let it sleep on, and tell those who wait why."""
        for model in self._registry.models():
            if model.name == name:
                model.turn_away(error, wake)

    def __repr__(self) -> str:
        return ", ".join(self.awake()) or "nothing is awake"
