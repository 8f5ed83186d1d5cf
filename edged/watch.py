"""A value with one writer and many readers.

Law: only the owner holds `Owned`; everybody else gets its `Watch`. Readers see the
latest value, not every value. Call on one event loop only.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Watch(Generic[T]):
    """The reader's end."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._changed = asyncio.Event()

    @property
    def value(self) -> T:
        """The latest value."""
        return self._value

    async def until(self, holds: Callable[[T], bool]) -> T:
        """Wait until `holds(value)` and return that value."""
        while not holds(self._value):
            await self._changed.wait()
        return self._value

    def __repr__(self) -> str:
        return f"Watch({self._value!r})"


class Owned(Generic[T]):
    """The writer's end."""

    def __init__(self, value: T) -> None:
        self.watch = Watch(value)

    def set(self, value: T) -> None:
        """Publish a new value and wake everybody who waits."""
        self.watch._value = value  # noqa: SLF001  # the two ends are one object
        woken, self.watch._changed = self.watch._changed, asyncio.Event()  # noqa: SLF001
        woken.set()
