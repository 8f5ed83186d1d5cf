"""The port to the daemon: what the updater asks of it, in one process or apart.

Law: the updater can do no more here than a person at `edgectl install`. The errors of
the other side come through as they are (`edged.errors`), and those of the way to it:
`NoDaemon`, `NoAccess`, `TimedOut`, `ProtocolError`.
"""

from collections.abc import Iterable
from typing import Protocol

from edged.update.offers import Installed
from edged.update.space import Volume
from edged.wire.changes import Change
from edged.wire.messages import Changed


class Door(Protocol):
    """The daemon, as the updater sees it. Called on the loop."""

    async def installed(self) -> tuple[Installed, ...]:
        """Tell every model that is installed, and what is thought of its releases."""

    async def files(self) -> frozenset[str]:
        """Tell the sha256 of every file that is installed."""

    async def volume(self) -> Volume:
        """Tell the space where releases are installed."""

    async def install(
        self, body: Iterable[bytes], *, source: str, model: str, downgrade: bool
    ) -> Changed:
        """Hand a release in; return when it was received, with its change.

        Args:
            body: a tar stream, read in a thread; its errors come through.
            source: whose release it is.
            model: what it is called.
            downgrade: a lower `seq` than the live one's is wanted.
        """

    async def change(self, number: int, *, steps: int, wait_s: float) -> Change:
        """Tell a change when it has more than `steps` steps, or after `wait_s`."""

    async def hear(
        self, body: Iterable[bytes], *, source: str, model: str, alone: bool
    ) -> Changed:
        """Hand signed metadata in: what it revokes of a model is judged there.

        Args:
            body: a tar stream of documents, read in a thread.
            source: whose they are.
            model: what there is news of.
            alone: nothing is known to replace what is live.
        """
