"""What the journal's entries amount to.

Law: pure, a fold: the same entries give the same ledger, and `entries` gives the
fewest that give it again. It never fails: an entry that fits nothing (its change was
lost with a damaged line) is passed over.

A crash is a start in the same boot with no asked-for stop since the last one. It
counts against every release that was being loaded or in probation then; a reboot
forgets all crashes, because pulling the plug is not the model's fault.
"""

from collections.abc import Iterable, Iterator
from functools import singledispatchmethod

import msgspec

from edged.wire.changes import (
    AnyEntry,
    Attempted,
    Began,
    Came,
    Change,
    Entry,
    Marked,
    PinSet,
    Revoked,
    Started,
    Step,
    Stepped,
    StepTaken,
    Stopped,
)
from edged.wire.names import Trust

#: Changes that are over and still told: some years of a box that is updated weekly.
ENDED_MAX = 200

#: Releases that stay quarantined. One is about 250 bytes of journal; the oldest go.
QUARANTINED_MAX = 1000

#: Releases that are revoked, of those that were installed; as above.
REVOKED_MAX = 1000

#: Releases that came from a source and are known to have; as above, 150 bytes each.
CAME_MAX = 1000

#: Bytes that were signed stay so, whoever brings them again.
_STRENGTH = {Trust.LOCAL: 0, Trust.SHA256: 1, Trust.SIGNED: 2}

#: Changes are numbered from 1.
NO_CHANGE = 0

