"""The ladders that the simulator climbs: real models, as `measure.py` found them.

Law: pure but for one file beside this one. A slow board is this machine with every
time multiplied by one factor, so that the largest variant takes as long as it would
there; what the variants cost beside each other is as measured. Who is slower than one
that is as accurate is on no ladder: all deadlines would be easy beside it.
"""

from pathlib import Path

import msgspec

from edged.adapt.choice import Costed, allowed

DATA = Path(__file__).with_name("ladders.json")

#: A small board on which the largest variant takes so long: five answers a second.
LARGEST_S = 0.2


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A time: lowest decile, median, 95th percentile."""

    low_ms: float
    median_ms: float
    p95_ms: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One answer with so many threads; CPU time is of all of them."""

    threads: int
    wall: Measured
    cpu: Measured


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One variant; accuracy in percent."""

    id: str
    accuracy: float
    file_bytes: int
    runs: tuple[Run, ...]


class Profiles(msgspec.Struct, frozen=True, kw_only=True):
    """All ladders, and where they were measured."""

    command: str
    machine: str
    runtimes: dict[str, str]
    ladders: dict[str, tuple[Profile, ...]]


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Variants on the board, best first.

    Attributes:
        sizes: of their files, as a share of the largest.
    """

    name: str
    variants: tuple[Costed, ...]
    sizes: tuple[float, ...]


def load() -> Profiles:
    """Read what was measured."""
    return msgspec.json.decode(DATA.read_bytes(), type=Profiles)


def ladders() -> list[Ladder]:
    """Return all ladders: those measured, and one for a CPU that has no fast int8."""
    found = load().ladders
    plain = tuple(p for p in found["mlperf-tiny-ic"] if "int8" not in p.id)
    named = {**found, "mlperf-tiny-ic, float": plain}
    return [_ladder(name, profiles) for name, profiles in named.items()]


def _ladder(name: str, profiles: tuple[Profile, ...]) -> Ladder:
    """Put one on the board, with a thread for each run."""
    here = {p.id: p.runs[0].wall.low_ms for p in profiles}
    measured = [_costed(p, here[p.id]) for p in profiles]
    kept = {option.id for option in allowed(measured, cost=1.0)}
    rungs = [profile for profile in profiles if profile.id in kept]
    scale = LARGEST_S / max(here[p.id] for p in rungs)
    most = max(p.file_bytes for p in rungs)
    return Ladder(
        name=name,
        variants=tuple(_costed(p, scale * here[p.id]) for p in rungs),
        sizes=tuple(p.file_bytes / most for p in rungs),
    )


def _costed(profile: Profile, wall_s: float) -> Costed:
    accuracy = profile.accuracy / 100
    return Costed(id=profile.id, wall_s=wall_s, cpu_s=wall_s, accuracy=accuracy)
