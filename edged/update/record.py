"""What is written down of releases under way, and how they ended.

Law: on the loop; no I/O but by the diary. What a life did is added up when it leaves a
release, so that an attempt tells all lives together.
"""

import logging
from collections.abc import Callable

import msgspec

from edged.host.clock import Clock
from edged.update import notes as noted
from edged.update.diary import Diary
from edged.update.moves import Wanted
from edged.update.notes import Refusal, Try
from edged.update.stops import Stops
from edged.update.verdicts import Verdict
from edged.update.will import Will
from edged.wire.updates import Outcome, Reason
from edged.wire.words import utc_text

_log = logging.getLogger(__name__)

#: Verdicts of the daemon that it does not itself remember for as long as we need.
_REMEMBERED = frozenset({Reason.REFUSED, Reason.QUARANTINED})


class Record:
    """Tries and attempts.

    Args:
        diary: where they are noted.
        stops: what failed.
        will: what people want; they have it when a release is over.
        clock: tells the time.
        moved: returns bytes over the network, and cuts, in this life.
    """

    def __init__(
        self,
        diary: Diary,
        stops: Stops,
        will: Will,
        clock: Clock,
        moved: Callable[[], tuple[int, int]],
    ) -> None:
        self._diary, self._stops, self._will = diary, stops, will
        self._clock, self._moved = clock, moved
        self._counting: tuple[str, float, tuple[int, int]] | None = None

    def tried(self, one: Wanted) -> Try:
        """Return what is noted of a release under way."""
        return self._diary.notes.tries.get(one.digest) or Try(
            wanted=one, began_utc=self._now()
        )

    def change(self, one: Wanted, **fields: object) -> None:
        """Note something about it."""
        changed = msgspec.structs.replace(self.tried(one), **fields)
        self._diary.note(lambda notes: noted.with_try(notes, changed))

    # --- from beginning to end ---------------------------------------------------

    def begin(self, one: Wanted) -> None:
        """Note that it is taken on, by this life; from now on its time counts."""
        self._counting = (one.digest, self._clock.monotonic(), self._moved())
        self.change(one, wanted=one)

    def leave(self, one: Wanted) -> None:
        """Add up what was done for it since it was taken on; it may be again."""
        if self._counting is None or self._counting[0] != one.digest:
            return
        _, began_s, (count, cuts) = self._counting
        self._counting = None
        moved, before = self._moved(), self.tried(one)
        self.change(
            one,
            took_s=before.took_s + self._clock.monotonic() - began_s,
            fetched_bytes=before.fetched_bytes + moved[0] - count,
            cuts=before.cuts + moved[1] - cuts,
        )

    def suffer(self, one: Wanted) -> None:
        """Note that a try failed: `Stops` knows why."""
        self.leave(one)
        stop = self._stops.by_digest[one.digest]
        self.change(one, setback=self._stops.setback(stop))
        self._attempt(one, Outcome.FAILED, stop.reason, stop.text)
        _log.warning("%s: %s", one, stop.text, extra=_about(one, stop.reason))

    def close(
        self, one: Wanted, outcome: Outcome, reason: Reason | None, said: Verdict | None
    ) -> None:
        """Note how it ended, and nothing of it is under way any more.

        Args:
            one: the release.
            outcome: how.
            reason: why, where it does not serve.
            said: the daemon's verdict, where it has one.
        """
        self.leave(one)
        text = said.text if said else ""
        self._attempt(one, outcome, reason, text)
        if outcome is Outcome.REFUSED and reason in _REMEMBERED:
            refusal = Refusal(
                wanted=one,
                reason=reason,
                text=noted.short(text),
                hint=noted.short(said.hint if said else ""),
                at_utc=self._now(),
                change=self.tried(one).change,
            )
            self._diary.note(lambda notes: noted.with_refusal(notes, refusal))
        self._diary.note(lambda notes: noted.without_try(notes, one.digest))
        self._stops.clear(one.digest)
        self._will.satisfy(one.model)
        words = ": ".join(filter(None, (outcome.value, text)))
        _log.info("%s: %s", one, words, extra=_about(one, reason))

    def _attempt(
        self, one: Wanted, outcome: Outcome, reason: Reason | None, text: str
    ) -> None:
        attempt = noted.attempt(
            self.tried(one),
            at_utc=self._now(),
            outcome=outcome,
            reason=reason,
            text=text,
        )
        self._diary.note(lambda notes: noted.recorded(notes, attempt))

    def _now(self) -> str:
        return utc_text(self._clock.utc())


def _about(one: Wanted, reason: Reason | None) -> dict[str, str]:
    """Return the journal fields of a record about a release."""
    code = {} if reason is None else {"edged_code": reason.value}
    return {"edged_model": one.model, **code}
