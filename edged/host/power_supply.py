"""Everything that can feed the box, and everything that has a battery of its own.

Law: as `sysfs`. A battery is the box's unless it says that it feeds a device: a
keyboard's is not ours, whatever it is called.
Source: /sys/class/power_supply/NAME/*; Documentation/ABI/testing/sysfs-class-power.
Units: percent, microvolt, microampere, microampere hours, microwatt, microwatt hours,
seconds.
"""

import enum

import msgspec

from edged.host.sysfs import Maybe, Sysfs, Unreadable, known, nonsense

_CLASS = "/sys/class/power_supply"


class Kind(enum.Enum):
    """What it is: `type` of the kernel, with what it plugs into left out."""

    BATTERY = "battery"
    MAINS = "mains"  # mains, USB and wireless power
    UPS = "ups"
    OTHER = "other"


class Status(enum.Enum):
    """What a battery does."""

    CHARGING = "Charging"
    DISCHARGING = "Discharging"
    NOT_CHARGING = "Not charging"
    FULL = "Full"
    UNKNOWN = "Unknown"


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """One supply.

    Attributes:
        name: `BAT0`, `hidpp_battery_0`.
        kind: see `Kind`.
        is_ours: False where it feeds a device, as a mouse.
        is_present: False for a slot without its battery.
        status: of a battery; UNKNOWN where it does not say.
        capacity_pct: how full it is; by its charge or energy where it does not say.
        is_derived: whether `capacity_pct` was.
        online: whether mains is plugged in; None where it does not say.
        full: what it holds when full, in its own unit; weighs several batteries.
        microwatt: that flows in or out, never negative; None where it is not known.
        empty_s: seconds until it is empty, by its own reckoning.
    """

    path: str
    name: str
    kind: Kind
    is_ours: bool = True
    is_present: bool = True
    status: Status = Status.UNKNOWN
    capacity_pct: Maybe[float] = None
    is_derived: bool = False
    online: bool | None = None
    full: int | None = None
    microwatt: int | None = None
    empty_s: int | None = None


