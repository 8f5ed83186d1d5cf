"""How the box is, and what follows from it: readings, headrooms, strategies.

Law: as `wire.messages`. What is not known is None and says why; it is never "fine".
"""

import enum
from typing import Annotated

import msgspec


class Strategy(enum.Enum):
    """A set of caps on how models run, most able first."""

    NORMAL = "normal"
    LIGHTWEIGHT = "lightweight"  # the battery must last
    THROTTLED = "throttled"  # the box is hot, or about to be
    CRITICAL = "critical"  # it is about to fail


class Errand(enum.Enum):
    """What is done for the sake of updates."""

    CHECK = "check"
    DOWNLOAD = "download"
    TRIAL = "trial"


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy allows; the defaults cap nothing.

    Attributes:
        cost: share of the dearest variant's CPU time that an answer may cost; the
            cheapest variant is always allowed.
        threads: share of the threads that the profile calls best; never below one.
        duty: largest share of time that runs of a model may take.
        batch_window_s: that a request may wait for others to join it.
        queue: requests of a model that may wait.
        priority_only: only requests of high priority are taken.
        updates: what may be done for their sake.
        period_s: between two looks at the sensors.
        idle_unload_s: after which a model that nobody asks is unloaded.
    """

    cost: float = 1.0
    threads: float = 1.0
    duty: float = 1.0
    batch_window_s: float = 0.0
    queue: int = 64
    priority_only: bool = False
    updates: tuple[Errand, ...] = (Errand.CHECK, Errand.DOWNLOAD, Errand.TRIAL)
    period_s: float = 2.0
    idle_unload_s: float = 1800.0


class Preference(enum.Enum):
    """What a caller wants of an answer: the request parameter `edged_preference`."""

    PERFORMANCE = "performance"  # the most accurate answer that comes in time
    BALANCED = "balanced"  # what the strategy says
    ECONOMY = "economy"  # the cheapest


class Axis(enum.Enum):
    """What can run short."""

    THERMAL = "thermal"
    POWER = "power"
    MEMORY = "memory"
    CPU = "cpu"
    LOAD = "load"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was measured, or could not be.

    Attributes:
        name: `thermal.cpu-thermal`, `power.battery`, `memory.available`.
        value: None where it is not known; `problem` says why.
        unit: `C`, `%`, `W`, `s`, `bytes`, `Hz`; empty for a flag (0 or 1) or a share.
        age_s: since it was measured.
        source: the file or the system call that it comes from.
        sure: False for what is derived, or known to be imprecise.
    """

    name: str
    value: float | None
    unit: str = ""
    age_s: float = 0.0
    source: str = ""
    sure: bool = True
    problem: str = ""


class Headroom(msgspec.Struct, frozen=True, kw_only=True):
    """How far one axis is from its limit.

    Attributes:
        value: 1.0 comfortable, 0 at the limit; None unknown.
        ahead: the same in 30 seconds; None where there is no forecast.
        because: in words, with the figure and the limit: `71.2 C of 80 C`.
    """

    axis: Axis
    value: float | None
    ahead: float | None = None
    because: str = ""


class StrategyState(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy in force.

    Attributes:
        because: in words, with the figures.
        forced_until_utc: until when a person's choice stands; None: chosen by itself.
        by: who forced it; `edged` otherwise.
    """

    strategy: Strategy
    because: str
    since_utc: str
    forced_until_utc: str | None = None
    by: str = "edged"


class StrategyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of strategy, with what caused it."""

    at_utc: str
    before: Strategy
    after: Strategy
    because: str
    by: str = "edged"
    figures: dict[str, float | str] = {}


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which variant a model answers with, and why.

    Attributes:
        share: of the last minute's answers, by variant.
        threads: of a run, and how many the box could give it.
    """

    model: str
    variant: str
    because: str = ""
    share: dict[str, float] = {}
    threads: int = 0
    threads_most: int = 0


class Adaptation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of the box, and what follows from it.

    Attributes:
        slowdown: service time over the one on a quiet box, mean and standard
            deviation; None before anything was measured.
    """

    schema: str = "edged.adaptation/1"
    state: StrategyState
    headrooms: tuple[Headroom, ...] = ()
    slowdown: tuple[float, float] | None = None
    chosen: tuple[Chosen, ...] = ()
    changes: tuple[StrategyChange, ...] = ()


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of box this is, and what it senses.

    Attributes:
        board: as the firmware names it; empty where it does not.
        providers: execution providers and delegates, by runtime.
        power: where its power comes from: `mains`, `battery`, `unknown`.
    """

    schema: str = "edged.device/1"
    board: str = ""
    arch: str
    cpu: str = ""
    cores: int
    memory_bytes: int
    runtimes: dict[str, str] = {}
    providers: dict[str, tuple[str, ...]] = {}
    power: str = "unknown"
    readings: tuple[Reading, ...] = ()


class ForceRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A person's choice of a strategy; None lets edged choose again.

    Attributes:
        for_s: how long it stands; a box that was left in a strategy by hand is found
            so in a year.
    """

    strategy: Strategy | None = None
    for_s: Annotated[float, msgspec.Meta(gt=0, le=7 * 86400)] = 3600.0
