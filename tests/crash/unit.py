"""The daemon as a service manager runs it: sockets that outlive it, started at once.

Not a fake but a bench: it does what a socket unit and `Restart=always` ask systemd for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from tests.fakes.daemon import Daemon, kept_sockets


class Unit:
    """One daemon after the other, behind the same sockets.

    Attributes:
        daemon: the one that runs.
        lives: how many there have been.
    """

    def __init__(self, home: Path, sockets: dict[str, socket], *options: str) -> None:
        self._home = home
        self._sockets = sockets
        self._options = options
        self.lives = 0
        self.daemon = self._started()

    def kill(self) -> None:
        """Kill it with SIGKILL; the next one is started at once, not yet ready."""
        self.daemon.kill()
        self.daemon = self._started()

    def restart(self) -> int:
        """Ask it to stop, as `systemctl restart` does; return how it ended."""
        status = self.daemon.stop()
        self.kill()
        return status

    def _started(self) -> Daemon:
        self.lives += 1
        return Daemon(self._home, *self._options, inherit=self._sockets)


@contextmanager
def unit(home: Path, *options: str) -> Iterator[Unit]:
    """Run the daemon behind sockets; nothing of both is left."""
    with kept_sockets(home) as sockets:
        made = Unit(home, sockets, *options)
        try:
            made.daemon.ready()
            yield made
        finally:
            made.daemon.kill()
