"""The box itself, for who asks: what it is, and what it senses.

Law: looked at anew for each question, by who looks anyway and in his thread.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from edged.adapt.device import device
from edged.adapt.sensors import Readings
from edged.wire.adapt import Adaptation, Device

T = TypeVar("T")


class Looker(Protocol):
    """Who looks at the sensors: see `adapt.governor`."""

    async def look(self, then: Callable[[Readings], T], /) -> T:
        """Look, and do something blocking with what is found."""

    def told(self) -> Adaptation:
        """Tell what follows from the last look."""


class Looking:
    """Looks at the box.

    Args:
        looker: who looks.
        runtimes: versions of those that are imported.
        root: what stands for `/`.
    """

    def __init__(
        self,
        looker: Looker,
        runtimes: Callable[[], Mapping[str, str]],
        *,
        root: Path = Path("/"),
    ) -> None:
        self._looker, self._runtimes, self._root = looker, runtimes, root

    async def look(self) -> Device:
        """Look at everything."""
        found = await self._looker.look(
            lambda seen: device(seen, root=self._root, runtimes=self._runtimes())
        )
        told = self._looker.told()
        return msgspec.structs.replace(
            found, strategy=told.state, headrooms=told.headrooms
        )
