"""The journal's owner: every change, and what is quarantined, revoked or pinned.

Law: what a verb records is durable on return; what could not be made durable did not
happen (`StoreFailed`, and nothing has changed). Verbs block; one writes at a time.
Reads are from memory, never wait for the disk, and come from any thread.
"""

import logging
import threading
from collections.abc import Mapping

from edged.activate import machine
from edged.activate.ledger import Ledger, Places
from edged.errors import StoreFailed, UnknownChange
from edged.host.clock import Clock
from edged.store.journal import Journal
from edged.wire.changes import (
    AnyEntry,
    Attempted,
    Began,
    Change,
    Marked,
    PinSet,
    Revoked,
    Started,
    Step,
    Stepped,
    StepTaken,
    Stopped,
    Which,
    Wish,
)
from edged.wire.names import Trust

_log = logging.getLogger(__name__)

#: Characters of a sentence that are kept: so that 200 changes stay a small file.
TEXT_MAX = 1000


class History:
    """What became of every wish. Call `open` once, first."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._ledger = Ledger()
        self._boot = ""
        self._writing = threading.Lock()  # held over the disk
        self._reading = threading.Lock()  # held over memory alone

    def open(self, boot: str) -> None:
        """Read the journal, and note that the daemon started.

        Args:
            boot: the kernel's id of this boot; empty where it gives none.

        Raises:
            StoreFailed: it cannot be read (then this history is empty), or not be
                written (then it is whole, and this start counts in memory alone).
        """
        with self._writing:
            ledger = Ledger(self._journal.read())
            started = Started(at_utc=self._now(), boot=boot)
            ledger.apply(started)
            with self._reading:
                self._ledger, self._boot = ledger, boot
            self._journal.append(started)
            self._compact()

    # --- writing -----------------------------------------------------------------

    def begin(  # noqa: PLR0913  # what a change is known by, each by its name
        self,
        *,
        model: str,
        wish: Wish,
        by: str,
        step: Step = Step.STAGED,
        trust: Trust | None = None,
        release: Which | None = None,
        before: Which | None = None,
        source: str = "",
        why: str = "",
        code: str = "",
        hint: str = "",
        figures: Mapping[str, float | str] | None = None,
    ) -> Change:
        """Begin a change.

        Args:
            model: its name.
            wish: what somebody wanted.
            by: who.
            step: the first.
            trust: why the release may be here; None: as it is known.
            release: the one that the change is about; None for the model as a whole.
            before: the live one.
            source: whose release it is.
            why: of the first step, as in `StepTaken`; so `code`, `hint`, `figures`.
            code: see there.
            hint: see there.
            figures: see there.

        Raises:
            StoreFailed: it did not begin.
        """
        machine.check(None, step)
        with self._writing:
            now = self._now()
            taken = StepTaken(
                step=step,
                at_utc=now,
                why=_short(why),
                code=code,
                hint=_short(hint),
                figures=dict(figures or {}),
            )
            change = Change(
                id=self._ledger.next_id,
                model=model,
                wish=wish,
                by=by,
                trust=trust or self._ledger.trust(release.digest if release else ""),
                release=release,
                before=before,
                source=source,
                steps=(taken,),
            )
            self._write(Began(at_utc=now, change=change))
            return change

    def step(
        self,
        change_id: int,
        step: Step,
        *,
        why: str = "",
        code: str = "",
        hint: str = "",
        figures: Mapping[str, float | str] | None = None,
    ) -> Change:
        """Take a change one step further; see `StepTaken` for what is said of it.

        Raises:
            AssertionError: no arrow leads there.
            UnknownChange: no change has this number.
            StoreFailed: it is where it was.
        """
        with self._writing:
            machine.check(self.change(change_id).last.step, step)
            self._write(
                Stepped(
                    at_utc=self._now(),
                    change=change_id,
                    step=step,
                    why=_short(why),
                    code=code,
                    hint=_short(hint),
                    figures=dict(figures or {}),
                )
            )
            return self.change(change_id)

    def attempt(
        self,
        change_id: int,
        *,
        digest: str,
        model: str,
        current: str | None,
        previous: str | None,
    ) -> None:
        """Note that a release that is not committed is about to be loaded.

        Args:
            change_id: of the change that wants it.
            digest: of the release.
            model: its name.
            current: where a roll-back leads: the last committed release's folder.
                The first attempt of a change says so; later ones are not heard.
            previous: the one before that.

        Raises:
            StoreFailed: then it must not be loaded.
        """
        with self._writing:
            entry = Attempted(
                at_utc=self._now(),
                change=change_id,
                digest=digest,
                model=model,
                boot=self._boot,
                current=current,
                previous=previous,
            )
            self._write(entry)

    def mark(
        self,
        *,
        model: str,
        digest: str,
        seq: int,
        quarantined: bool,
        by: str,
        why: str = "",
    ) -> None:
        """Quarantine a release, or lift that: then its crashes are forgotten, too.

        Raises:
            StoreFailed: it is as it was.
        """
        with self._writing:
            self._write(
                Marked(
                    at_utc=self._now(),
                    model=model,
                    digest=digest,
                    seq=seq,
                    quarantined=quarantined,
                    by=by,
                    why=_short(why),
                )
            )

    def revoke(  # noqa: PLR0913  # what is known of it, by name only
        self,
        *,
        model: str,
        digest: str,
        seq: int,
        revoked: bool,
        source: str,
        why: str = "",
        alone: bool = False,
    ) -> None:
        """Note that a publisher revoked a release, or that he does so no longer.

        Raises:
            StoreFailed: it is as it was.
        """
        with self._writing:
            self._write(
                Revoked(
                    at_utc=self._now(),
                    model=model,
                    digest=digest,
                    seq=seq,
                    revoked=revoked,
                    source=source,
                    why=_short(why),
                    alone=alone,
                )
            )

    def pin(self, *, model: str, pinned: bool, by: str, why: str = "") -> None:
        """Pin a model to its live release, or let it go.

        Raises:
            StoreFailed: it is as it was.
        """
        with self._writing:
            entry = PinSet(
                at_utc=self._now(), model=model, pinned=pinned, by=by, why=_short(why)
            )
            self._write(entry)

    def stopped(self) -> None:
        """Note that the daemon stops because somebody asked it to: it is no crash.

        Raises:
            StoreFailed: the next start may take it for one.
        """
        with self._writing:
            self._write(Stopped(at_utc=self._now(), boot=self._boot))

    # --- reading -----------------------------------------------------------------

    def changes(self, model: str | None, limit: int) -> tuple[Change, ...]:
        """Return the newest changes of a model, or of all; the newest last."""
        with self._reading:
            return self._ledger.changes(model)[-limit:]

    def change(self, change_id: int) -> Change:
        """Return one change.

        Raises:
            UnknownChange: no change has this number, or it was too long ago.
        """
        with self._reading:
            change = self._ledger.state.changes.get(change_id)
        if change is None:
            raise UnknownChange(
                f"cannot find change {change_id}: it never was, or was too long ago",
                hint="edgectl changes",
            )
        return change

    def open_changes(self, model: str) -> tuple[Change, ...]:
        """Return a model's changes that are not over, oldest first.

        There is more than one where a release is held, or in probation, while
        another comes in.
        """
        with self._reading:
            return self._ledger.open_changes(model)

    def open_change(self, model: str) -> Change | None:
        """Return the newest change that is not over; a held one only if no other is."""
        there = self.open_changes(model)
        moving = [change for change in there if change.last.step is not Step.HELD]
        return next(reversed(moving or list(there)), None)

    def places(self, change_id: int) -> Places | None:
        """Return where a roll-back of an open change leads; None before an attempt."""
        with self._reading:
            return self._ledger.places(change_id)

    def committed(self, model: str) -> frozenset[str]:
        """Return the folders of a model's releases that were committed once."""
        with self._reading:
            return self._ledger.committed(model)

    def kept(self, model: str) -> frozenset[str]:
        """Return the folders of releases that changes, which are over, left there."""
        with self._reading:
            return self._ledger.kept(model)

    def quarantine(self, digest: str) -> Marked | None:
        """Return who quarantined a release, and why; None if it is not."""
        with self._reading:
            return self._ledger.state.quarantined.get(digest)

    def revocation(self, digest: str) -> Revoked | None:
        """Return whose publisher revoked a release, and why; None if nobody did."""
        with self._reading:
            return self._ledger.state.revoked.get(digest)

    def revocations(self) -> tuple[Revoked, ...]:
        """Return all releases that were revoked, also those that are gone."""
        with self._reading:
            return tuple(self._ledger.state.revoked.values())

    def trust(self, digest: str) -> Trust:
        """Tell why a release may be here; one that nobody vouched for is local."""
        with self._reading:
            return self._ledger.trust(digest)

    def marks(self, model: str) -> tuple[Marked, ...]:
        """Return a model's quarantined releases, also those that are gone."""
        with self._reading:
            return tuple(
                mark
                for mark in self._ledger.state.quarantined.values()
                if mark.model == model
            )

    def pinned(self, model: str) -> PinSet | None:
        """Return who pinned a model, and why; None if it is not."""
        with self._reading:
            return self._ledger.state.pinned.get(model)

    def crashes(self, digest: str) -> int:
        """Tell how often the daemon crashed in this boot while it tried a release."""
        with self._reading:
            return self._ledger.crashes(digest)

    @property
    def damaged(self) -> int:
        """Lines of the journal that could not be read when it was opened."""
        return self._journal.damaged

    # --- steps -------------------------------------------------------------------

    def _write(self, entry: AnyEntry) -> None:
        self._journal.append(entry)
        with self._reading:
            self._ledger.apply(entry)
        self._compact()

    def _compact(self) -> None:
        """Shorten the journal; what was written is durable, whether or not it works."""
        if self._journal.is_long:
            try:
                self._journal.compact(self._ledger.entries())
            except StoreFailed as error:
                _log.warning("%s", error, extra={"edged_code": error.code})

    def _now(self) -> str:
        return self._clock.utc().strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"
