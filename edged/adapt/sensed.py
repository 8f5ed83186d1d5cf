"""What one look at the box found, and the lines in which people read it.

Law: pure. Every sensor that is there has a reading; one without a value says why. What
every box could tell and this one does not is there, too, as unknown.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from edged.adapt.heat import Heat
from edged.host.cpu_time import Times
from edged.host.cpufreq import Policy
from edged.host.energy import Meter, Watts
from edged.host.firmware import Answer, Throttled
from edged.host.hwmon import Processor
from edged.host.power_supply import Power, Source, Supply
from edged.host.pressure import Memory, Stall
from edged.host.sysfs import Maybe, Unreadable, known
from edged.host.thermal_zones import Cooling, Zone
from edged.wire.adapt import Reading

_MILLI, _MICRO, _KHZ = 1e3, 1e6, 1e3


class Stalls(msgspec.Struct, frozen=True, kw_only=True):
    """Pressure of one kind: of the machine, and of our own cgroup."""

    machine: Maybe[Stall] = None
    own: Maybe[Stall] = None

    @property
    def ours(self) -> Maybe[Stall]:
        """How much we wait: our own, or else the machine's."""
        return self.machine if self.own is None else self.own


class Sensed(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found.

    Attributes:
        at_s: when it began, monotonic.
        heats: the temperatures that say how hot the box is.
        zones: every thermal zone, with its trips.
        processors: chips that measure a processor.
        cooling: fans, and clocks that can be slowed.
        supplies: everything that has power, a mouse too.
        power: what those that are ours say together.
        alarm: of a Raspberry Pi's supply, by the kernel.
        alarm_path: its file.
        firmware: what its firmware says, which may be some seconds old.
        memory: within the nearest limit.
        is_memory_v1: whether limits of cgroups are unknown, as version 1 has them.
        oom_kills: in our cgroup, since it was made.
        memory_stalls, cpu_stalls, io_stalls: see `Stalls`.
        load: tasks that ran or waited, over a minute, of the whole machine.
        cores: that the machine has switched on.
        cpu: how long they were busy, since boot.
        policies: clocks.
        watts: what chips on the board measure.
        meters: what the processor counts.
        metered: whether the network costs money; nothing tells it yet.
    """

    at_s: float = 0.0
    heats: tuple[Heat, ...] = ()
    zones: tuple[Zone, ...] = ()
    processors: tuple[Processor, ...] = ()
    cooling: tuple[Cooling, ...] = ()
    supplies: tuple[Supply, ...] = ()
    power: Power = Power()
    alarm: Maybe[bool] = None
    alarm_path: str = ""
    firmware: Answer = Answer(value=None)
    memory: Maybe[Memory] = None
    is_memory_v1: bool = False
    oom_kills: Maybe[int] = None
    memory_stalls: Stalls = Stalls()
    cpu_stalls: Stalls = Stalls()
    io_stalls: Stalls = Stalls()
    load: Maybe[float] = None
    cores: int | None = None
    cpu: Maybe[Times] = None
    policies: tuple[Policy, ...] = ()
    watts: tuple[Watts, ...] = ()
    meters: tuple[Meter, ...] = ()
    metered: bool | None = None

    @property
    def under_voltage(self) -> bool | None:
        """Whether the supply is too weak: as the kernel says, or else the firmware."""
        alarm = known(self.alarm)
        if alarm is not None:
            return alarm
        answer = known(self.firmware.value)
        return None if answer is None else answer.under_voltage

    @property
    def slowed(self) -> bool | None:
        """Whether the firmware holds the clock down, as the kernel may not know."""
        answer = known(self.firmware.value)
        if answer is None:
            return None
        return answer.capped or answer.throttled or answer.soft_limit

    @property
    def memory_stalled(self) -> float | None:
        """Share of time in which everything waited for memory: the worst that is told.

        Of the machine, too: when it ends the OOM killer may choose us.
        """
        both = (known(self.memory_stalls.machine), known(self.memory_stalls.own))
        told = [each.full for each in both if each and each.full is not None]
        return max(told, default=None)

    @property
    def cpu_stalled(self) -> float | None:
        """Share of time in which some task of ours waited for a core."""
        ours = known(self.cpu_stalls.ours)
        return None if ours is None else ours.some

    @property
    def load_of_core(self) -> float | None:
        """Tasks for each core of the machine."""
        load = known(self.load)
        return None if load is None or not self.cores else load / self.cores


def readings(sensed: Sensed) -> tuple[Reading, ...]:
    """Say it in lines; each name once."""
    lines = [
        *_thermal(sensed),
        *_power(sensed),
        *_supply_alarm(sensed),
        *_memory(sensed),
        *_cpu(sensed),
        *_energy(sensed),
        _unknown("network.metered", "nothing tells it"),
    ]
    return tuple(_told_apart(lines))


def line(name: str, value: Maybe[float], unit: str, source: str) -> Reading:
    """Return the reading of a value, or of why there is none."""
    if isinstance(value, Unreadable):
        why, source = value.why, value.path or source
        return Reading(name=name, value=None, unit=unit, source=source, problem=why)
    if value is None:
        return _unknown(name, "it does not say", unit, source)
    return Reading(name=name, value=float(value), unit=unit, source=source)


def _thermal(sensed: Sensed) -> Iterator[Reading]:
    for zone in sensed.zones:
        name = f"thermal.{zone.kind}"
        yield line(name, _scaled(zone.millic, _MILLI), "C", f"{zone.path}/temp")
        if zone.limit_millic is not None:
            limit = zone.limit_millic / _MILLI
            yield line(f"{name}.limit", limit, "C", zone.path)
    for each in sensed.processors:
        name = f"thermal.{each.chip.name}"
        path = f"{each.chip.path}/temp1_input"
        yield line(name, _scaled(each.millic, _MILLI), "C", path)
        if each.limit_millic is not None:
            yield line(f"{name}.limit", each.limit_millic / _MILLI, "C", each.chip.path)
    if not sensed.heats:
        yield _unknown("thermal", "no processor's temperature can be read", "C")
    for device in sensed.cooling:
        most = known(device.most)
        share = _scaled(device.state, most) if most else device.state
        path = f"{device.path}/cur_state"
        yield line(f"cooling.{device.kind}", share, "", path)


def _power(sensed: Sensed) -> Iterator[Reading]:
    for supply in sensed.supplies:
        name = f"power.{supply.name}"
        if not supply.is_ours:
            why = "feeds a device, not the box"
            yield _unknown(name, why, "%", supply.path)
        elif not supply.is_present:
            yield _unknown(name, "not in its place", "%", supply.path)
        elif supply.online is not None:
            yield line(name, float(supply.online), "", f"{supply.path}/online")
        else:
            full = line(name, supply.capacity_pct, "%", f"{supply.path}/capacity")
            yield msgspec.structs.replace(full, sure=not supply.is_derived)
            if supply.microwatt is not None:
                watts = supply.microwatt / _MICRO
                yield line(f"{name}.flow", watts, "W", supply.path)
    if sensed.power.source is Source.UNKNOWN:
        yield _unknown("power.source", "no supply says what the box runs on")
    if sensed.power.empty_s is not None:
        empty = line("power.empty", sensed.power.empty_s, "s", "time_to_empty_now")
        yield msgspec.structs.replace(empty, sure=False)


def _supply_alarm(sensed: Sensed) -> Iterator[Reading]:
    answer = sensed.firmware
    if sensed.alarm_path:
        yield line("power.under_voltage", sensed.alarm, "", sensed.alarm_path)
    elif answer.value is None:
        yield _unknown("power.under_voltage", "no chip or firmware that says it")
    if answer.value is None:
        return
    if isinstance(answer.value, Unreadable):
        failed = line("firmware.throttled", answer.value, "", answer.path)
        yield msgspec.structs.replace(failed, age_s=answer.age_s)
        return
    for name in Throttled.__struct_fields__:
        flag = float(getattr(answer.value, name))
        told = line(f"firmware.{name}", flag, "", answer.path)
        yield msgspec.structs.replace(told, age_s=answer.age_s)


def _memory(sensed: Sensed) -> Iterator[Reading]:
    memory = sensed.memory
    if isinstance(memory, Memory):
        yield line("memory.available", memory.available, "bytes", memory.path)
        yield line("memory.total", memory.total, "bytes", memory.path)
    else:
        yield line("memory.available", memory, "bytes", "/proc/meminfo")
    if sensed.is_memory_v1:
        why = "limits of version 1 of cgroups are not read"
        yield _unknown("memory.limit", why, "bytes", "/proc/self/cgroup")
    if sensed.oom_kills is not None:
        yield line("memory.oom_kills", sensed.oom_kills, "", "memory.events")
    yield from _stalled("memory", sensed.memory_stalls)


def _cpu(sensed: Sensed) -> Iterator[Reading]:
    yield from _stalled("cpu", sensed.cpu_stalls)
    yield from _stalled("io", sensed.io_stalls)
    load = sensed.load_of_core if known(sensed.load) is not None else sensed.load
    yield line("cpu.load", load, "", "/proc/loadavg")
    for policy in sensed.policies:
        name = f"cpu.{policy.path.rpartition('/')[2]}"
        for what, khz in (("clock", policy.khz), ("cap", policy.cap_khz)):
            file = "scaling_cur_freq" if what == "clock" else "scaling_max_freq"
            told = line(f"{name}.{what}", _times(khz), "Hz", f"{policy.path}/{file}")
            yield msgspec.structs.replace(told, sure=what == "cap")


def _energy(sensed: Sensed) -> Iterator[Reading]:
    for each in sensed.watts:
        watts = _scaled(each.microwatt, _MICRO)
        told = line(f"energy.{each.chip.name}", watts, "W", each.chip.path)
        yield msgspec.structs.replace(told, sure=False)
    for meter in sensed.meters:
        joules = _scaled(meter.microjoule, _MICRO)
        yield line(f"energy.{meter.name}", joules, "J", meter.path)


def _stalled(what: str, stalls: Stalls) -> Iterator[Reading]:
    stall = stalls.ours
    source = f"/proc/pressure/{what}"
    if isinstance(stall, Stall):
        yield line(f"{what}.stalled", stall.some, "", stall.path)
    elif stall is None:
        yield _unknown(f"{what}.stalled", "the kernel counts no pressure", "", source)
    else:
        yield line(f"{what}.stalled", stall, "", source)


def _scaled(value: Maybe[int], by: float) -> Maybe[float]:
    return value / by if isinstance(value, int) else value


def _times(khz: Maybe[int]) -> Maybe[float]:
    return khz * _KHZ if isinstance(khz, int) else khz


def _unknown(name: str, why: str, unit: str = "", source: str = "") -> Reading:
    return Reading(name=name, value=None, unit=unit, source=source, problem=why)


def _told_apart(lines: Iterable[Reading]) -> Iterator[Reading]:
    """Number what has a name that was there before: two zones may be called alike."""
    seen: Counter[str] = Counter()
    for reading in lines:
        seen[reading.name] += 1
        if seen[reading.name] == 1:
            yield reading
        else:
            name = f"{reading.name}#{seen[reading.name]}"
            yield msgspec.structs.replace(reading, name=name)
