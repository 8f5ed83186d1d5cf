"""The exit numbers of edgectl, and which failure ends with which.

Law: no other module holds an exit number. `TABLE` is total over `errors.tree()`; a
test proves it. The man page prints both tables from here.
"""

import enum

from edged.errors import EdgedError


class Exit(enum.IntEnum):
    """What the caller's script sees; the numbers are a contract."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    DEGRADED = 3
    DOWN = 4
    NOTHING_TO_DO = 11
    BAD_DATA = 65
    NO_INPUT = 66
    NO_DAEMON = 69
    BUG = 70
    CANNOT_CREATE = 73
    STORE = 74
    TRY_AGAIN = 75
    BAD_DIGEST = 76
    NO_PERMISSION = 77
    BAD_CONFIG = 78
    TIMED_OUT = 124
    INTERRUPTED = 130


MEANING: dict[Exit, str] = {
    Exit.FINE: "fine",
    Exit.FAILED: "the command failed and no other number fits",
    Exit.USAGE: "the command line is wrong",
    Exit.DEGRADED: "status: the daemon serves, and something is wrong",
    Exit.DOWN: "status: the daemon answers, and no model can be served",
    Exit.NOTHING_TO_DO: "nothing to do: it is so already",
    Exit.BAD_DATA: "the input, tensor, bundle or model file is bad",
    Exit.NO_INPUT: "no such model, version, variant or input file",
    Exit.NO_DAEMON: "no daemon answers: not started, crashed or hung",
    Exit.BUG: "a bug in edgectl, or a daemon of another version",
    Exit.CANNOT_CREATE: "cannot create a socket",
    Exit.STORE: "the store cannot be read or written",
    Exit.TRY_AGAIN: "busy: the same command may work later",
    Exit.BAD_DIGEST: "an installed release is damaged",
    Exit.NO_PERMISSION: "no permission; status says UNKNOWN",
    Exit.BAD_CONFIG: "the configuration does not hold",
    Exit.TIMED_OUT: "no answer in time",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
}

TABLE: dict[str, Exit] = {
    "error": Exit.FAILED,
    "refused": Exit.FAILED,
    "busy": Exit.TRY_AGAIN,
    "broken": Exit.FAILED,
    "invalid-request": Exit.BAD_DATA,
    "invalid-tensor": Exit.BAD_DATA,
    "too-large": Exit.BAD_DATA,
    "unsupported": Exit.BAD_DATA,
    "unknown-model": Exit.NO_INPUT,
    "unknown-version": Exit.NO_INPUT,
    "unknown-variant": Exit.NO_INPUT,
    "unknown-region": Exit.BUG,
    "bad-region": Exit.BUG,
    "unknown-endpoint": Exit.BUG,
    "wrong-method": Exit.BUG,
    "not-permitted": Exit.NO_PERMISSION,
    "signature-changed": Exit.BAD_DATA,
    "downgrade": Exit.BAD_DATA,
    "conflict": Exit.FAILED,
    "no-input": Exit.NO_INPUT,
    "bad-config": Exit.BAD_CONFIG,
    "bad-bundle": Exit.BAD_DATA,
    "rejected": Exit.BAD_DATA,
    "held": Exit.FAILED,
    "quarantined": Exit.FAILED,
    "revoked": Exit.FAILED,
    "pinned": Exit.FAILED,
    "unsigned": Exit.NO_PERMISSION,
    "untrusted": Exit.NO_PERMISSION,
    "unknown-change": Exit.NO_INPUT,
    "change-under-way": Exit.TRY_AGAIN,
    "not-now": Exit.TRY_AGAIN,
    "no-memory": Exit.TRY_AGAIN,
    "not-fetched": Exit.TRY_AGAIN,
    "queue-full": Exit.TRY_AGAIN,
    "low-priority": Exit.TRY_AGAIN,
    "deadline-exceeded": Exit.TIMED_OUT,
    "not-ready": Exit.TRY_AGAIN,
    "draining": Exit.TRY_AGAIN,
    "too-many-connections": Exit.TRY_AGAIN,
    "slow-request": Exit.TRY_AGAIN,
    "bad-model": Exit.BAD_DATA,
    "bad-release": Exit.BAD_DIGEST,
    "store-failed": Exit.STORE,
    "socket-failed": Exit.CANNOT_CREATE,
    "protocol-error": Exit.NO_DAEMON,
    "no-daemon": Exit.NO_DAEMON,
    "no-access": Exit.NO_PERMISSION,
    "timed-out": Exit.TIMED_OUT,
}


def exit_of(error: EdgedError) -> Exit:
    """Return the exit number for this failure.

    A class that a newer daemon knows and we do not arrives as its nearest parent.
    """
    for cls in type(error).__mro__:
        code = getattr(cls, "code", None)
        if code in TABLE:
            return TABLE[code]
    return Exit.FAILED
