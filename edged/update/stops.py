"""What failed, and when it may be tried again.

Law: on the monotonic clock, so that no wrong date makes a wait longer than it was
drawn; on the disk by date and length. Waits grow with failures in a row, within the
bounds of `backoff`. On the loop; no I/O.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from edged.host.clock import Clock
from edged.update.backoff import retry_s
from edged.update.moves import Wanted
from edged.update.notes import Setback, short
from edged.update.verdicts import Turn, Verdict
from edged.wire.updates import Reason
from edged.wire.words import read_utc, utc_text

#: Nothing is tried again sooner, also by who drew no wait at all.
SOONEST_S = 1.0

#: Until a box that has no room, or no time, for a release is asked again.
WAIT_S = 600.0


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One release that failed.

    Attributes:
        count: failures in a row.
        since_utc: of the first of them.
        wait_s: as it was drawn.
        until_s: on the monotonic clock.
    """

    wanted: Wanted
    turn: Turn
    count: int
    reason: Reason
    text: str
    hint: str
    since_utc: str
    wait_s: float
    until_s: float


class Stops:
    """All of them, by digest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, Stop] = {}

    @property
    def by_digest(self) -> Mapping[str, Stop]:
        """Those that stand, and those whose time is over."""
        return self._held

    def add(
        self, wanted: Wanted, verdict: Verdict, *, chance: float, every_s: float
    ) -> Stop:
        """Note a failure; draw how long to wait.

        Args:
            wanted: what failed.
            verdict: why; its turn is not `END`.
            chance: in [0, 1).
            every_s: as in the settings.
        """
        before = self._held.get(wanted.digest)
        count = before.count if before else 0
        if verdict.turn is Turn.WAIT:
            wait_s = max(verdict.retry_after_s, WAIT_S * (0.5 + chance))
        else:
            wait_s = max(
                SOONEST_S,
                retry_s(
                    count, chance, every_s=every_s, retry_after_s=verdict.retry_after_s
                ),
            )
        same = before is not None and before.reason is verdict.reason
        stop = Stop(
            wanted=wanted,
            turn=verdict.turn,
            count=count + (verdict.turn is Turn.RETRY),
            reason=verdict.reason,
            text=short(verdict.text),
            hint=short(verdict.hint),
            since_utc=before.since_utc if same and before else self._now(),
            wait_s=wait_s,
            until_s=self._clock.monotonic() + wait_s,
        )
        self._held[wanted.digest] = stop
        return stop

    def clear(self, digest: str) -> None:
        """Forget what failed: it went on, or is over."""
        self._held.pop(digest, None)

    def lift(self, model: str | None) -> None:
        """Let everything be tried at once, of a model or of all: a person asks."""
        self._held = {
            digest: stop
            for digest, stop in self._held.items()
            if model not in (None, stop.wanted.model)
        }

    def over(self, reason: Reason) -> None:
        """Let what was stopped for a reason be tried at once: it is over."""
        now_s = self._clock.monotonic()
        for digest, stop in self._held.items():
            if stop.reason is reason:
                until_s = min(stop.until_s, now_s)
                self._held[digest] = msgspec.structs.replace(stop, until_s=until_s)

    # --- over lives --------------------------------------------------------------

    def setback(self, stop: Stop) -> Setback:
        """Return it as it is noted."""
        next_utc = self._clock.utc() + timedelta(
            seconds=stop.until_s - self._clock.monotonic()
        )
        return Setback(
            count=stop.count,
            reason=stop.reason,
            text=stop.text,
            hint=stop.hint,
            since_utc=stop.since_utc,
            wait_s=stop.wait_s,
            next_utc=utc_text(next_utc),
        )

    def restore(self, noted: Iterable[tuple[Wanted, Setback]]) -> None:
        """Take over what an earlier life noted; no wait is longer than it was drawn."""
        mono_s, utc = self._clock.monotonic(), self._clock.utc()
        for wanted, setback in noted:
            ends = read_utc(setback.next_utc) or utc
            left_s = min(max(0.0, (ends - utc).total_seconds()), setback.wait_s)
            self._held[wanted.digest] = Stop(
                wanted=wanted,
                turn=Turn.RETRY,
                count=setback.count,
                reason=setback.reason,
                text=setback.text,
                hint=setback.hint,
                since_utc=setback.since_utc,
                wait_s=setback.wait_s,
                until_s=mono_s + left_s,
            )

    def _now(self) -> str:
        return utc_text(self._clock.utc())
