"""The time of day in which a box may change.

Law: pure; zone and moment are parameters. A window is open whenever a clock on the
wall beside the box shows a time in it. So where clocks are put forward, what they skip
is skipped, and a window that lies in there opens a day later; where they are put back,
what they show twice is open twice.
"""

from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

_DAY_S = 86_400
_MINUTE = timedelta(minutes=1)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of every day, in seconds since midnight; the end is not in it.

    Attributes:
        begin_s, end_s: differ; a window that ends before it begins spans midnight.
        zone: of the clock on the wall.
    """

    begin_s: int
    end_s: int
    zone: tzinfo

    def __str__(self) -> str:
        ends = (f"{s // 3600:02}:{s // 60 % 60:02}" for s in (self.begin_s, self.end_s))
        return f"{'-'.join(ends)} ({self.zone})"

    def is_open(self, now: datetime) -> bool:
        """Tell whether `now`, an aware moment, is in it."""
        wall_s = _wall_s(now.astimezone(self.zone))
        if self.begin_s < self.end_s:
            return self.begin_s <= wall_s < self.end_s
        return wall_s >= self.begin_s or wall_s < self.end_s

    def opens_at(self, now: datetime) -> datetime:
        """Return when it is open next, in UTC: `now` if it is."""
        at = now.astimezone(UTC)
        while not self.is_open(at):
            at = self._towards(self.begin_s, at)
        return at

    def closes_at(self, now: datetime) -> datetime:
        """Return when it is closed next, in UTC: `now` if it is."""
        at = now.astimezone(UTC)
        while self.is_open(at):
            at = self._towards(self.end_s, at)
        return at

    def from_part(self, part: float) -> "Window":
        """Return the window of one box of many: it begins later in the first half.

        Else every box with the same window would come at its first second.

        Args:
            part: the box's place among all, in [0, 1).
        """
        length_s = (self.end_s - self.begin_s) % _DAY_S
        begin_s = (self.begin_s + int(part * length_s / 2)) % _DAY_S
        return msgspec.structs.replace(self, begin_s=begin_s)

    def _towards(self, wall_s: int, at: datetime) -> datetime:
        """Return a later moment, not after the wall's clock may first show that time.

        In one step, but where clocks are changed in between: minute by minute there.
        """
        here = at.astimezone(self.zone)
        left = timedelta(seconds=(wall_s - _wall_s(here)) % _DAY_S)
        left -= timedelta(microseconds=here.microsecond)
        if (at + left).astimezone(self.zone).utcoffset() == here.utcoffset():
            return at + left
        # Clocks are changed at whole minutes.
        return min(at + left, at.replace(second=0, microsecond=0) + _MINUTE)


def window(text: str, zone: tzinfo) -> Window:
    """Return what the settings say, as `02:00-05:00`."""
    begin, _, end = text.partition("-")
    return Window(begin_s=_seconds(begin), end_s=_seconds(end), zone=zone)


def _seconds(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 3600 + int(minutes) * 60


def _wall_s(here: datetime) -> int:
    return here.hour * 3600 + here.minute * 60 + here.second
