"""What the strategy was, and why: the newest changes, kept and logged.

Law: a change is noted with the figures that caused it, once; nothing is worked out
again for who asks later.
"""

import logging
from collections import Counter, deque
from collections.abc import Mapping

from edged.adapt import words
from edged.adapt.strategy import Ruling
from edged.host.clock import Clock
from edged.wire.adapt import Headroom, Strategy, StrategyChange
from edged.wire.notices import Notice
from edged.wire.words import utc_text

_log = logging.getLogger(__name__)

#: So many changes are kept: twelve an hour, for a day.
KEPT = 288

#: The code of each strategy, in the status and in the journal.
NOTICES: Mapping[Strategy, Notice] = {
    Strategy.NORMAL: Notice.STRATEGY_NORMAL,
    Strategy.LIGHTWEIGHT: Notice.STRATEGY_LIGHTWEIGHT,
    Strategy.THROTTLED: Notice.STRATEGY_THROTTLED,
    Strategy.CRITICAL: Notice.STRATEGY_CRITICAL,
}


class Chronicle:
    """The changes of one governor.

    Args:
        clock: dates them.

    Attributes:
        since_s: of the last change, or of the beginning, on the monotonic clock.
        since_utc: the same for people.
        counts: how often it came to each strategy.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changes: deque[StrategyChange] = deque(maxlen=KEPT)
        self.since_s, self.since_utc = clock.monotonic(), utc_text(clock.utc())
        self.counts: Counter[Strategy] = Counter()

    def note(
        self, before: Ruling, now: Ruling, headrooms: tuple[Headroom, ...]
    ) -> None:
        """Keep a change, and log it."""
        self.since_s = self._clock.monotonic()
        self.since_utc = utc_text(self._clock.utc())
        self._changes.append(
            StrategyChange(
                at_utc=self.since_utc,
                before=before.strategy,
                after=now.strategy,
                because=now.because,
                by=now.by or "edged",
                headrooms=headrooms,
            )
        )
        self.counts[now.strategy] += 1
        level = logging.INFO if now.strategy is Strategy.NORMAL else logging.WARNING
        _log.log(
            level,
            "strategy %s -> %s: %s",
            before.strategy.value,
            now.strategy.value,
            now.because,
            extra={
                "edged_code": NOTICES[now.strategy].value,
                "edged_headrooms": words.figures(headrooms),
            },
        )

    def newest(self, limit: int) -> tuple[StrategyChange, ...]:
        """Return the newest changes, the newest last."""
        return tuple(self._changes)[-limit:]
