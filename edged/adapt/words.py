"""How the box is, in the words that people read.

Law: pure. Figures are rounded for people here, and nowhere else.
"""

from collections.abc import Iterable

from edged.adapt.sight import Seen
from edged.adapt.strategy import Ruling, Standing
from edged.wire.adapt import Axis, Headroom, Strategy


def short(standing: Standing, seen: Seen) -> str:
    """Say what is short: `hot (82 C)`; empty for nothing."""
    if standing.axis is None or standing.strategy is Strategy.NORMAL:
        return ""
    room = seen.of(standing.axis)
    match standing.axis:
        case Axis.THERMAL:
            temp = "not read" if seen.temp_c is None else f"{seen.temp_c:.0f} C"
            return f"hot ({temp})"
        case Axis.POWER:
            return f"short of power ({room.because})"
        case axis:
            return f"short of {axis.value} ({room.because})"


def headline(ruling: Ruling, standing: Standing, seen: Seen) -> str:
    """Say in a few words how the box runs, and why."""
    name = ruling.strategy.value
    if ruling.by is not None:
        return f"strategy {name}: {ruling.because}"
    return f"{short(standing, seen)}: {name}"


def figures(rooms: Iterable[Headroom]) -> str:
    """Return the numbers in a line: `thermal 0.12 (78.2 C of 80 C), power ?`."""
    return ", ".join(figure(room) for room in rooms)


def figure(room: Headroom) -> str:
    """Return one of them."""
    value = "?" if room.value is None else f"{room.value:.2f}"
    return f"{room.axis.value} {value} ({room.because})"
