"""A small board on a virtual clock, that a camera asks for answers.

Law: no chance of its own. An answer is due before the next picture comes. A run that
began is never cut off; a request whose deadline passes while it waits is dropped.

The board is made up: one node of heat (140 s), and a firmware that slows down from
80 C, as a Pi 4's does; `weather` says how hot it is without work.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from benchmarks.adapt.weather import Sight, Spell, Stream, Weather
from edged.adapt.choice import Costed
from edged.serve.pacing import Pacing

HOT_C = 80.0
TAU_S = 140.0
IDLE_W, CORE_W = 2.7, 1.2
#: Firmware takes so much of the speed for each degree too many, down to the least.
SLOWER, SLOWEST = 0.12, 0.4


class Policy(Protocol):
    """Who decides.

    Attributes:
        duty: largest share of time that runs may take; see `serve.pacing`.
    """

    duty: float

    def look(self, sight: Sight) -> None:
        """See the sensors, once a second."""

    def pick(self, *, now_s: float, wait_s: float, truth: Sequence[float]) -> int:
        """Choose a variant; -1 refuses. `truth` are the times to come: oracles' own."""

    def needs_s(self, index: int) -> float:
        """Return how long before its deadline a request ends a rest."""

    def ran(self, index: int, *, taken_s: float, now_s: float) -> None:
        """Learn from a run that has just ended."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What one story came to; shares are of all requests, or of the time.

    Attributes:
        missed: was answered late, or not at all.
        accuracy: of the answers that came in time, over all requests.
        joules: for each request.
        hot: share of the time at 80 C or more.
        busy: share of the time in which something ran.
    """

    requests: int
    missed: float
    accuracy: float
    joules: float
    switches_per_h: float
    peak_c: float
    hot: float
    busy: float


def lived(
    variants: Sequence[Costed], policy: Policy, stream: Stream, weather: Weather
) -> Told:
    """Let one policy answer a stream.

    Args:
        variants: that it may choose from, best first; as many as the weather slows.
        policy: who decides.
        stream: of requests.
        weather: of the board.
    """
    board, pacing, deadline_s = _Board(policy, weather), Pacing(), stream.deadline_s
    walls_s = [v.wall_s for v in variants]
    gains = [v.accuracy or 0.0 for v in variants]
    met = switches = 0
    free_s = earned = 0.0
    before = -1
    for now_s, noise in zip(stream.arrivals_s, stream.noises, strict=True):
        if board.next_s <= now_s:
            board.pass_until(now_s)
        start_s = max(now_s, free_s)
        wait_s = start_s - now_s
        if wait_s >= deadline_s:
            continue
        truth = board.times_s(walls_s, noise, start_s)
        index = policy.pick(now_s=now_s, wait_s=wait_s, truth=truth)
        if index < 0:
            continue
        pacing.duty = policy.duty
        if rest_s := pacing.left_s(start_s):
            latest_s = now_s + deadline_s - policy.needs_s(index)
            start_s = max(start_s, min(start_s + rest_s, latest_s))
            if start_s >= now_s + deadline_s:
                continue
            truth = board.times_s(walls_s, noise, start_s)
        switches += before not in (-1, index)
        before = index
        taken_s = truth[index]
        free_s = start_s + taken_s
        board.run(index, taken_s=taken_s, ends_s=free_s)
        pacing.ran(free_s, taken_s=taken_s, workers=1)
        if free_s <= now_s + deadline_s:
            met += 1
            earned += gains[index]
    board.pass_until(stream.length_s)
    return board.told(stream, met=met, earned=earned, switches=switches)


class _Board:
    """Heat and speed of the board, and what it has worked.

    Attributes:
        next_s: when the next second passes, or the next run ends.
        speed: share of the full one that firmware leaves.
    """

    def __init__(self, policy: Policy, weather: Weather) -> None:
        self._policy, self._weather = policy, weather
        self._sight = Sight(temp_c=weather.heat(0.0)[0])
        self._untils_s = [spell.until_s for spell in weather.spells]
        self._busy_s = self._work_s = 0.0
        self._peak_c, self._hot_s = self._sight.temp_c, 0
        self._second_s = 1.0
        self._runs: deque[tuple[float, int, float]] = deque()
        self.next_s = self._second_s
        self.speed = 1.0

    def spell(self, at_s: float) -> Spell:
        """Return what there is at a time; after the story, its last one."""
        spells = self._weather.spells
        return spells[min(bisect_right(self._untils_s, at_s), len(spells) - 1)]

    def times_s(
        self, walls_s: Sequence[float], noise: float, at_s: float
    ) -> list[float]:
        """Return how long a run of each variant takes that begins at a time."""
        factor = noise / self.speed
        slow = self.spell(at_s).slow
        return [w * factor * s for w, s in zip(walls_s, slow, strict=True)]

    def run(self, index: int, *, taken_s: float, ends_s: float) -> None:
        """Run for so long; the policy learns of it when it ends."""
        self._busy_s += taken_s
        self._work_s += taken_s
        self._runs.append((ends_s, index, taken_s))
        self.next_s = min(self.next_s, ends_s)

    def pass_until(self, now_s: float) -> None:
        """Let seconds pass and runs end, and let the policy see each."""
        while self.next_s <= now_s:
            if self._runs and self._runs[0][0] <= self._second_s:
                ends_s, index, taken_s = self._runs.popleft()
                self._policy.ran(index, taken_s=taken_s, now_s=ends_s)
            else:
                self._tick(self._second_s)
                self._second_s += 1.0
            ends_s = self._runs[0][0] if self._runs else math.inf
            self.next_s = min(self._second_s, ends_s)

    def _tick(self, at_s: float) -> None:
        sight = self._sight
        duty = min(1.0, self._busy_s)
        self._busy_s -= duty
        idle_c, rise_c = self._weather.heat(at_s)
        steady_c = idle_c + rise_c * duty * self.speed
        temp_c = steady_c + (sight.temp_c - steady_c) * math.exp(-1 / TAU_S)
        self.speed = max(SLOWEST, 1 - SLOWER * max(0.0, temp_c - HOT_C))
        self._peak_c = max(self._peak_c, temp_c)
        self._hot_s += temp_c >= HOT_C
        sight.now_s, sight.temp_c, sight.duty = at_s, temp_c, duty
        self._weather.show(sight, self.spell(at_s))
        self._policy.look(sight)

    def told(self, stream: Stream, *, met: int, earned: float, switches: int) -> Told:
        """Add up."""
        requests, length_s = len(stream.arrivals_s), stream.length_s
        return Told(
            requests=requests,
            missed=1 - met / requests,
            accuracy=earned / requests,
            joules=(IDLE_W * length_s + CORE_W * self._work_s) / requests,
            switches_per_h=switches * 3600 / length_s,
            peak_c=self._peak_c,
            hot=self._hot_s / length_s,
            busy=self._work_s / length_s,
        )
