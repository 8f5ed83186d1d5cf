"""One way of asking one peer, when it is its turn.

Law: connections are made anew for each turn, and what is timed is warm. One client is
timed twice, sharing a core with the server and as the kernel places them; many are not
moved.
"""

from collections.abc import Callable
from typing import NamedTuple

import models
import process
from peers import Running, Way
from placement import Where, placed

from edged.cli import asker
from edged.cli.asker import Asker, Bounds, Load

CLIENTS = (1, 4, 8)

#: Of one model in one place; JSON of 602 KB takes 10 to 150 ms, all others well under
#: one.
_REQUESTS = {"digits": 500, "mean": 100}
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
        times: round trips in seconds, by place and model.
        loads: with the CPU time that the server used, seconds.
    """

    times: dict[tuple[Where, str], list[float]]
    loads: list[tuple[Load, float]]


def take(turn: Turn, seconds: float) -> Taken:
    """Measure everything of a turn; each figure for at most this long."""
    bounds = {
        model.name: Bounds(seconds / 2, _REQUESTS[model.name])
        for model in models.models()
    }
    if turn.way is None or turn.peer.pid is None:
        called = {name: _sample(turn.peer.calls[name], bounds[name]) for name in bounds}
        return Taken({(w, name): called[name] for w in Where for name in bounds}, [])
    times = _placed(turn.peer.pid, turn.way, Where.FREE, bounds)
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
    # Last: the kernel leaves them together for a while after they were held so.
    times |= _placed(turn.peer.pid, turn.way, Where.ONE_CORE, bounds)
    return Taken(times, loads)


def _placed(
    pid: int, way: Way, where: Where, bounds: dict[str, Bounds]
) -> dict[tuple[Where, str], list[float]]:
    with placed(pid, where):
        return {(where, name): _times(way, name, bounds[name]) for name in bounds}


def _times(way: Way, model: str, bounds: Bounds) -> list[float]:
    client, request = Asker(way.connect), way.requests[model]
    try:
        return _sample(lambda: client.ask(request), bounds)
    finally:
        client.close()


def _sample(call: Callable[[], object], bounds: Bounds) -> list[float]:
    asker.latencies(call, _WARM_UP)
    return asker.latencies(call, bounds)
