"""What start-up does for one model: journal and links, brought to agree.

Law: pure; facts in, plan out. A machine can die between any two durable steps of a
change, so the plan is made from what the journal meant and where the links lead, and
following it twice, or half and then again, is the same as following it once.

- A change that had not moved the link is refused; its release goes, unless a person
  must decide about it or it was there before.
- A release that is linked goes on in probation. If the daemon crashed twice with it in
  this boot, it is gone back from before the third try.
- A roll-back that had begun is finished.
- A live link that leads to nothing whole, or to a quarantined release, is put back to
  one that was good.

A good release is whole, not quarantined, and either was committed or is `previous`.
"""

import msgspec

from edged.activate.ledger import Places
from edged.errors import Draining, Rejected
from edged.wire.changes import Change, Step, Which, Wish

#: Crashes in one boot after which a release is not loaded again.
CRASHES_ENOUGH = 2


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is not over.

    Attributes:
        places: the way back, as in `History.places`; None before its first attempt.
        crashes: of the daemon, with its release, in this boot.
    """

    change: Change
    places: Places | None = None
    crashes: int = 0


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One model as start-up finds it.

    Attributes:
        links: folders that the links lead to; None for a link that is missing, or that
            leads to nothing whole.
        installed: every whole release.
        committed: folders of those that were committed once.
        quarantined: folders of those that are quarantined.
        open: changes that are not over, oldest first.
        kept: folders that earlier changes left installed on purpose.
    """

    links: Places
    installed: tuple[Which, ...]
    committed: frozenset[str] = frozenset()
    quarantined: frozenset[str] = frozenset()
    open: tuple[Open, ...] = ()
    kept: frozenset[str] = frozenset()


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a change to record."""

    change: int
    step: Step
    why: str
    code: str = ""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A release to quarantine."""

    release: Which
    why: str


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """A roll-back by edged itself: a change that begins at `rolling-back`.

    Attributes:
        left: what `current` led to, the change's `before`; None if it is not whole.
    """

    left: Which | None
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, in this order; each durable before the next.

    Attributes:
        marks: releases to quarantine.
        delete: folders of releases that nobody wants.
        steps: of open changes, that need no link or permit one to move.
        begin: a change to begin; it is `done` after `ends`.
        links: what both links are to say, None in it for no link; None to leave them.
        ends: of open changes, that are true once the links say so.
        load: the release that `current` leads to then is to be loaded.
        resume: the change whose probation goes on with it; its load is an attempt.
        why: what a person should know; empty for nothing.
    """

    marks: tuple[Mark, ...] = ()
    delete: tuple[str, ...] = ()
    steps: tuple[Next, ...] = ()
    begin: Return | None = None
    links: Places | None = None
    ends: tuple[Next, ...] = ()
    load: bool = False
    resume: int | None = None
    why: str = ""


def reconcile(facts: Facts) -> Plan:
    """Plan the start of one model."""
    draft = _Draft(facts)
    # Intents to go back come first; then the newest, which moved the links last. What
    # an earlier start began to put right comes where that start thought of it: last.
    for opened in sorted(facts.open, key=_urgency):
        draft.settle(opened)
    draft.check_live()
    return draft.plan()


def _urgency(opened: Open) -> tuple[bool, bool, int]:
    change = opened.change
    is_intent = change.last.step is Step.ROLLING_BACK
    return _is_return(change), not is_intent, -change.id


def _is_return(change: Change) -> bool:
    """Tell whether a start began it, and died before it was done; see `Return`."""
    return change.wish is Wish.ROLLBACK and change.release is None


class _Draft:
    """A plan in the making; its links are where they will be."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._releases = {release.folder: release for release in facts.installed}
        self._found = self._links = Places(
            current=self._whole(facts.links.current),
            previous=self._whole(facts.links.previous),
        )
        self._quarantined = set(facts.quarantined)
        self._marks: list[Mark] = []
        self._unwanted: list[str] = []
        self._steps: list[Next] = []
        self._begin: Return | None = None
        self._ends: list[Next] = []
        self._resume: int | None = None
        self._returns = any(_is_return(opened.change) for opened in facts.open)
        self._why = ""

    def plan(self) -> Plan:
        """Return what was decided."""
        links = {self._links.current, self._links.previous}
        stay = links | self._facts.kept | self._facts.committed | self._held()
        return Plan(
            marks=tuple(self._marks),
            delete=tuple(dict.fromkeys(f for f in self._unwanted if f not in stay)),
            steps=tuple(self._steps),
            begin=self._begin,
            links=None if self._links == self._found else self._links,
            ends=tuple(self._ends),
            load=self._links.current is not None,
            resume=self._resume,
            why=self._why,
        )

    def _held(self) -> set[str | None]:
        changes = (opened.change for opened in self._facts.open)
        return {_folder(c.release) for c in changes if c.last.step is Step.HELD}

    # --- changes that are open ---------------------------------------------------

    def settle(self, opened: Open) -> None:
        """Decide what becomes of one change."""
        match opened.change.last.step:
            case Step.STAGED | Step.TRIAL | Step.ARMED:
                why = "the daemon stopped before it was live"
                self._refuse(opened, why, self._steps)
            case Step.SWITCHING:
                self._settle_switch(opened)
            case Step.PROBATION:
                self._settle_probation(opened)
            case Step.ROLLING_BACK:
                self._finish_roll_back(opened)
            case Step.HELD:
                self._settle_held(opened)

    def _settle_held(self, opened: Open) -> None:
        if self._whole(_folder(opened.change.release)) is None:
            why = "it is not installed any more"
            self._steps.append(_next(opened, Step.SUPERSEDED, why))

    def _settle_switch(self, opened: Open) -> None:
        if self._is_live(opened):
            self._go_on(opened)
            return
        if self._has_served(opened):
            why = "it served; the disk took no note of that at once"
            self._steps.append(_next(opened, Step.COMMITTED, why))
            return
        # An end that waits for a link would be lost if the machine died before it.
        record = self._ends if self._undo_previous(opened.places) else self._steps
        if opened.crashes < CRASHES_ENOUGH:
            why = "the daemon stopped while it loaded it; it may be tried again"
            self._refuse(opened, why, record)
            return
        why = _crashed(opened)
        self._mark(opened.change.release, why)
        record.append(_next(opened, Step.QUARANTINED, why, Rejected.code))

    def _settle_probation(self, opened: Open) -> None:
        if self._is_live(opened):
            self._go_on(opened)
        else:
            why = "its release is not live any more"
            self._steps.append(_next(opened, Step.SUPERSEDED, why))

    def _go_on(self, opened: Open) -> None:
        """Load a release that is linked, unless it is known to be bad."""
        change = opened.change
        is_bad = self._links.current in self._quarantined
        if opened.crashes < CRASHES_ENOUGH and not is_bad:
            self._resume = change.id
            if change.last.step is not Step.PROBATION:
                why = "the daemon was started again"
                self._steps.append(_next(opened, Step.PROBATION, why))
            return
        why = "it is quarantined" if is_bad else _crashed(opened)
        self._steps.append(_next(opened, Step.ROLLING_BACK, why, Rejected.code))
        self._go_back(opened, change.release, why)
        self._say(f"{_folder(change.release)} is gone back from: {why}")

    def _finish_roll_back(self, opened: Open) -> None:
        change = opened.change
        left = change.release
        if change.wish is Wish.ROLLBACK:  # it names what was live as `before`
            left = change.before
        self._go_back(opened, left, change.last.why or "it was rolled back")

    def _go_back(self, opened: Open, left: Which | None, why: str) -> None:
        """Lead the links away from a release, quarantine it, and end the change."""
        if self._links.current in (None, _folder(left)):
            self._return_from(_folder(left), opened.places)
        else:
            self._undo_previous(opened.places)
            if self._links.previous in (self._links.current, _folder(left)):
                self._links = Places(current=self._links.current)
        self._mark(left, why)
        if opened.change.wish is Wish.ROLLBACK:
            self._ends.append(_next(opened, Step.DONE, why))
        else:
            self._ends.append(_next(opened, Step.QUARANTINED, why, Rejected.code))

    def _refuse(self, opened: Open, why: str, record: list[Next]) -> None:
        record.append(_next(opened, Step.REFUSED, why, Draining.code))
        folder = self._whole(_folder(opened.change.release))
        if folder is not None and opened.change.wish is Wish.INSTALL:
            self._unwanted.append(folder)

    def _undo_previous(self, places: Places | None) -> bool:
        """Put `previous` back: a switch moves it first, and a roll-back last."""
        before = self._links
        if places and places.current and places.current == before.current:
            previous = self._whole(places.previous)
            self._links = Places(current=before.current, previous=previous)
        return self._links != before

    # --- what is live ------------------------------------------------------------

    def check_live(self) -> None:
        """Lead `current` to a good release, if it does not and there is one."""
        live = self._links.current
        if live is not None and live not in self._quarantined:
            return
        home = self._home(live, None)
        if home is None:
            self._say(
                f"{live} is quarantined and serves all the same: there is no other"
                if live
                else "no release is live, and none that is installed was ever good"
            )
            return
        what = f"{live} is quarantined" if live else "no whole release was live"
        why = f"{what}: {home} is live again"
        self._begin = Return(left=self._releases.get(live or ""), why=why)
        self._return_from(live, None)
        self._say(why)

    def _return_from(self, left: str | None, places: Places | None) -> None:
        home = self._home(left, places)
        before = self._whole((places or self._links).previous)
        if before in (home, left) or home is None:
            before = None
        self._links = Places(current=home, previous=before)

    def _home(self, left: str | None, places: Places | None) -> str | None:
        """Return the best release to go back to; None where none was ever good."""
        back = places or Places()
        newest_first = sorted(self._releases.values(), key=lambda r: -r.seq)
        wanted = (
            back.current,
            back.previous,
            self._links.previous,
            *(r.folder for r in newest_first if r.folder in self._facts.committed),
        )
        bad = self._quarantined | {left}
        whole = (self._whole(folder) for folder in wanted)
        return next((f for f in whole if f is not None and f not in bad), None)

    # --- small steps ---------------------------------------------------------------

    def _whole(self, folder: str | None) -> str | None:
        return folder if folder in self._releases else None

    def _is_live(self, opened: Open) -> bool:
        """Tell whether its release is linked by it, and by no newer change.

        Where a start had begun to put the link right, it was that start.
        """
        live = self._links.current
        has_it = live is not None and live == _folder(opened.change.release)
        return has_it and self._resume is None and not self._returns

    def _has_served(self, opened: Open) -> bool:
        """Tell whether a later switch left it as the last committed release."""
        folder, places = _folder(opened.change.release), opened.places
        was_there = places is not None and folder in (places.current, places.previous)
        return folder is not None and folder == self._links.previous and not was_there

    def _mark(self, release: Which | None, why: str) -> None:
        if release is not None and release.folder not in self._quarantined:
            self._quarantined.add(release.folder)
            self._marks.append(Mark(release=release, why=why))

    def _say(self, why: str) -> None:
        self._why = f"{self._why}; {why}" if self._why else why


def _folder(release: Which | None) -> str | None:
    return release.folder if release else None


def _crashed(opened: Open) -> str:
    return f"the daemon crashed {opened.crashes} times in this boot with it"


def _next(opened: Open, step: Step, why: str, code: str = "") -> Next:
    return Next(change=opened.change.id, step=step, why=why, code=code)
