"""What happens to a small board, and when it is asked: all chance, by seed.

Law: made before anybody plays, so that every policy meets the same.
"""

import enum
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

#: Spread of a run's time by itself, as a logarithm.
RUN_SD = 0.03
#: Pictures come so early or late, as a share of the time between two.
JITTER = 0.05

#: Share of memory that is left, and in a squeeze: pages of a model are read again then,
#: the more the larger it is.
ROOMY, SQUEEZED = 0.5, 0.12
REREAD = 0.8
#: A neighbour takes from 1.4 to 1.9 times, a weak supply 600 of 1500 MHz.
NEIGHBOUR = (1.4, 1.9)
WEAK = 2.5


class Place(enum.Enum):
    """What happens to the board."""

    IDLE = "idle"
    CONTENTION = "contention"
    MEMORY = "memory squeeze"
    HOT = "hot"
    BATTERY = "battery"
    UNDER_VOLTAGE = "under-voltage"


#: How long it is quiet, and how long it is not: means, but for the supply, which flaps
#: by the clock.
SPELLS_S = {
    Place.CONTENTION: (60.0, 25.0),
    Place.MEMORY: (80.0, 40.0),
    Place.UNDER_VOLTAGE: (2.0, 2.0),
}


class Sight(msgspec.Struct):
    """What sensors show at one moment.

    Attributes:
        duty: share of the last second in which the core was busy.
        under_voltage_s: since the supply was last too weak; None where it never was.
        available: share of memory.
    """

    now_s: float = 0.0
    temp_c: float = 45.0
    duty: float = 0.0
    capacity_pct: float | None = None
    under_voltage_s: float | None = None
    available: float = 0.5


class Stream(NamedTuple):
    """When requests come, and by which factor each one's run differs by itself."""

    deadline_s: float
    length_s: float
    arrivals_s: tuple[float, ...]
    noises: tuple[float, ...]


class Spell(NamedTuple):
    """What lasts for a while: how many times slower each variant is."""

    until_s: float
    slow: tuple[float, ...]
    is_quiet: bool


class Weather(NamedTuple):
    """What happens to a board, spell after spell."""

    place: Place
    length_s: float
    spells: tuple[Spell, ...]

    def of(self, kept: Sequence[int]) -> "Weather":
        """Return the same for some of the variants."""
        return self._replace(
            spells=tuple(
                spell._replace(slow=tuple(spell.slow[i] for i in kept))
                for spell in self.spells
            )
        )

    def heat(self, now_s: float) -> tuple[float, float]:
        """Return the temperature at rest, and by how much a busy core raises it."""
        if self.place is Place.HOT:
            return 48.0 + 12.0 * now_s / self.length_s, 28.0
        return 45.0, 15.0

    def show(self, sight: Sight, spell: Spell) -> None:
        """Let the sensors show it."""
        if self.place is Place.BATTERY:
            sight.capacity_pct = 100.0 - 90.0 * sight.now_s / self.length_s
        elif self.place is Place.MEMORY:
            sight.available = ROOMY if spell.is_quiet else SQUEEZED
        elif self.place is Place.UNDER_VOLTAGE:
            flaps_s = SPELLS_S[self.place][0]
            if not spell.is_quiet:
                sight.under_voltage_s = 0.0
            elif spell.until_s > flaps_s:
                sight.under_voltage_s = sight.now_s - (spell.until_s - flaps_s)


def stream(deadline_s: float, *, seed: int, length_s: float) -> Stream:
    """Let a camera ask for so long; each answer is due before its next picture."""
    chance = random.Random(f"{seed} stream")
    arrivals_s: list[float] = []
    now_s = deadline_s
    while now_s < length_s:
        arrivals_s.append(now_s)
        now_s += deadline_s * chance.uniform(1 - JITTER, 1 + JITTER)
    noises = tuple(chance.lognormvariate(0.0, RUN_SD) for _ in arrivals_s)
    return Stream(deadline_s, length_s, tuple(arrivals_s), noises)


def weather(
    place: Place, sizes: Sequence[float], *, seed: int, length_s: float
) -> Weather:
    """Make what happens; it begins with a quiet spell.

    Args:
        place: where.
        sizes: of the variants' files, as a share of the largest.
        seed: of all chance.
        length_s: of the story.
    """
    chance = random.Random(f"{seed} weather")
    calm = (1.0,) * len(sizes)
    spells: list[Spell] = []
    now_s = 0.0
    while now_s < length_s:
        is_quiet = len(spells) % 2 == 0
        mean_s = SPELLS_S.get(place, (math.inf,) * 2)[not is_quiet]
        is_regular = place is Place.UNDER_VOLTAGE or math.isinf(mean_s)
        now_s += mean_s if is_regular else chance.expovariate(1 / mean_s)
        slow = calm if is_quiet else _slow(place, sizes, chance)
        spells.append(Spell(now_s, slow, is_quiet))
    return Weather(place, length_s, tuple(spells))


def _slow(
    place: Place, sizes: Sequence[float], chance: random.Random
) -> tuple[float, ...]:
    """Return by how many times a spell slows each variant down."""
    if place is Place.MEMORY:
        return tuple(1 + REREAD * size for size in sizes)
    if place is Place.CONTENTION:
        return (chance.uniform(*NEIGHBOUR),) * len(sizes)
    return (WEAK,) * len(sizes)
