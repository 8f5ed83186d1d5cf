"""Errors -> what becomes of the release that met them, and its reason.

Law: pure, and total over `edged.errors`. Only what says that the release itself is not
wanted here ends an attempt; all else is tried again, later and later.
"""

import enum
import errno

import msgspec

from edged import errors
from edged.errors import EdgedError
from edged.wire.changes import StepTaken
from edged.wire.updates import Reason


class Turn(enum.Enum):
    """What becomes of a release."""

    END = "end"  # it is not handed in again by itself
    WAIT = "wait"  # nothing is wrong with it; the box has no room or time for it now
    RETRY = "retry"  # something failed


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an error means.

    Attributes:
        retry_after_s: what the other side asked for; 0 for nothing.
    """

    turn: Turn
    reason: Reason
    text: str
    hint: str = ""
    retry_after_s: float = 0.0


#: By class; the nearest base counts.
_TABLE: dict[type[EdgedError], tuple[Turn, Reason]] = {
    errors.EdgedError: (Turn.RETRY, Reason.DAEMON_AWAY),
    # The way to the daemon, or one that has not come up, or will not have us.
    errors.NoDaemon: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.NoAccess: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.TimedOut: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.ProtocolError: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.Draining: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.TooManyConnections: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.SlowRequest: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.NotPermitted: (Turn.RETRY, Reason.DAEMON_AWAY),
    errors.UnknownChange: (Turn.RETRY, Reason.DAEMON_AWAY),
    # Its time has not come.
    errors.ChangeUnderWay: (Turn.WAIT, Reason.UNDER_WAY),
    errors.NotNow: (Turn.WAIT, Reason.STRATEGY),
    errors.Pinned: (Turn.WAIT, Reason.PINNED),
    errors.Busy: (Turn.RETRY, Reason.BUSY),
    # It is not wanted.
    errors.Quarantined: (Turn.END, Reason.QUARANTINED),
    errors.Held: (Turn.END, Reason.TO_DECIDE),
    errors.Refused: (Turn.END, Reason.REFUSED),
    errors.Broken: (Turn.END, Reason.REFUSED),
    # Ours: a file that was here is gone.
    errors.NoInput: (Turn.RETRY, Reason.STORE_FAILED),
    errors.StoreFailed: (Turn.RETRY, Reason.STORE_FAILED),
    # They say their reason.
    errors.NotFetched: (Turn.RETRY, Reason.UNREACHABLE),
    errors.Untrusted: (Turn.RETRY, Reason.BAD_METADATA),
}

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def verdict(error: EdgedError) -> Verdict:
    """Judge what was raised."""
    turn, reason = _row(type(error))
    told = error.fields.get("reason")
    if isinstance(told, str) and told in _REASONS:
        reason = Reason(told)
    if isinstance(error, errors.BadBundle) and error.fields.get("missing"):
        # The daemon lost files between our question and our delivery: it says so next.
        turn, reason = Turn.RETRY, Reason.STORE_FAILED
    if isinstance(error, errors.StoreFailed) and error.fields.get("errno") in _FULL:
        turn, reason = Turn.WAIT, Reason.NO_SPACE
    return Verdict(
        turn=turn,
        reason=reason,
        text=error.message,
        hint=error.hint,
        retry_after_s=getattr(error, "retry_after_s", 0.0),
    )


def step_verdict(taken: StepTaken) -> Verdict:
    """Judge the last step of a change that came to nothing."""
    turn, reason = _row(errors.by_code(taken.code) or errors.Refused)
    return Verdict(turn=turn, reason=reason, text=taken.why, hint=taken.hint)


_REASONS = frozenset(reason.value for reason in Reason)


def _row(kind: type[EdgedError]) -> tuple[Turn, Reason]:
    return next(_TABLE[base] for base in kind.__mro__ if base in _TABLE)
