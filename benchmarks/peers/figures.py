"""What was measured, round by round, and what it comes to.

Law: a figure is the median of its rounds; its spread is the smallest and the largest
of them.
"""

import statistics
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from placement import Where
from turns import Taken, Turn


class Spread(NamedTuple):
    """One figure of several rounds."""

    median: float
    least: float
    most: float


class Key(NamedTuple):
    """A way of asking a peer, and what it was asked."""

    peer: str
    way: str
    what: str  # the model, or the number of clients
    where: Where = Where.FREE


class Figures:
    """Everything that one run found; a peer or a way may be missing anywhere."""

    def __init__(self, *, rounds: int) -> None:
        self.rounds = rounds
        self.turns = self.disturbed = 0
        self.how: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.cannot: dict[str, str] = {}
        self.start_s: dict[str, float] = {}
        self.memory_bytes: dict[str, int] = {}
        self.processes: dict[str, int] = {}
        self.idle_share: dict[str, float] = {}
        self._p50_us: dict[Key, list[float]] = defaultdict(list)
        self._p99_us: dict[Key, list[float]] = defaultdict(list)
        self._per_s: dict[Key, list[float]] = defaultdict(list)
        self._cpu_us: dict[Key, list[float]] = defaultdict(list)

    def add(self, turn: Turn, taken: Taken) -> None:
        """Add what a turn gave."""
        for (where, model), seconds in taken.times.items():
            key = Key(turn.name, turn.way_name, model, where)
            p50, p99 = np.percentile(seconds, (50, 99)) * 1e6
            self._p50_us[key].append(float(p50))
            self._p99_us[key].append(float(p99))
        for load, cpu_s in taken.loads:
            key = Key(turn.name, turn.way_name, str(load.clients))
            self._per_s[key].append(load.per_s)
            self._cpu_us[key].append(1e6 * cpu_s / max(1, load.answered))

    def ways(self) -> list[tuple[str, str]]:
        """Return (peer, way) of everything timed, in the peers' order."""
        found = dict.fromkeys((key.peer, key.way) for key in self._p50_us)
        peers, ways = list(self.how), list(found)
        return sorted(
            found, key=lambda k: (peers.index(k[0]), _RANK.get(k[1], 9), ways.index(k))
        )

    def p50_us(self, peer: str, way: str, model: str, where: Where) -> Spread | None:
        """Return the median round trip, microseconds."""
        return _spread(self._p50_us.get(Key(peer, way, model, where)))

    def p99_us(self, peer: str, way: str, model: str, where: Where) -> Spread | None:
        """Return the round trip that one in a hundred exceeds, microseconds."""
        return _spread(self._p99_us.get(Key(peer, way, model, where)))

    def per_s(self, peer: str, way: str, clients: int) -> Spread | None:
        """Return answers a second."""
        return _spread(self._per_s.get(Key(peer, way, str(clients))))

    def cpu_us(self, peer: str, way: str, clients: int) -> Spread | None:
        """Return the server's CPU time for each answer, microseconds."""
        return _spread(self._cpu_us.get(Key(peer, way, str(clients))))


#: The order of ways within a peer.
_RANK = {"binary body": 0, "memfd": 1, "shared memory": 1, "JSON": 2}


def _spread(values: list[float] | None) -> Spread | None:
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values))