#: Crashes of one release that are counted; two are enough to give it up.
CRASHES_MAX = 9


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where a roll-back leads: folders of releases; None for none.

    Attributes:
        current: the last committed release.
        previous: the one before that.
    """

    current: str | None = None
    previous: str | None = None


class Crashes(msgspec.Struct, frozen=True, kw_only=True):
    """How often the daemon crashed in this boot with a release not yet trusted.

    Attributes:
        attempt: the latest, of no change any more: several may have had this release.
    """

    attempt: Attempted
    count: int


class State(msgspec.Struct, kw_only=True):
    """Everything that a ledger knows; two ledgers that know the same are equal.

    Attributes:
        changes: by id.
        attempts: the first of each change that is not over, by its id; it knows the
            way back.
        quarantined: by digest, the latest last.
        revoked: by digest, the latest last.
        came: by digest, why a release that is not local may be here.
        pinned: by model.
        life: the last start.
        stopped: the asked-for stop since then.
        at_risk: the latest attempts since then, by change and digest, until the change
            is over.
        crashed: by digest, in this boot.
    """

    changes: dict[int, Change] = {}
    attempts: dict[int, Attempted] = {}
    quarantined: dict[str, Marked] = {}
    revoked: dict[str, Revoked] = {}
    came: dict[str, Came] = {}
    pinned: dict[str, PinSet] = {}
    life: Started | None = None
    stopped: Stopped | None = None
    at_risk: dict[tuple[int, str], Attempted] = {}
    crashed: dict[str, Crashes] = {}


class Ledger:
    """A fold of entries. Not for two threads at once."""

    def __init__(self, entries: Iterable[AnyEntry] = ()) -> None:
        self.state = State()
        for entry in entries:
            self.apply(entry)

    # --- reading -----------------------------------------------------------------

    @property
    def next_id(self) -> int:
        """The number of the next change."""
        return max(self.state.changes, default=0) + 1

    def changes(self, model: str | None = None) -> tuple[Change, ...]:
        """Return the changes of a model, or of all, oldest first."""
        return tuple(
            change
            for _, change in sorted(self.state.changes.items())
            if model in (None, change.model)
        )

    def open_changes(self, model: str) -> tuple[Change, ...]:
        """Return a model's changes that are not over, oldest first."""
        return tuple(c for c in self.changes(model) if not c.is_over)

    def committed(self, model: str) -> frozenset[str]:
        """Return the folders of a model's releases that were committed once."""
        return frozenset(
            change.release.folder
            for change in self.changes(model)
            if change.release and change.last.step is Step.COMMITTED
        )

    def kept(self, model: str) -> frozenset[str]:
        """Return the folders of releases that changes, which are over, left there."""
        return frozenset(
            change.release.folder
            for change in self.changes(model)
            if change.release
            and change.is_over
            and change.last.step is not Step.REFUSED
        )

    def places(self, change_id: int) -> Places | None:
        """Return where a roll-back of an open change leads; None before an attempt."""
        first = self.state.attempts.get(change_id)
        if first is None:
            return None
        return Places(current=first.current, previous=first.previous)

    def trust(self, digest: str) -> Trust:
        """Tell why a release may be here."""
        came = self.state.came.get(digest)
        return came.trust if came else Trust.LOCAL

    def crashes(self, digest: str) -> int:
        """Tell how often the daemon crashed with this release, in this boot."""
        crashed = self.state.crashed.get(digest)
        return crashed.count if crashed else 0

    def entries(self) -> tuple[AnyEntry, ...]:
        """Return the fewest entries that give this ledger again."""
        state = self.state
        return (
            *state.came.values(),
            *(
                Began(at_utc=change.steps[0].at_utc, change=change)
                for change in self.changes()
            ),
            *state.attempts.values(),
            *state.quarantined.values(),
            *state.revoked.values(),
            *state.pinned.values(),
            *self._lives(),
        )

    def _lives(self) -> Iterator[AnyEntry]:
        state = self.state
        if state.life:
            yield state.life
            rounds = max((c.count for c in state.crashed.values()), default=0)
            for done in range(rounds):
                yield from (c.attempt for c in state.crashed.values() if c.count > done)
                yield state.life
        yield from state.at_risk.values()
        if state.stopped:
            yield state.stopped

    # --- folding -----------------------------------------------------------------

    @singledispatchmethod
    def apply(self, entry: Entry) -> None:
        """Take one entry in."""
        raise AssertionError(f"no such entry: {entry!r}")

    @apply.register
    def _(self, entry: Began) -> None:
        change = entry.change
        if change.steps:
            self._forget_attempts(change.id)
            self._put(change)
            if change.release:
                came = Came(
                    at_utc=change.steps[0].at_utc,
                    digest=change.release.digest,
                    trust=change.trust,
                )
                self._came(came)

    @apply.register
    def _(self, entry: Stepped) -> None:
        change = self.state.changes.get(entry.change)
        if change is None or change.is_over:
            return
        taken = StepTaken(
            step=entry.step,
            at_utc=entry.at_utc,
            why=entry.why,
            code=entry.code,
            hint=entry.hint,
            figures=entry.figures,
        )
        self._put(msgspec.structs.replace(change, steps=(*change.steps, taken)))

    @apply.register
    def _(self, entry: Attempted) -> None:
        change = self.state.changes.get(entry.change)
        if change is not None and not change.is_over:
            self.state.attempts.setdefault(entry.change, entry)
        self.state.at_risk[entry.change, entry.digest] = entry

    @apply.register
    def _(self, entry: Marked) -> None:
        marked = self.state.quarantined
        marked.pop(entry.digest, None)
        if not entry.quarantined:
            self.state.crashed.pop(entry.digest, None)
            return
        marked[entry.digest] = entry
        if len(marked) > QUARANTINED_MAX:
            del marked[next(iter(marked))]

    @apply.register
    def _(self, entry: Revoked) -> None:
        revoked = self.state.revoked
        revoked.pop(entry.digest, None)
        if entry.revoked:
            revoked[entry.digest] = entry
        if len(revoked) > REVOKED_MAX:
            del revoked[next(iter(revoked))]

    @apply.register
    def _(self, entry: Came) -> None:
        self._came(entry)

    @apply.register
    def _(self, entry: PinSet) -> None:
        if entry.pinned:
            self.state.pinned[entry.model] = entry
        else:
            self.state.pinned.pop(entry.model, None)

    @apply.register
    def _(self, entry: Started) -> None:
        state = self.state
        before = state.life
        # A kernel that gives no boot id leaves it empty: then no crash can be told.
        same_boot = before is not None and before.boot == entry.boot != ""
        if not same_boot:
            state.crashed.clear()
        elif not state.stopped:
            self._crashed(entry.boot)
        state.at_risk.clear()
        state.stopped = None
        state.life = entry

    @apply.register
    def _(self, entry: Stopped) -> None:
        if self.state.life and self.state.life.boot == entry.boot:
            self.state.stopped = entry

    def _came(self, entry: Came) -> None:
        came = self.state.came
        if _STRENGTH[entry.trust] > _STRENGTH[self.trust(entry.digest)]:
            came[entry.digest] = entry
        if len(came) > CAME_MAX:
            del came[next(iter(came))]

    def _crashed(self, boot: str) -> None:
        state = self.state
        tried = {a.digest: a for a in state.at_risk.values() if a.boot == boot}
        for digest, last in tried.items():
            attempt = Attempted(
                at_utc=last.at_utc,
                change=NO_CHANGE,
                digest=digest,
                model=last.model,
                boot=boot,
            )
            count = min(self.crashes(digest) + 1, CRASHES_MAX)
            state.crashed[digest] = Crashes(attempt=attempt, count=count)

    def _put(self, change: Change) -> None:
        state = self.state
        state.changes[change.id] = change
        if not change.is_over:
            return
        self._forget_attempts(change.id)
        if change.release and change.last.step is Step.COMMITTED:
            state.crashed.pop(change.release.digest, None)
        ended = sorted(c.id for c in state.changes.values() if c.is_over)
        for old in ended[:-ENDED_MAX]:
            del state.changes[old]

    def _forget_attempts(self, change_id: int) -> None:
        self.state.attempts.pop(change_id, None)
        for key in [key for key in self.state.at_risk if key[0] == change_id]:
            del self.state.at_risk[key]
