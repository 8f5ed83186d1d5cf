"""Which host to ask first.

Law: by recent success, else in the order in which they are written; in memory alone, so
that a restart forgives. What a host did wrong counts against the host, not the file.
"""

from collections.abc import Sequence

import yarl

from edged.host.clock import Clock
from edged.wire.updates import Reason

#: A fault is forgotten after so many seconds.
_REMEMBERED_S = 3600.0

#: A host that sends wrong bytes comes after all that were only away.
_WRONG = 100
_WRONG_REASONS = frozenset(
    {Reason.WRONG_HASH, Reason.WRONG_LENGTH, Reason.CHANGED, Reason.ENCODED}
)


class Mirrors:
    """What is remembered of hosts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._faults: dict[str, tuple[int, float]] = {}

    def ranked(self, urls: Sequence[str]) -> list[str]:
        """Return the URLs, the most promising first."""
        return sorted(urls, key=self._weight)

    def praise(self, url: str) -> None:
        """Note that a host served as it should."""
        self._faults.pop(_host(url), None)

    def blame(self, url: str, reason: Reason) -> None:
        """Note that a host did not."""
        weight = self._weight(url) + (_WRONG if reason in _WRONG_REASONS else 1)
        self._faults[_host(url)] = (weight, self._clock.monotonic())

    def _weight(self, url: str) -> int:
        weight, at = self._faults.get(_host(url), (0, 0.0))
        return weight if self._clock.monotonic() - at < _REMEMBERED_S else 0


def _host(url: str) -> str:
    """Name whoever answers for a URL."""
    return yarl.URL(url).authority
