"""Changes of models: what people follow, and what the journal keeps.

Law: a change is one wish (an install, a rollback) and everything that became of it,
in steps. Entries are what the journal holds: each stands for itself, is never changed,
and together they give every change, quarantine and pin again.
"""

import enum
from typing import Annotated

import msgspec

from edged.wire.names import Name, Trust


class Wish(enum.Enum):
    """What somebody wanted."""

    INSTALL = "install"
    USE = "use"
    ROLLBACK = "rollback"
    LOAD = "load"
    UNLOAD = "unload"
    REMOVE = "remove"
    PIN = "pin"
    UNPIN = "unpin"
    QUARANTINE = "quarantine"
    UNQUARANTINE = "unquarantine"


class Step(enum.Enum):
    """Where a change is."""

    STAGED = "staged"  # received, and checked without a runtime
    TRIAL = "trial"  # tried in a process of its own
    ARMED = "armed"  # proved; waits for memory and its turn
    SWITCHING = "switching"
    PROBATION = "probation"  # it serves, and is watched
    ROLLING_BACK = "rolling-back"
    HELD = "held"  # a person must decide
    # The ends:
    COMMITTED = "committed"
    REFUSED = "refused"  # nothing changed for callers
    QUARANTINED = "quarantined"  # it served, was bad, and is gone
    SUPERSEDED = "superseded"  # a newer one took its place
    DONE = "done"  # what has no steps between


#: Who wanted what no person did: `by` of a change, a mark or a pin.
EDGED = "edged"

#: Steps after which nothing follows.
ENDS = frozenset(
    {Step.COMMITTED, Step.REFUSED, Step.QUARANTINED, Step.SUPERSEDED, Step.DONE}
)


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A release, for people and for machines."""

    version: str
    seq: int
    digest: str
    folder: str


class StepTaken(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a change.

    Attributes:
        why: in words; empty where the step says it all.
        code: of the failure, as in `errors`; empty for none.
        hint: what a person may do; empty for nothing.
        figures: what was measured, by name with its unit.
    """

    step: Step
    at_utc: str
    why: str = ""
    code: str = ""
    hint: str = ""
    figures: dict[str, float | str] = {}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One wish and what became of it.

    Attributes:
        by: who wanted it: a user and a process, or "edged" itself.
        release: the one that the change is about; None for the model as a whole.
        before: the live one when it began; None where none was.
        source: whose release it is; empty for one that nobody vouches for.
        doing: what happens at this moment, for people who watch; not kept.
    """

    schema: str = "edged.change/1"
    id: int
    model: str
    wish: Wish
    by: str
    trust: Trust = Trust.LOCAL
    release: Which | None = None
    before: Which | None = None
    source: str = ""
    steps: tuple[StepTaken, ...] = ()
    doing: str = ""

    @property
    def last(self) -> StepTaken:
        """Where it is."""
        return self.steps[-1]

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return self.last.step in ENDS


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, the newest last."""

    schema: str = "edged.changes/1"
    changes: tuple[Change, ...] = ()


class ChangesRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Which changes: of one model or of all, at most so many, the newest."""

    name: Name | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20


class ChangeRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """One change.

    Attributes:
        steps: answer when there are more steps than these, or `doing` is another, or
            it is over, or after `wait_s`.
        doing: what the caller knows of it.
    """

    id: int
    steps: int = 0
    doing: str = ""
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0.0


class SeqRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An effect on one installed release."""

    name: Name
    seq: int
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""


class PinRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model stays as it is."""

    name: Name
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""


# --- the journal -------------------------------------------------------------


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="entry"):
    """What every line has.

    Attributes:
        at_utc: by this box's clock, which may be wrong.
    """

    at_utc: str


class Began(Entry, frozen=True, kw_only=True, tag="began"):
    """A change began.

    Attributes:
        change: with its first step.
    """

    change: Change


class Stepped(Entry, frozen=True, kw_only=True, tag="stepped"):
    """A change went on. Where the step permits something, this was durable first."""

    change: int
    step: Step
    why: str = ""
    code: str = ""
    hint: str = ""
    figures: dict[str, float | str] = {}


class Attempted(Entry, frozen=True, kw_only=True, tag="attempted"):
    """A release that is not committed is about to be loaded in the daemon itself.

    Attributes:
        change: that wants it; it is `switching`, or was in probation at a start.
        boot: the kernel's id of this boot.
        current: folder of the last committed release, None for none.
        previous: folder of the one before that. A roll-back restores both; they are
            of the first attempt of a change.
    """

    change: int
    digest: str
    model: str
    boot: str
    current: str | None = None
    previous: str | None = None


class Marked(Entry, frozen=True, kw_only=True, tag="marked"):
    """A release is quarantined, or is so no longer."""

    model: str
    digest: str
    seq: int
    quarantined: bool
    by: str
    why: str = ""


class Revoked(Entry, frozen=True, kw_only=True, tag="revoked"):
    """A release was revoked by its publisher, or is so no longer.

    Attributes:
        source: whose signed metadata said so; another's cannot lift it.
        alone: it was live then, and the updater knew nothing to replace it.
    """

    model: str
    digest: str
    seq: int
    revoked: bool
    source: str
    why: str = ""
    alone: bool = False


class Came(Entry, frozen=True, kw_only=True, tag="came"):
    """A release came from a source; kept when the change that says so is forgotten."""

    digest: str
    trust: Trust


class PinSet(Entry, frozen=True, kw_only=True, tag="pin"):
    """A model stays as it is, or does so no longer."""

    model: str
    pinned: bool
    by: str
    why: str = ""


class Started(Entry, frozen=True, kw_only=True, tag="started"):
    """The daemon started. Two in one boot with no `Stopped` between: it crashed."""

    boot: str


class Stopped(Entry, frozen=True, kw_only=True, tag="stopped"):
    """The daemon stopped because somebody asked it to."""

    boot: str


AnyEntry = (
    Began | Stepped | Attempted | Marked | Revoked | Came | PinSet | Started | Stopped
)
