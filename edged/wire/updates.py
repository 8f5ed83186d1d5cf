"""Updates: what the updater tells, and what may be asked of it.

Law: as `wire.messages`. Every release that a box has not got has a reason of this
page; their words are stable, in `status`, in metrics and in the journal.
"""

import enum
from typing import Annotated

import msgspec

from edged.wire.messages import Trouble
from edged.wire.names import Name


class Activity(enum.Enum):
    """What the updater does."""

    IDLE = "idle"
    CHECKING = "checking"
    AVAILABLE = "available"  # it knows of a release, and will take it
    PREFLIGHT = "preflight"  # it looks whether the box can take it
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    STAGED = "staged"  # handed in; the daemon proves it
    HELD = "held"  # a reason stands against it, for a time
    BACK_OFF = "back-off"  # something failed; it tries again
    PAUSED = "paused"  # by a person


class Reason(enum.Enum):
    """Why a release was not taken, or a source not heard."""

    # nothing to do
    UP_TO_DATE = "up-to-date"
    # the publisher
    NOT_YET = "not-yet"  # its roll-out has not come to this box
    HALTED = "halted"
    REVOKED = "revoked"
    NOT_OFFERED = "not-offered"  # a source names what nobody signed
    # this box
    NEEDS_EDGED = "needs-edged"
    NEEDS_ARCH = "needs-arch"
    NO_SPACE = "no-space"
    WINDOW = "window"
    BATTERY = "battery"
    HOT = "hot"
    STRATEGY = "strategy"  # what the box allows itself now; see `wire.adapt`
    METERED = "metered"
    BUSY = "busy"  # inference has the right of way
    STORE_FAILED = "store-failed"
    # people
    PAUSED = "paused"
    ON_HOLD = "on-hold"  # `edgectl update hold`
    PINNED = "pinned"
    # the daemon
    DAEMON_AWAY = "daemon-away"
    UNDER_WAY = "under-way"  # another change of the model
    IN_TRIAL = "in-trial"
    REFUSED = "refused"  # it failed here
    TO_DECIDE = "to-decide"  # it answers otherwise; a person must decide
    QUARANTINED = "quarantined"
    # the way
    NO_NAME = "no-name"  # DNS
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TLS_TIME = "tls-time"
    STALLED = "stalled"
    TOO_SLOW = "too-slow"
    CUT = "cut"
    REDIRECTS = "redirects"
    # the host
    NO_ENTRY = "no-entry"  # 401, 403, 407
    NOT_FOUND = "not-found"
    HOST_BUSY = "host-busy"  # 429, 503
    HOST_ERROR = "host-error"
    PORTAL = "portal"  # a page to sign in stands in between
    ENCODED = "encoded"  # something on the way compressed it
    WRONG_RANGE = "wrong-range"
    WRONG_LENGTH = "wrong-length"
    ENDLESS = "endless"
    CHANGED = "changed"  # another file meanwhile
    WRONG_HASH = "wrong-hash"
    NOT_UNDERSTOOD = "not-understood"
    # trust; the attacks by the names of the TUF specification
    ROLLBACK = "rollback"
    FREEZE = "freeze"
    MIX_AND_MATCH = "mix-and-match"
    BAD_SIGNATURE = "bad-signature"
    BAD_METADATA = "bad-metadata"
    ENDLESS_METADATA = "endless-metadata"
    NO_ROOT = "no-root"


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """A release that this box has not got, or a source that it does not hear.

    Attributes:
        model: None where a source as a whole is meant.
        seq, version: of the release; None where none is known.
        text: the reason in words, with its figures.
        hint: what a person may do.
        since_utc: since when this reason stands.
        until_utc: when it is looked at again; None: when something changes.
    """

    reason: Reason
    source: str
    text: str
    hint: str = ""
    model: str | None = None
    seq: int | None = None
    version: str | None = None
    since_utc: str
    until_utc: str | None = None


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A download under way, in bytes.

    Attributes:
        kept_bytes: that were there when it began, from before or from other releases.
        done_bytes: checked and on the disk, the kept ones with them.
        rate_bytes_s: over the last seconds; 0 while nothing arrives.
        cuts: how often it was begun anew where it had ended.
    """

    total_bytes: int
    done_bytes: int
    kept_bytes: int = 0
    rate_bytes_s: float = 0.0
    cuts: int = 0


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One source.

    Attributes:
        checked_utc: when it last answered as it should; None: never.
        versions: of its signed metadata, by role; empty for one that has none.
    """

    name: str
    kind: str
    url: str
    checked_utc: str | None = None
    next_utc: str | None = None
    versions: dict[str, int] = {}
    trouble: Trouble | None = None


class UpdateStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The updater on one screen.

    Attributes:
        revision: grows with every change of the rest, but of `transfer`.
        text: one line of what it does.
        model, seq, version: what it is busy with.
        until_utc: when it goes on by itself.
        wishes: what people said that stands, in words: a pause, holds.
        share: this box's place in a roll-out, 0 to 1, by model.
        clock: what is thought of the box's clock: `right`, `behind`, `unknown`.
        apart: whether `edged-updater` is the one that tells.
    """

    schema: str = "edged.update/1"
    revision: int = 0
    activity: Activity
    text: str
    since_utc: str
    until_utc: str | None = None
    model: str | None = None
    seq: int | None = None
    version: str | None = None
    change: int | None = None
    transfer: Transfer | None = None
    reasons: tuple[WhyNot, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    wishes: tuple[str, ...] = ()
    share: dict[str, float] = {}
    clock: str = "unknown"
    apart: bool = False


class Outcome(enum.Enum):
    """How an attempt to update ended."""

    INSTALLED = "installed"
    FAILED = "failed"
    REFUSED = "refused"
    GIVEN_UP = "given-up"  # a person, or a newer release


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, for `edgectl update history`.

    Attributes:
        at_utc: when it ended.
        fetched_bytes: over the network, in all lives of the attempt.
        kept_bytes: that needed no network.
        change: of the daemon, None where it came to none.
        by: who brought it by `edgectl update import`; empty for one that was fetched.
    """

    at_utc: str
    model: str
    version: str
    seq: int
    source: str
    outcome: Outcome
    reason: Reason | None = None
    text: str = ""
    fetched_bytes: int = 0
    kept_bytes: int = 0
    took_s: float = 0.0
    change: int | None = None
    by: str = ""


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts, the newest last."""

    schema: str = "edged.attempts/1"
    attempts: tuple[Attempt, ...] = ()


# --- requests -----------------------------------------------------------------


class UpdateRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The state; with `wait_s`, when its revision is not `known` any more."""

    known: int = -1
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0.0


class UpdateScope(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """An effect on one model's updates, or on all."""

    name: Name | None = None


class PauseRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Fetch nothing; for a time, or until `resume`."""

    for_s: Annotated[float, msgspec.Meta(gt=0, le=365 * 86400)] | None = None
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""


class HoldRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Take no release of a model, or of any, until then.

    Attributes:
        until_utc: RFC 3339.
    """

    name: Name | None = None
    until_utc: str
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""


class AttemptsRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Which attempts: of one model or of all, the newest."""

    name: Name | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
