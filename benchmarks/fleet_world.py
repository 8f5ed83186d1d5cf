"""A fleet on a virtual clock, and the host that it asks.

Law: the decisions are edged's own: `edged.update.plan`, with its windows and places in
a roll-out, and `edged.update.backoff`. Made up are time, chance, the network and the
host. A seed tells one story, always the same.

A box does here what its courier does: it looks, decides by what it heard, fetches,
looks again half to one and a half of `every` later. It also decides when a reason ends
by itself; before it takes a release then, it looks again.
"""

import enum
import heapq
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from edged.update.backoff import first_look_s, next_look_s, retry_s
from edged.update.council import FRESH_S
from edged.update.offers import Box, Conditions, Installed, Offer, Policy, Situation
from edged.update.plan import Choice, choose
from edged.update.rollout import share
from edged.update.window import window
from edged.wire.words import read_utc

#: Second 0.
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = 3600.0, 86_400.0

#: The settings' default.
EVERY_S = 6 * HOUR
#: Of all looks fail: links in the field are bad.
LOST = 0.02
#: Of all boxes may change at night alone, by the clocks of three continents.
AT_NIGHT = 0.2
NIGHTS = tuple(
    window("02:00-05:00", ZoneInfo(name))
    for name in ("Europe/Vienna", "America/Chicago", "Asia/Kolkata")
)

#: Requests: the next root, which is not there, and the timestamp; where that is new,
#: snapshot and targets; for a release manifest, chunk index and one file.
IDLE_REQUESTS, NEWS_REQUESTS, RELEASE_REQUESTS = 2, 2, 3

#: From the first byte to the daemon's door, seconds: 20 MB at 50 to 1 Mbit/s.
_FETCH_S = (3.0, 160.0)

_KNOWN = Conditions(on_mains=True, hot=False, metered=False)
_CALM = Policy()
_MODEL = "digits"


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What the host shows from a moment on."""

    at_s: float
    offers: tuple[Offer, ...]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A box that took the release; seconds.

    Attributes:
        heard_s: when it last heard of the host.
        began_s: its first byte.
        at_s: when it had it.
    """

    place: float
    at_night: bool
    heard_s: float
    began_s: float
    at_s: float


class _Kind(enum.IntEnum):
    LOOK = 0
    DECIDE = 1
    ARRIVED = 2
    START = 3


class _Device:
    """One box."""

    def __init__(self, number: int, policy: Policy) -> None:
        self.box = Box(edged="0.1.0", arch="aarch64", device_id=f"box-{number}")
        self.policy = policy
        self.at_night = policy.window is not None
        self.place = share(self.box.device_id, _MODEL, 2)
        self.seq = 1
        self.heard: tuple[Offer, ...] = ()
        self.heard_s = self.began_s = self.due_s = 0.0
        self.version = 0
        self.failures = 0
        self.fetching: str | None = None
        self.life = 0  # of what was planned before a power cut nothing comes


