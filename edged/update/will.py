"""What people want of the updater: a pause, holds, updates at once.

Law: on the loop; what is said is noted before it is answered. A length of time is
measured on the monotonic clock, so no wrong date makes it longer; a date is a date.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta

import msgspec

from edged.errors import InvalidRequest
from edged.host.clock import Clock
from edged.update import offers
from edged.update.diary import Diary
from edged.update.judgement import Moment, PauseStands
from edged.update.notes import Hold, Notes, Pause, Urge
from edged.update.offers import Wishes
from edged.wire.words import read_utc, utc_text

#: Nobody waits longer for what they wanted at once.
URGE_S = 86_400.0

#: In the notes: all models.
ALL = ""


class Will:
    """The wishes that stand.

    Args:
        diary: where they are noted.
        clock: tells the time.
    """

    def __init__(self, diary: Diary, clock: Clock) -> None:
        self._diary, self._clock = diary, clock
        self._pause_s: float | None = None
        self._urges_s: dict[str, float] = {}

    def begin(self) -> None:
        """Take over what earlier lives noted."""
        notes = self._diary.notes
        if notes.pause is not None and notes.pause.for_s is not None:
            self._pause_s = self._until(notes.pause.until_utc, notes.pause.for_s)
        for name, urge in notes.urges.items():
            since = read_utc(urge.since_utc) or self._clock.utc()
            ends = utc_text(since + timedelta(seconds=URGE_S))
            self._urges_s[name] = self._until(ends, URGE_S)

    def _until(self, utc: str | None, most_s: float) -> float:
        ends = read_utc(utc or "") or self._clock.utc()
        left_s = (ends - self._clock.utc()).total_seconds()
        return self._clock.monotonic() + min(max(0.0, left_s), most_s)

    # --- what stands -------------------------------------------------------------

    def pause(self) -> PauseStands | None:
        """Return a pause that stands; forget one that is over."""
        pause = self._diary.notes.pause
        if pause is None:
            return None
        if self._pause_s is not None and self._pause_s <= self._clock.monotonic():
            self._pause_s = None
            self._diary.note(lambda notes: msgspec.structs.replace(notes, pause=None))
            return None
        return PauseStands(by=pause.by, why=pause.why, until_s=self._pause_s)

    def ends_s(self) -> float | None:
        """When the first of them ends by itself, on the monotonic clock."""
        ends = [*self._urges_s.values()]
        if self._pause_s is not None and self._diary.notes.pause is not None:
            ends.append(self._pause_s)
        return min(ends, default=None)

    def wishes(self, moment: Moment) -> Wishes:
        """Return them as `plan` knows them."""
        pause = self.pause()
        return Wishes(
            pause=None
            if pause is None
            else offers.Pause(
                by=pause.by,
                why=pause.why,
                until=None if pause.until_s is None else moment.at(pause.until_s),
            ),
            holds=tuple(_held(self._diary.notes.holds)),
            now=frozenset(name or None for name in self._urged()),
        )

    def words(self) -> tuple[str, ...]:
        """Say what stands: a pause, then holds by model."""
        notes, now = self._diary.notes, self._clock.utc()
        told = []
        if notes.pause is not None and self.pause() is not None:
            until = f" until {notes.pause.until_utc}" if notes.pause.until_utc else ""
            told.append(_said(f"paused by {notes.pause.by}{until}", notes.pause.why))
        for name, hold in sorted(notes.holds.items()):
            until_utc = read_utc(hold.until_utc)
            if until_utc is not None and until_utc > now:
                what = f"{name or 'every model'} is held by {hold.by}"
                told.append(_said(f"{what} until {hold.until_utc}", hold.why))
        return tuple(told)

    def _urged(self) -> frozenset[str]:
        now_s = self._clock.monotonic()
        for name, until_s in tuple(self._urges_s.items()):
            if until_s <= now_s:
                self.satisfy(name)
        return frozenset(self._diary.notes.urges)

    # --- what is said ------------------------------------------------------------

    def set_pause(self, by: str, why: str, for_s: float | None) -> None:
        """Want nothing fetched; None: until it is resumed."""
        utc, until = self._clock.utc(), None
        self._pause_s = None
        if for_s is not None:
            self._pause_s = self._clock.monotonic() + for_s
            until = utc_text(utc + timedelta(seconds=for_s))
        pause = Pause(
            by=by, why=why, since_utc=utc_text(utc), until_utc=until, for_s=for_s
        )
        self._diary.note(lambda notes: msgspec.structs.replace(notes, pause=pause))

    def resume(self, model: str | None) -> None:
        """Lift the hold of one model; without a name, the pause and every hold."""
        if model is None:
            self._pause_s = None
            self._diary.note(
                lambda notes: msgspec.structs.replace(notes, pause=None, holds={})
            )
        else:
            self._diary.note(lambda notes: _without_hold(notes, model))

    def hold(self, model: str | None, by: str, why: str, until_utc: str) -> None:
        """Want no release of a model, or of any, until a date.

        Raises:
            InvalidRequest: that is no date, or it has passed.
        """
        until = read_utc(until_utc)
        if until is None or until <= self._clock.utc():
            what = "it is no date" if until is None else "that has passed"
            raise InvalidRequest(
                f"cannot hold updates until {until_utc!r}: {what}",
                hint="a date as 2026-12-24T06:00:00Z",
            )
        hold = Hold(
            by=by,
            why=why,
            since_utc=utc_text(self._clock.utc()),
            until_utc=utc_text(until),
        )
        self._diary.note(
            lambda notes: msgspec.structs.replace(
                notes, holds={**notes.holds, model or ALL: hold}
            )
        )

    def urge(self, model: str | None, by: str) -> None:
        """Want what is new at once, of a model or of all."""
        name = model or ALL
        urge = Urge(by=by, since_utc=utc_text(self._clock.utc()))
        self._urges_s[name] = self._clock.monotonic() + URGE_S
        self._diary.note(
            lambda notes: msgspec.structs.replace(
                notes, urges={**notes.urges, name: urge}
            )
        )

    def satisfy_until(self, asked_s: float) -> None:
        """Count every urge as served that came before this moment."""
        self._drop({n for n, s in self._urges_s.items() if s - URGE_S <= asked_s})

    def satisfy(self, name: str) -> None:
        """Count an urge as served: a model's, or that of `ALL`."""
        self._drop({name})

    def _drop(self, names: AbstractSet[str]) -> None:
        for one in names:
            self._urges_s.pop(one, None)
        self._diary.note(
            lambda notes: msgspec.structs.replace(
                notes, urges={n: u for n, u in notes.urges.items() if n not in names}
            )
        )


def _held(holds: Mapping[str, Hold]) -> list[offers.Hold]:
    found = []
    for name, hold in holds.items():
        until = read_utc(hold.until_utc)
        if until is not None:
            why = ": ".join(filter(None, (hold.by, hold.why)))
            found.append(offers.Hold(model=name or None, until=until, why=why))
    return found


def _without_hold(notes: Notes, model: str) -> Notes:
    holds = {name: hold for name, hold in notes.holds.items() if name != model}
    return msgspec.structs.replace(notes, holds=holds)


def _said(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what
