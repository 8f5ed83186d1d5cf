"""What the updater can be, what moves it, and what it then wants done.

Law: values alone; what follows what is in `machine`. Times are seconds of the monotonic
clock.

Two kinds of events. A *decision* says what the box should do, as `plan` sees it now;
every state takes every decision, and one that says nothing new changes nothing. A
*result* is what came of the effect that was asked for last; only the state that asked
takes it.
"""

import msgspec

from edged.wire.updates import Outcome, Reason


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A release to take.

    Attributes:
        digest: sha256 of its manifest, hex.
        downgrade: the live one has a higher `seq`, and must not run any more.
    """

    source: str
    model: str
    version: str
    seq: int
    digest: str
    downgrade: bool = False

    def __str__(self) -> str:
        return f"{self.model} {self.version} (seq {self.seq})"


# --- states ---------------------------------------------------------------------------


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where the updater is."""


class Idle(State, frozen=True, kw_only=True):
    """Nothing to do but wait for the next look."""


class Checking(State, frozen=True, kw_only=True):
    """The sources are being asked, and nothing else happens."""


class Taking(State, frozen=True, kw_only=True):
    """A release is being taken."""

    wanted: Wanted


class Underway(Taking, frozen=True, kw_only=True):
    """It is on its way, and can still be left."""


class Available(Underway, frozen=True, kw_only=True):
    """A release is known and will be taken; its manifest and index are on their way."""


class Preflight(Underway, frozen=True, kw_only=True):
    """What it needs is held against what the box has."""


class Downloading(Underway, frozen=True, kw_only=True):
    """Its files arrive.

    Attributes:
        total_bytes: of all its files.
        kept_bytes: of these, what needed no network when it began.
    """

    total_bytes: int
    kept_bytes: int


class Verifying(Underway, frozen=True, kw_only=True):
    """Every file is here, and is hashed as a whole."""


class Staged(Taking, frozen=True, kw_only=True):
    """It goes in at the daemon's door, or went in.

    Attributes:
        change: of the daemon; None while it is being handed in.
    """

    change: int | None = None


class Held(State, frozen=True, kw_only=True):
    """A reason stands against what is known.

    Attributes:
        until_s: when it is looked at again, on the monotonic clock; None: when
            something changes.
    """

    reason: Reason
    until_s: float | None = None
    wanted: Wanted | None = None


class BackOff(State, frozen=True, kw_only=True):
    """Something failed; it is tried again at `next_s`, on the monotonic clock."""

    reason: Reason
    next_s: float
    wanted: Wanted | None = None


class Paused(State, frozen=True, kw_only=True):
    """A person wants nothing to be fetched; `until_s` None: until it is resumed."""

    by: str
    until_s: float | None = None


BEGIN = Idle()

# --- events ---------------------------------------------------------------------------


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What moves the updater."""


class LookDue(Event, frozen=True, kw_only=True):
    """It is time to ask a source, or a person says so."""


class Decision(Event, frozen=True, kw_only=True):
    """What the box should do."""


class Satisfied(Decision, frozen=True, kw_only=True):
    """Nothing is to be taken."""


class Chosen(Decision, frozen=True, kw_only=True):
    """This one is to be taken, now."""

    wanted: Wanted


class Barred(Decision, frozen=True, kw_only=True):
    """Something is to be taken, and a reason stands against it; see `Held`."""

    reason: Reason
    until_s: float | None = None
    wanted: Wanted | None = None


class Delayed(Decision, frozen=True, kw_only=True):
    """Something failed, and the time to try again has not come; see `BackOff`."""

    reason: Reason
    next_s: float
    wanted: Wanted | None = None


class Suspended(Decision, frozen=True, kw_only=True):
    """A person's pause stands; see `Paused`."""

    by: str
    until_s: float | None = None


class Result(Event, frozen=True, kw_only=True):
    """What came of an effect."""


class Described(Result, frozen=True, kw_only=True):
    """Manifest and index are here, and are those that were signed."""


class Fits(Result, frozen=True, kw_only=True):
    """The box can take it; see `Downloading`."""

    total_bytes: int
    kept_bytes: int


class Arrived(Result, frozen=True, kw_only=True):
    """Every missing byte is on the disk."""


class Verified(Result, frozen=True, kw_only=True):
    """Every file is what its publisher signed."""


class TakenIn(Result, frozen=True, kw_only=True):
    """The daemon has it, and proves it under this number."""

    change: int


class Ended(Result, frozen=True, kw_only=True):
    """The daemon let it serve, or did not want it; nothing more comes of it."""

    outcome: Outcome
    reason: Reason | None = None


class Unfit(Result, frozen=True, kw_only=True):
    """The box cannot take it now; nothing is wrong with it. See `Held`."""

    reason: Reason
    until_s: float | None = None


class Failed(Result, frozen=True, kw_only=True):
    """An effect failed; it may work at `next_s`, on the monotonic clock."""

    reason: Reason
    next_s: float


# --- effects --------------------------------------------------------------------------


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What must be done now."""


class Look(Effect, frozen=True, kw_only=True):
    """Ask the sources whose time has come; decide by what they say."""


class Decide(Effect, frozen=True, kw_only=True):
    """Decide anew: what stood in the way is over."""


class Halt(Effect, frozen=True, kw_only=True):
    """Stop what is being done for a release; what is on the disk stays there."""

    wanted: Wanted


class Work(Effect, frozen=True, kw_only=True):
    """Something that takes time, and comes to a `Result`."""

    wanted: Wanted


class Describe(Work, frozen=True, kw_only=True):
    """Fetch manifest and index."""


class Survey(Work, frozen=True, kw_only=True):
    """Hold what it needs against what the box has."""


class Fetch(Work, frozen=True, kw_only=True):
    """Fetch what is missing."""


class Verify(Work, frozen=True, kw_only=True):
    """Hash every file as a whole."""


class HandIn(Work, frozen=True, kw_only=True):
    """Give it to the daemon."""


class Follow(Work, frozen=True, kw_only=True):
    """Wait until the daemon lets it serve, or does not want it."""

    change: int


class Close(Effect, frozen=True, kw_only=True):
    """Write down how an attempt ended, and drop its bytes."""

    wanted: Wanted
    outcome: Outcome
    reason: Reason | None = None


class Suffer(Effect, frozen=True, kw_only=True):
    """Write down that a try failed; its bytes stay."""

    wanted: Wanted
    reason: Reason
