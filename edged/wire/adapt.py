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
        duty: largest share of time that runs of a model may take, as far as nobody is
            late for it.
        batch_window_s: that a request may wait for others to join it.
        queue: requests of a model that may wait or run, if its own bound is not less.
        priority_only: only requests of high priority are taken.
        updates: what may be done for their sake.
        period_s: between two looks at the sensors.
        idle_unload_s: after which a model that nobody asks sleeps; 5 s at least.
    """

    cost: float = 1.0
    threads: float = 1.0
    duty: float = 1.0
    batch_window_s: float = 0.0
    queue: int = 4096
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


class Permits(msgspec.Struct, frozen=True, kw_only=True):
    """What may be done for the sake of updates now, and what a download must know.

    Coarse, so that nothing is decided anew for a tenth of a degree.

    Attributes:
        errands: that the strategy in force allows.
        strategy: its name, and the figures that led to it, in words.
        hot: whether heat is why a download must wait.
        battery_pct: in steps.
        on_mains: whether something feeds the box.
        metered: whether the network costs by the byte.
    """

    errands: tuple[Errand, ...]
    strategy: str
    hot: bool | None = None
    battery_pct: float | None = None
    on_mains: bool | None = None
    metered: bool | None = None


class StrategyState(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy in force.

    Attributes:
        because: in words, with the figures.
        own: what edged would choose by itself.
        forced: a person's choice that stands; protection from heat comes before it.
        forced_until_utc: until when.
        by: who chose what is in force: a person, or `edged`.
    """

    strategy: Strategy
    because: str
    since_utc: str
    own: Strategy
    forced: Strategy | None = None
    forced_until_utc: str | None = None
    by: str = "edged"


class StrategyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of strategy, with what caused it.

    Attributes:
        headrooms: as they were then, each with its figures.
    """

    at_utc: str
    before: Strategy
    after: Strategy
    because: str
    by: str = "edged"
    headrooms: tuple[Headroom, ...] = ()


class StrategyChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, the newest last."""

    schema: str = "edged.strategy.changes/1"
    changes: tuple[StrategyChange, ...] = ()


class Adaptation(msgspec.Struct, frozen=True, kw_only=True):
    """How the box is, and what follows from it.

    Attributes:
        revision: grows when the strategy or what it permits has changed.
        short: what is short, in words: `hot (82 C)`; empty for nothing.
        caps: of the strategy in force.
        temp_c, limit_c: of what is nearest to its limit; None where nothing says it.
        age_s: of the look that all this comes from; None before the first.
    """

    schema: str = "edged.adaptation/1"
    revision: int = 0
    state: StrategyState
    short: str = ""
    caps: Caps
    permits: Permits
    headrooms: tuple[Headroom, ...] = ()
    temp_c: float | None = None
    limit_c: float | None = None
    age_s: float | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of box this is, and what it senses.

    Attributes:
        board: as the firmware names it; empty where it does not.
        providers: execution providers and delegates, by runtime.
        power: where its power comes from: `mains`, `battery`, `unknown`.
        strategy: None where no daemon was asked.
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
    strategy: StrategyState | None = None
    headrooms: tuple[Headroom, ...] = ()
    readings: tuple[Reading, ...] = ()


# --- requests -----------------------------------------------------------------


class StrategyRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """What holds; with `wait_s`, when its revision is not `known` any more."""

    known: int = -1
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0.0


class StrategyChangesRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Which changes: the newest."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10


class ForceRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A person's choice of a strategy.

    Attributes:
        for_s: how long it stands; a box that was left in a strategy by hand is found
            so in a year.
    """

    strategy: Strategy
    for_s: Annotated[float, msgspec.Meta(gt=0, le=7 * 86400)] = 3600.0
