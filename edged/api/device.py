"""The box itself, for who asks: what it is, and what it senses.

Law: looked at anew for each question, in a thread of its own; nothing is read, nor even
imported, while nobody asks.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from edged.wire.adapt import Device

if TYPE_CHECKING:
    from edged.adapt.sensors import Sensors


class Looking:
    """Looks at the box.

    Args:
        runtimes: versions of those that are imported.
        root: what stands for `/`.
    """

    def __init__(
        self, runtimes: Callable[[], Mapping[str, str]], *, root: Path = Path("/")
    ) -> None:
        self._runtimes, self._root = runtimes, root
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sensors")
        self._sensors: Sensors | None = None

    async def look(self) -> Device:
        """Look at everything; who asks meanwhile waits for a look of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._look)

    def _look(self) -> Device:
        from edged.adapt.device import device  # noqa: PLC0415  # see the law
        from edged.adapt.sensors import Sensors  # noqa: PLC0415

        if self._sensors is None:
            self._sensors = Sensors(self._root)
        found = self._sensors.read()
        return device(found, root=self._root, runtimes=self._runtimes())