class Source(enum.Enum):
    """What the box runs on."""

    MAINS = "mains"
    BATTERY = "battery"
    UNKNOWN = "unknown"


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What all supplies together say.

    Attributes:
        source: what the box runs on.
        capacity_pct: of all its batteries together; None without one that says it.
        discharging: whether they are being emptied; None where that is not known.
        sure: False where a supply did not say it itself.
        empty_s: seconds until they are empty; None where no battery says it.
    """

    source: Source = Source.UNKNOWN
    capacity_pct: float | None = None
    discharging: bool | None = None
    sure: bool = True
    empty_s: int | None = None


def supplies(sysfs: Sysfs) -> tuple[Supply, ...]:
    """Read every supply."""
    return tuple(_supply(sysfs, name) for name in sysfs.names(_CLASS))


def power(found: tuple[Supply, ...]) -> Power:
    """Conclude from all supplies.

    A battery that says what it does is believed; one that does not is taken to be
    emptied where mains is known to be unplugged, and that is not sure.
    """
    ours = [s for s in found if s.is_ours and s.is_present]
    batteries = [s for s in ours if s.kind in (Kind.BATTERY, Kind.UPS)]
    plugs = [s.online for s in ours if s.kind is Kind.MAINS and s.online is not None]
    if not batteries:
        source = Source.MAINS if any(plugs) else Source.UNKNOWN
        return Power(source=source, discharging=False if any(plugs) else None)
    states = {s.status for s in batteries}
    sure = states != {Status.UNKNOWN}
    discharging: bool | None = Status.DISCHARGING in states
    if not sure:
        discharging = not any(plugs) if plugs else None
    emptied = [s for s in batteries if s.status is Status.DISCHARGING]
    return Power(
        source=_source(discharging),
        capacity_pct=_capacity(batteries),
        discharging=discharging,
        sure=sure and not any(s.is_derived for s in batteries),
        empty_s=max((s.empty_s for s in emptied if s.empty_s), default=None),
    )


def parse_kind(word: str) -> Kind:
    """Return what `type` says; `USB_PD` and its like are plugs."""
    if word in {"Mains", "Wireless"} or word.startswith("USB"):
        return Kind.MAINS
    return {"Battery": Kind.BATTERY, "UPS": Kind.UPS}.get(word, Kind.OTHER)


def parse_status(word: str) -> Status:
    """Return what `status` says."""
    return _STATUSES.get(word, Status.UNKNOWN)


_STATUSES = {status.value: status for status in Status}


def _supply(sysfs: Sysfs, name: str) -> Supply:
    path = f"{_CLASS}/{name}"
    kind = parse_kind(sysfs.word(f"{path}/type"))
    is_ours = sysfs.word(f"{path}/scope") != "Device"
    online = known(sysfs.integer(f"{path}/online"))
    plain = Supply(
        path=path,
        name=name,
        kind=kind,
        is_ours=is_ours,
        online=None if online is None else online > 0,
    )
    if kind not in (Kind.BATTERY, Kind.UPS):
        return plain
    capacity = _percent(sysfs, path)
    full, derived = _held(sysfs, path)
    is_derived = capacity is None and derived is not None
    return msgspec.structs.replace(
        plain,
        is_present=known(sysfs.integer(f"{path}/present")) != 0,
        status=parse_status(sysfs.word(f"{path}/status")),
        capacity_pct=derived if is_derived else capacity,
        is_derived=is_derived,
        full=full,
        microwatt=_flow(sysfs, path),
        empty_s=_positive(sysfs.integer(f"{path}/time_to_empty_now")),
    )


def _percent(sysfs: Sysfs, path: str) -> Maybe[float]:
    """Read `capacity`: a gauge that was reset says 255, or -1."""
    value = sysfs.integer(f"{path}/capacity")
    if not isinstance(value, int):
        return value
    if not 0 <= value <= 100:  # noqa: PLR2004  # percent
        return nonsense(f"{path}/capacity", str(value).encode())
    return float(value)


def _held(sysfs: Sysfs, path: str) -> tuple[int | None, float | None]:
    """Return what it holds when full, and the percentage that it holds now."""
    for unit in ("energy", "charge"):
        full = _positive(sysfs.integer(f"{path}/{unit}_full"))
        if full is None:
            continue
        now = known(sysfs.integer(f"{path}/{unit}_now"))
        if now is None or now < 0:
            return full, None
        return full, min(100.0, 100.0 * now / full)
    return None, None


def _flow(sysfs: Sysfs, path: str) -> int | None:
    """Return the power in microwatt; some drivers sign it, and some have a current."""
    watts = known(sysfs.integer(f"{path}/power_now"))
    if watts is not None:
        return abs(watts)
    current = known(sysfs.integer(f"{path}/current_now"))
    voltage = known(sysfs.integer(f"{path}/voltage_now"))
    if current is None or voltage is None:
        return None
    return abs(current * voltage) // 1_000_000


def _capacity(batteries: list[Supply]) -> float | None:
    """Return how full all are together, by what each holds where all say it."""
    told = [
        (s.full, s.capacity_pct)
        for s in batteries
        if s.capacity_pct is not None and not isinstance(s.capacity_pct, Unreadable)
    ]
    if not told:
        return None
    whole = sum(full or 0 for full, _ in told)
    if all(full for full, _ in told):
        return sum((full or 0) * pct for full, pct in told) / whole
    return sum(pct for _, pct in told) / len(told)


def _source(discharging: bool | None) -> Source:  # noqa: FBT001  # one fact, no option
    if discharging is None:
        return Source.UNKNOWN
    return Source.BATTERY if discharging else Source.MAINS


def _positive(value: Maybe[int]) -> int | None:
    found = known(value)
    return found if found is not None and found > 0 else None
