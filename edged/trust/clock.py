"""What time it is, for who must tell whether something has expired.

Law: a clock that nobody has set is not believed; time never falls below a floor that
is made of times which somebody vouched for. So a wrong clock can take protection
against old metadata away, never lock a box out: what is below the floor is as old as
it looks, what is above it is not refused on the word of a clock alone.

    clock synchronised    the clock, or the floor if that is later
    otherwise             the floor
"""

import ctypes
import enum
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edged.host.clock import Clock, SystemClock

#: No clock is right that is before this code was written.
WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)

#: systemd-timesyncd.service(8), FILES: touched at each synchronisation of this boot,
#: and the last known time of all boots.
_SYNCHRONISED = "run/systemd/timesync/synchronized"
_LAST = "var/lib/systemd/timesync/clock"

#: adjtimex(2): the clock is not synchronised.
_TIME_ERROR = 5
#: More than `struct timex` takes on any machine; 208 bytes where words have 64 bits.
_TIMEX_BYTES = 512


class Trust(enum.Enum):
    """What is thought of the box's clock."""

    RIGHT = "right"
    BEHIND = "behind"  # it shows a time that is over
    UNKNOWN = "unknown"  # nobody has set it


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A time that may be held against an expiry.

    Attributes:
        utc: aware.
    """

    utc: datetime
    clock: Trust


class Watchmaker:
    """Judges the clock. Reads two names below `root` and asks the kernel; no effect.

    Args:
        root: what stands for `/`.
        clock: the clock to judge.
        kernel: says whether the kernel's clock is disciplined, as chrony and ntpd
            leave it.
        written: a time that is over, whatever was verified.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        clock: Clock | None = None,
        kernel: Callable[[], bool] | None = None,
        written: datetime = WRITTEN,
    ) -> None:
        self._root = root
        self._clock = clock or SystemClock()
        self._kernel = kernel or kernel_synchronised
        self._written = written

    def now(self) -> datetime:
        """Return what the clock shows, right or wrong."""
        return self._clock.utc()

    def reference(self, now: datetime, floor: datetime | None) -> Reference:
        """Return the time to believe.

        The time that the system kept counts while nobody has set the clock: it is of
        the last clock that was set, and one that is set now knows better.

        Args:
            now: what the clock shows.
            floor: a time that is over for sure, from what was verified before.
        """
        least = max(self._written, floor or self._written)
        if self._is_synchronised():
            clock = Trust.RIGHT if now >= least else Trust.BEHIND
            return Reference(utc=max(now, least), clock=clock)
        least = max(least, self._kept() or least)
        clock = Trust.UNKNOWN if now >= least else Trust.BEHIND
        return Reference(utc=least, clock=clock)

    def _is_synchronised(self) -> bool:
        return (self._root / _SYNCHRONISED).exists() or self._kernel()

    def _kept(self) -> datetime | None:
        try:
            seconds = (self._root / _LAST).stat().st_mtime
            return datetime.fromtimestamp(seconds, UTC)
        except (OSError, OverflowError, ValueError):
            return None


def kernel_synchronised() -> bool:
    """Tell whether something disciplines the kernel's clock.

    Source: adjtimex(2) with no mode set, which reads and needs no right.
    """
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return state not in (-1, _TIME_ERROR)
