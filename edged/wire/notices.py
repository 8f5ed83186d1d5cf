"""What is told though no call of anybody's failed: standing problems, records.

Law: whatever a person may have to act on has a code: a word that is the same in the
status, in answers, in metrics, in `EDGED_CODE` of the journal and in
docs/reference/problems.md. A code is an error's (`errors.tree`), a reason's
(`wire.updates.Reason`) or stands here; a test demands one of each warning and error
that is logged.
"""

import enum


class Notice(enum.Enum):
    """Codes that are neither an error's nor a reason's."""

    BUG = "bug"  # of edged's own; the record has the traceback
    STUCK = "stuck"  # a run does not end
    NEEDS_RESTART = "needs-restart"  # settings that a reload cannot take over
    RECONCILED = "reconciled"  # a start put right what an earlier life left
    NOT_PROFILED = "not-profiled"  # a variant, which serves on
    CANNOT_ACCEPT = "cannot-accept"  # connections; mostly no descriptor is left
    SOCKET_GROUP = "socket-group"  # a socket is not its group's, as the settings ask
    DRAIN_TIMEOUT = "drain-timeout"  # requests were cut off at a stop
    FORCED_STOP = "forced-stop"  # by a second signal
    CANNOT_NOTIFY = "cannot-notify"  # systemd
    STRATEGY_NORMAL = "strategy-normal"  # nothing is short any more
    STRATEGY_LIGHTWEIGHT = "strategy-lightweight"  # the battery must last
    STRATEGY_THROTTLED = "strategy-throttled"  # the box is hot, or about to be
    STRATEGY_CRITICAL = "strategy-critical"  # it is about to fail
    SENSORS_STUCK = "sensors-stuck"  # a driver does not answer