class World:
    """Boxes, a host, and what happens between them.

    Attributes:
        now_s: seconds since `BEGIN`.
        requests: at the host, by minute.
        taken: boxes that took the release, in order.
    """

    def __init__(
        self, devices: int, seed: int, publications: Sequence[Publication] = ()
    ) -> None:
        self._random = random.Random(seed)
        self._publications = publications
        self._devices = [self._device(n) for n in range(devices)]
        self._events: list[tuple[float, int, _Kind, int, int]] = []
        self._count = 0
        self.now_s = 0.0
        self.requests: Counter[int] = Counter()
        self.taken: list[Taken] = []
        for device in self._devices:
            self._plan_look(device, self._random.random() * EVERY_S)

    def run(self, until_s: float) -> None:
        """Let time pass."""
        doing = {
            _Kind.LOOK: self._look_due,
            _Kind.DECIDE: self._decide,
            _Kind.ARRIVED: self._arrived,
            _Kind.START: self._start,
        }
        while self._events and self._events[0][0] < until_s:
            self.now_s, _, kind, number, life = heapq.heappop(self._events)
            device = self._devices[number]
            if life == device.life:
                doing[kind](device)
        self.now_s = until_s

    def cut(self, outage_s: float, *, within_s: float) -> None:
        """Take the power from all; they start after the outage, all within a time."""
        for device in self._devices:
            device.life += 1
            device.fetching = None
            after_s = outage_s + self._random.random() * within_s
            self._push(device, _Kind.START, self.now_s + after_s)

    def _device(self, number: int) -> _Device:
        policy = _CALM
        if self._random.random() < AT_NIGHT:
            policy = Policy(window=self._random.choice(NIGHTS))
        return _Device(number, policy)

    # --- what happens to a box --------------------------------------------------------

    def _start(self, device: _Device) -> None:
        wait_s = first_look_s(
            EVERY_S, self._random.random(), due_in_s=device.due_s - self.now_s
        )
        self._plan_look(device, wait_s)

    def _look_due(self, device: _Device) -> None:
        if device.due_s == self.now_s:  # or it has looked, and planned anew
            self._look(device)

    def _look(self, device: _Device) -> None:
        if self._random.random() < LOST:
            self._ask(1)
            chance = self._random.random()
            wait_s = retry_s(device.failures, chance, every_s=EVERY_S)
            device.failures += 1
            self._plan_look(device, wait_s)
            return
        self._ask(IDLE_REQUESTS)
        version, offers = self._shown()
        if version != device.version:
            self._ask(NEWS_REQUESTS)
        device.version, device.heard, device.failures = version, offers, 0
        device.heard_s = self.now_s
        self._plan_look(device, next_look_s(EVERY_S, self._random.random()))
        self._decide(device)

    def _decide(self, device: _Device) -> None:
        if not device.heard:
            return
        choice = choose(device.heard, _situation(device, self.now_s))
        if choice.take is None:
            device.fetching = None
            self._wake(device, choice)
        elif device.fetching is None and self.now_s - device.heard_s > FRESH_S:
            self._look(device)
        elif device.fetching is None:
            self._ask(RELEASE_REQUESTS)
            device.fetching = choice.take.offer.sha256
            device.began_s = self.now_s
            took_s = self._random.uniform(*_FETCH_S)
            self._push(device, _Kind.ARRIVED, self.now_s + took_s)

    def _arrived(self, device: _Device) -> None:
        if device.fetching is None:
            return  # it was halted on its way
        device.fetching = None
        device.seq = 2
        self.taken.append(
            Taken(
                place=device.place,
                at_night=device.at_night,
                heard_s=device.heard_s,
                began_s=device.began_s,
                at_s=self.now_s,
            )
        )

    # --- the clock and the host -------------------------------------------------------

    def _wake(self, device: _Device, choice: Choice) -> None:
        """Let it decide again when a reason ends by itself."""
        for why in choice.why_not:
            until = read_utc(why.until_utc or "")
            if until is not None:
                self._push(device, _Kind.DECIDE, (until - BEGIN).total_seconds())

    def _plan_look(self, device: _Device, wait_s: float) -> None:
        device.due_s = self.now_s + wait_s
        self._push(device, _Kind.LOOK, device.due_s)

    def _push(self, device: _Device, kind: _Kind, at_s: float) -> None:
        self._count += 1
        number = int(device.box.device_id.removeprefix("box-"))
        heapq.heappush(self._events, (at_s, self._count, kind, number, device.life))

    def _ask(self, requests: int) -> None:
        self.requests[int(self.now_s // 60)] += requests

    def _shown(self) -> tuple[int, tuple[Offer, ...]]:
        shown: tuple[int, tuple[Offer, ...]] = (0, ())
        for version, publication in enumerate(self._publications, 1):
            if publication.at_s <= self.now_s:
                shown = (version, publication.offers)
        return shown


def moment(seconds: float) -> datetime:
    """Return a moment of the virtual clock."""
    return BEGIN + timedelta(seconds=seconds)


def _situation(device: _Device, now_s: float) -> Situation:
    standing = Installed(model=_MODEL, seq=device.seq, digest=f"{device.seq:064x}")
    return Situation(
        box=device.box,
        policy=device.policy,
        now=moment(now_s),
        installed={_MODEL: standing},
        conditions=_KNOWN,
        current=device.fetching,
    )
