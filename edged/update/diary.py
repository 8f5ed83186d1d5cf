"""The owner of the notes: in memory at once, on the disk as soon as it can.

Law: on the loop. What is noted is true from then on; `settled` returns when it is
durable, for whoever may act only then. A disk that refuses is told, and asked again
with the next note: people's wishes hold in this life all the same.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from edged.errors import StoreFailed
from edged.update.notes import Notebook, Notes

_log = logging.getLogger(__name__)

#: A stop waits so long for a note that is being written; a dead disk may take longer.
END_S = 2.0


class Diary:
    """Notes, and who keeps them.

    Args:
        book: the file.
        disk: a thread for it.
    """

    def __init__(self, book: Notebook, disk: Executor) -> None:
        self._book, self._disk = book, disk
        self._notes = Notes()
        self._written = Notes()
        self._writing = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._damage: StoreFailed | None = None  # stays for this life
        self._fault: StoreFailed | None = None  # until the disk takes notes again

    @property
    def notes(self) -> Notes:
        """What is noted."""
        return self._notes

    @property
    def faults(self) -> tuple[StoreFailed, ...]:
        """What was lost, and what the disk refuses."""
        return tuple(filter(None, (self._damage, self._fault)))

    async def open(self) -> Notes:
        """Read what earlier lives noted; a disk that refuses leaves nothing."""
        loop = asyncio.get_running_loop()
        try:
            self._notes = await loop.run_in_executor(self._disk, self._book.read)
        except StoreFailed as error:
            self._tell(error)
        self._written = self._notes
        if self._book.damaged:
            self._damage = StoreFailed(
                "the updater's notes were damaged and begin anew: a pause or a hold "
                "that stood is lost, and so is the history",
                hint="edgectl update",
            )
            _log.warning(
                "%s", self._damage.message, extra={"edged_code": self._damage.code}
            )
        return self._notes

    def note(self, change: Callable[[Notes], Notes]) -> None:
        """Change the notes; they reach the disk soon."""
        self._notes = change(self._notes)
        if self._notes != self._written:
            self._dirty.set()

    async def run(self) -> None:
        """Write what is noted, until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self.settled()
            except StoreFailed as error:
                self._tell(error)

    async def settled(self) -> None:
        """Return when everything that is noted now is durable.

        Raises:
            StoreFailed: the disk refuses.
        """
        loop = asyncio.get_running_loop()
        async with self._writing:
            notes = self._notes
            if notes == self._written:
                return
            await _whole(loop.run_in_executor(self._disk, self._book.write, notes))
            self._written = notes
            self._fault = None

    def _tell(self, error: StoreFailed) -> None:
        _log.error("%s", error.message, extra={"edged_code": error.code})
        self._fault = error


async def _whole(writing: asyncio.Future[None]) -> None:
    """Wait for a note; who is cancelled meanwhile leaves no half of one behind."""
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        done, _ = await asyncio.wait({writing}, timeout=END_S)
        for each in done:
            each.exception()  # nobody is left to tell
        raise
