"""Blocks that refuse, and that lose what was not synced.

`FailingBlocks` is the real file behind a switch. `lose` does to it what a power cut may
do: each unsynced write is kept, lost, half written or garbage, as the test says.
"""
# ruff: noqa: D102  # the port's docstrings hold for its twin

import enum
from collections.abc import Callable, Sequence
from pathlib import Path

from edged.host.blocks import DiskBlocks
from edged.host.files import store_failed


class Fate(enum.Enum):
    """What becomes of a write that was not synced."""

    KEPT = "kept"
    LOST = "lost"
    TORN = "torn"  # the first half
    GARBAGE = "garbage"


class FailingBlocks:
    """The `Blocks` port on the real disk.

    Attributes:
        fails: verbs that refuse, and what the kernel says.
        after: how often such a verb still succeeds.
        synced: how often it was.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._disk = DiskBlocks(path, size)
        self._path = path
        self._before: list[tuple[int, bytes, bytes]] = []
        self.fails: dict[str, OSError] = {}
        self.after = 0
        self.synced = 0

    def write(self, at: int, data: bytes | memoryview) -> None:
        self._maybe("write")
        self._before.append((at, self._disk.read(at, len(data)), bytes(data)))
        self._disk.write(at, data)

    def read(self, at: int, size: int) -> bytes:
        self._maybe("read")
        return self._disk.read(at, size)

    def sync(self) -> None:
        self._maybe("sync")
        self._disk.sync()
        self._before.clear()
        self.synced += 1

    def close(self) -> None:
        self._disk.close()

    def lose(self, fates: Sequence[Fate]) -> int:
        """Cut the power; return how many writes were not synced."""
        count = len(self._before)
        for number, (at, old, new) in enumerate(self._before):
            fate = fates[number % len(fates)]
            half = len(new) // 2
            after = {
                Fate.KEPT: new,
                Fate.LOST: old,
                Fate.TORN: new[:half] + old[half:],
                Fate.GARBAGE: b"\xa5" * len(new),
            }[fate]
            self._disk.write(at, after)
        self._before.clear()
        self._disk.close()
        return count

    def _maybe(self, verb: str) -> None:
        if error := self.fails.get(verb):
            self.after -= 1
            if self.after < 0:
                raise store_failed(error, verb, self._path) from error


def opened(into: list[FailingBlocks]) -> Callable[[Path, int], FailingBlocks]:
    """Return what opens such blocks, and puts them on a list."""

    def open_them(path: Path, size: int) -> FailingBlocks:
        made = FailingBlocks(path, size)
        into.append(made)
        return made

    return open_them
