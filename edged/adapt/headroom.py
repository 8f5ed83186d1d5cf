"""How far each axis is from its limit: 1.0 comfortable, 0 at the limit.

Law: pure. What was not read is None, and its headroom is None: never fine, never bad.
Each says in words the figure and the limit that it comes from.
"""

from collections.abc import Sequence

from edged.wire.adapt import Axis, Headroom

#: Where a box names no limit of its own. A Raspberry Pi slows down from here.
#: Source: raspberrypi.com documentation, frequency management and thermal control.
LIMIT_C = 80.0
#: So far below the limit is comfortable.
SPAN_C = 15.0

#: A battery that is being emptied: the limit, and where it is comfortable.
BATTERY_EMPTY_PCT, BATTERY_FULL_PCT = 10.0, 30.0

#: Alarms of a supply flap every few seconds, and reading one may clear it, so it counts
#: for a minute after it was last seen (home-assistant/core #175689).
UNDER_VOLTAGE_S = 60.0

#: Share of memory that is available: the limit, and where it is comfortable.
MEMORY_EMPTY, MEMORY_FULL = 0.05, 0.25
#: Share of time in which everything waits for memory; systemd-oomd kills at 60 %.
MEMORY_STALL = 0.20

#: Share of time in which something waits for a core.
CPU_STALL = 1.0
#: Runnable tasks for each core: comfortable up to one, at the limit with this many.
LOAD_MOST = 4.0


def limit_c(trips_c: Sequence[float]) -> float:
    """Return the temperature not to be reached.

    Args:
        trips_c: trip points of type passive or hot.
    """
    return min(trips_c, default=LIMIT_C)


def thermal(
    temp_c: float | None, *, limit_c: float = LIMIT_C, ahead_c: float | None = None
) -> Headroom:
    """Return the headroom of heat.

    Args:
        temp_c: now, of the hottest zone that matters.
        limit_c: see `limit_c`.
        ahead_c: in 30 seconds; None where there is no forecast.
    """
    if temp_c is None:
        return Headroom(axis=Axis.THERMAL, value=None, because="no temperature is read")
    because = f"{temp_c:.1f} C of {limit_c:.0f} C"
    if ahead_c is not None:
        because += f", {ahead_c:.1f} C in 30 s"
    return Headroom(
        axis=Axis.THERMAL,
        value=_share(temp_c, limit_c, limit_c - SPAN_C),
        ahead=None if ahead_c is None else _share(ahead_c, limit_c, limit_c - SPAN_C),
        because=because,
    )


def power(
    *,
    capacity_pct: float | None,
    discharging: bool | None,
    under_voltage_s: float | None,
) -> Headroom:
    """Return the headroom of power.

    Args:
        capacity_pct: of the battery that the box runs on.
        discharging: whether it is being emptied; None where that is not known.
        under_voltage_s: since the supply was last too weak; None where it never was.
    """
    if under_voltage_s is not None and under_voltage_s < UNDER_VOLTAGE_S:
        ago = f"{under_voltage_s:.0f} s ago"
        return Headroom(
            axis=Axis.POWER, value=0.0, because=f"the supply was too weak {ago}"
        )
    if discharging is None:
        return Headroom(axis=Axis.POWER, value=None, because="no supply is read")
    if not discharging:
        return Headroom(axis=Axis.POWER, value=1.0, because="no battery is emptied")
    if capacity_pct is None:
        why = "a battery is emptied; it does not say how full it is"
        return Headroom(axis=Axis.POWER, value=None, because=why)
    return Headroom(
        axis=Axis.POWER,
        value=_share(capacity_pct, BATTERY_EMPTY_PCT, BATTERY_FULL_PCT),
        because=f"battery at {capacity_pct:.0f} %, limit {BATTERY_EMPTY_PCT:.0f} %",
    )


def memory(
    *, available: float | None, total: float | None, stalled: float | None
) -> Headroom:
    """Return the headroom of memory.

    Args:
        available: bytes, of the machine or of our cgroup, whichever is less.
        total: bytes of the same.
        stalled: share of the last ten seconds in which everything waited for memory
            (PSI, `full avg10`).
    """
    told: list[tuple[float, str]] = []
    if available is not None and total:
        share = available / total
        why = f"{100 * share:.0f} % available, limit {100 * MEMORY_EMPTY:.0f} %"
        told.append((_share(share, MEMORY_EMPTY, MEMORY_FULL), why))
    if stalled is not None:
        why = f"all waits for memory {100 * stalled:.0f} % of the time"
        told.append((_share(stalled, MEMORY_STALL, 0.0), why))
    return _least(Axis.MEMORY, told, unknown="no memory is read")


def cpu(*, stalled: float | None, load: float | None) -> Headroom:
    """Return the headroom of the cores.

    Args:
        stalled: share of the last ten seconds in which something waited for a core
            (PSI, `some avg10`).
        load: runnable tasks for each core, where there is no PSI.
    """
    told: list[tuple[float, str]] = []
    if stalled is not None:
        why = f"something waits for a core {100 * stalled:.0f} % of the time"
        told.append((_share(stalled, CPU_STALL, 0.0), why))
    elif load is not None:
        why = f"{load:.1f} tasks for each core, limit {LOAD_MOST:.0f}"
        told.append((_share(load, LOAD_MOST, 1.0), why))
    return _least(Axis.CPU, told, unknown="no load is read")


def load(*, wait_s: float, deadline_s: float | None) -> Headroom:
    """Return the headroom of the queue.

    Args:
        wait_s: that a new request would wait.
        deadline_s: that requests come with of late; None where none did.
    """
    if deadline_s is None:
        return Headroom(axis=Axis.LOAD, value=None, because="no request has a deadline")
    return Headroom(
        axis=Axis.LOAD,
        value=_share(wait_s, deadline_s, 0.0),
        because=f"{wait_s * 1e3:.0f} ms to wait of {deadline_s * 1e3:.0f} ms",
    )


def _share(value: float, limit: float, comfortable: float) -> float:
    """Return where a value lies between its limit (0) and what is comfortable (1)."""
    return min(1.0, max(0.0, (value - limit) / (comfortable - limit)))


def _least(axis: Axis, told: Sequence[tuple[float, str]], *, unknown: str) -> Headroom:
    if not told:
        return Headroom(axis=axis, value=None, because=unknown)
    value, because = min(told)
    return Headroom(axis=axis, value=value, because=because)
