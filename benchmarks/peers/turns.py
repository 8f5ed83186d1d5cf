"""One way of asking one peer, when it is its turn.

Law: connections are made anew for each turn, and what is timed is warm.
"""

from collections.abc import Callable
from typing import NamedTuple

import models
import process
from peers import Running, Way

from edged.cli import asker
from edged.cli.asker import Asker, Bounds, Load

CLIENTS = (1, 4, 8)

#: Of one model; JSON of 602 KB takes 10 to 150 ms, all others well under one.
_REQUESTS = {"digits": 1000, "mean": 200}
_MANY = 1_000_000
_WARM_UP = Bounds(0.2, 20)


class Turn(NamedTuple):
    """Whose turn it is.

    Attributes:
        way: None for a function of this process.
    """

    name: str
    peer: Running
    way: Way | None

    @property
    def way_name(self) -> str:
        """The way's name; empty for none."""
        return self.way.name if self.way else ""

    @property
    def label(self) -> str:
        """Say who it is."""
        return f"{self.name} {self.way_name}".strip()


class Taken(NamedTuple):
    """What a turn gave.

    Attributes:
        times: round trips in seconds, by model.
        loads: with the CPU time that the server used, seconds.
    """

    times: dict[str, list[float]]
    loads: list[tuple[Load, float]]


def take(turn: Turn, seconds: float) -> Taken:
    """Measure everything of a turn; each figure for at most this long."""
    times = {
        model.name: _times(turn, model.name, Bounds(seconds, _REQUESTS[model.name]))
        for model in models.models()
    }
    if turn.way is None or turn.peer.pid is None:
        return Taken(times, [])
    loads = []
    for clients in CLIENTS:
        before_s = process.cpu_s(turn.peer.pid)
        load = asker.load(
            turn.way.connect,
            turn.way.requests["digits"],
            clients=clients,
            bounds=Bounds(seconds / 2, _MANY),
        )
        loads.append((load, process.cpu_s(turn.peer.pid) - before_s))
    return Taken(times, loads)


def _times(turn: Turn, model: str, bounds: Bounds) -> list[float]:
    if turn.way is None:
        return _sample(turn.peer.calls[model], bounds)
    client, request = Asker(turn.way.connect), turn.way.requests[model]
    try:
        return _sample(lambda: client.ask(request), bounds)
    finally:
        client.close()


def _sample(call: Callable[[], object], bounds: Bounds) -> list[float]:
    asker.latencies(call, _WARM_UP)
    return asker.latencies(call, bounds)
