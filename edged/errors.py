"""Every failure that edged tells somebody about.

Law: an error knows what went wrong and what to do next; it knows no HTTP status
and no exit number. Those are two tables keyed by `code`, in `api/problems.py` and
`cli/exits.py`, and a test proves that both are total over this tree.

Three kinds, by who can act:

- `Refused`: the caller can change it.
- `Busy`: the same call may work later.
- `Broken`: the device or its data is at fault.

A bug is none of these: an `AssertionError` or `TypeError` reaches the top.
"""

from collections.abc import Iterator
from typing import ClassVar


class EdgedError(Exception):
    """A failure with a stable code, a sentence for people and a next step.

    Args:
        message: lowercase, begins "cannot", says why and names the limit.
        hint: the next action, best a command that can be typed; may be empty.
        fields: details for machines; keys are stable within a code.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = fields

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"


class Refused(EdgedError):
    """The caller can change it."""

    code = "refused"


class Busy(EdgedError):
    """Try later; `retry_after_s` is an honest guess in seconds."""

    code = "busy"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float = 1.0,
        hint: str = "",
        **fields: object,
    ) -> None:
        super().__init__(message, hint=hint, **fields)
        self.retry_after_s = retry_after_s


class Broken(EdgedError):
    """The device or its data is at fault."""

    code = "broken"


# --- the caller's side -------------------------------------------------------


class InvalidRequest(Refused):
    """The request does not say what its protocol asks for."""

    code = "invalid-request"


class InvalidTensor(Refused):
    """A tensor's name, datatype, shape or size is not what the model takes."""

    code = "invalid-tensor"


class TooLarge(Refused):
    """A body, header or tensor is over its limit."""

    code = "too-large"


class Unsupported(Refused):
    """A part of the protocol that edged does not have."""

    code = "unsupported"


class UnknownModel(Refused):
    """No model of that name is installed."""

    code = "unknown-model"


class UnknownVersion(Refused):
    """The version asked for is not the live one, or is not installed."""

    code = "unknown-version"


class UnknownVariant(Refused):
    """The live release has no such variant, or it could not be loaded."""

    code = "unknown-variant"


class UnknownRegion(Refused):
    """The caller has registered no shared memory region of that name."""

    code = "unknown-region"


class BadRegion(Refused):
    """Shared memory that cannot be used so: its object, its size, a bound."""

    code = "bad-region"


class UnknownEndpoint(Refused):
    """No such path on this socket."""

    code = "unknown-endpoint"


class WrongMethod(Refused):
    """The path exists, with another method."""

    code = "wrong-method"


class NotPermitted(Refused):
    """The peer's user or groups do not allow this call."""

    code = "not-permitted"


class SignatureChanged(Refused):
    """A new release under a live name has another signature."""

    code = "signature-changed"


class Downgrade(Refused):
    """A release is older than the live one and nobody asked for a downgrade."""

    code = "downgrade"


class Conflict(Refused):
    """The state of the model does not allow this now."""

    code = "conflict"


class NoInput(Refused):
    """A file that the caller names does not exist or cannot be read."""

    code = "no-input"


class BadConfig(Refused):
    """The configuration does not hold; `fields["problems"]` lists every fault."""

    code = "bad-config"


class BadBundle(Refused):
    """A bundle offered for installation is malformed, incomplete or lies."""

    code = "bad-bundle"


class Rejected(Refused):
    """A release failed on this box, in its trial or in probation; `fields` say how."""

    code = "rejected"


class Held(Refused):
    """A release answers otherwise than the live one: a person must decide."""

    code = "held"


class Quarantined(Refused):
    """A release was bad on this box once; it does not come back by itself."""

    code = "quarantined"


class Revoked(Refused):
    """A release's publisher says that it must not run, and this box obeys him."""

    code = "revoked"


class Pinned(Refused):
    """A person wants the model to stay as it is."""

    code = "pinned"


class Unsigned(Refused):
    """This box takes signed releases alone."""

    code = "unsigned"


class Untrusted(Refused):
    """Signed metadata does not hold; `fields` has the `reason`, see `wire.updates`."""

    code = "untrusted"


class UnknownChange(Refused):
    """No change has this number, or it was too long ago."""

    code = "unknown-change"


# --- later -------------------------------------------------------------------


class ChangeUnderWay(Busy):
    """Another change of the model must end first; `fields` has its `change`."""

    code = "change-under-way"


class NotNow(Busy):
    """The strategy in force does not allow this by itself; a person may."""

    code = "not-now"


class NoMemory(Busy):
    """A release needs more memory than there is; `fields` has both, in bytes."""

    code = "no-memory"


class NotFetched(Busy):
    """Bytes did not arrive as they should; `fields` has the `reason`."""

    code = "not-fetched"


class QueueFull(Busy):
    """More requests wait for this model than its bound allows."""

    code = "queue-full"


class LowPriority(Busy):
    """The box is about to fail, and takes urgent requests alone."""

    code = "low-priority"


class DeadlineExceeded(Busy):
    """The request's own deadline passed before it could be answered."""

    code = "deadline-exceeded"


class NotReady(Busy):
    """The model is installed but not loaded; the message says why."""

    code = "not-ready"


class Draining(Busy):
    """The daemon is stopping."""

    code = "draining"


class TooManyConnections(Busy):
    """The connection cap of a socket is reached."""

    code = "too-many-connections"


class SlowRequest(Busy):
    """The head or body of a request did not arrive before its deadline."""

    code = "slow-request"


# --- the device and its data -------------------------------------------------


class BadModel(Broken):
    """A runtime cannot load or run a model file."""

    code = "bad-model"


class BadRelease(Broken):
    """An installed release is damaged: a file, a digest or a link."""

    code = "bad-release"


class StoreFailed(Broken):
    """The store cannot be read or written: disk full, read-only, no permission."""

    code = "store-failed"


class SocketFailed(Broken):
    """A listening socket cannot be made."""

    code = "socket-failed"


class ProtocolError(Broken):
    """The other side answered something that is not the protocol."""

    code = "protocol-error"


# --- raised by the client alone ----------------------------------------------


class NoDaemon(Broken):
    """No daemon answers; `fields` has `socket`, `errno` and `cause`."""

    code = "no-daemon"


class NoAccess(Refused):
    """The socket exists and the caller may not connect to it."""

    code = "no-access"


class TimedOut(Busy):
    """The client's deadline passed without an answer."""

    code = "timed-out"


def tree(root: type[EdgedError] = EdgedError) -> Iterator[type[EdgedError]]:
    """Yield `root` and every class below it, parents first."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def by_code(code: str) -> type[EdgedError] | None:
    """Return the class with this code, so that a client raises what the server did."""
    return next((error for error in tree() if error.code == code), None)
