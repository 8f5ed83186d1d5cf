"""What the updater must not forget: people's wishes, releases under way, the history.

Law: one file, replaced as a whole, with a checksum; so it is what it was before, or
what it was to become, wherever the power is cut. A damaged file is an empty one, and
is told: what is lost is a pause and the history, never an update, which is chosen
anew. Bounded.

    <sha256 of the rest, 64 hex digits>
    <`Notes` as JSON>
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from edged.errors import StoreFailed
from edged.host.files import Files, Site, store_errors
from edged.update.moves import Wanted
from edged.wire.unreadable import UNREADABLE
from edged.wire.updates import Attempt, Outcome, Reason

#: Attempts that are kept: some years of a box that is updated weekly.
ATTEMPTS_MAX = 200

#: Releases that were refused here and are remembered; the oldest go.
REFUSALS_MAX = 100

#: Releases that have bytes here and are not over; the oldest go, with their bytes.
TRIES_MAX = 4

#: Bytes that are read at most: what is written stays far below.
_READ_MAX = 4 << 20

#: Characters of a reason that are kept.
_TEXT_MAX = 500

V = TypeVar("V")

_HEAD = 65  # sha256 in hex, and a newline


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants nothing to be fetched.

    Attributes:
        until_utc: RFC 3339; None: until it is resumed.
        for_s: how long it was to be, so that a clock that jumps back does not make it
            longer; None: without an end.
    """

    by: str
    since_utc: str
    why: str = ""
    until_utc: str | None = None
    for_s: float | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants no release until a date; see `Pause`."""

    by: str
    since_utc: str
    until_utc: str
    why: str = ""


class Urge(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants what is new at once; see `Pause`."""

    by: str
    since_utc: str


class Setback(msgspec.Struct, frozen=True, kw_only=True):
    """Something that failed and is tried again.

    Attributes:
        count: failures in a row.
        wait_s: until the next try, as it was drawn.
        next_utc: when that is.
    """

    count: int
    reason: Reason
    text: str
    hint: str = ""
    since_utc: str
    wait_s: float
    next_utc: str


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is being taken, over all lives.

    Attributes:
        by: the person who asked for it; empty for nobody.
        files: sha256 of each that is fetched for it: what its bytes here are called.
        fetched_bytes: over the network.
        kept_bytes: that needed no network.
        took_s: seconds in which something was done for it.
        cuts: how often a transfer ended before its end.
        handed: how often it was given to the daemon with no word of what became of it.
        change: of the daemon.
        setback: the last one, until the next success.
    """

    wanted: Wanted
    began_utc: str
    by: str = ""
    files: tuple[str, ...] = ()
    fetched_bytes: int = 0
    kept_bytes: int = 0
    took_s: float = 0.0
    cuts: int = 0
    handed: int = 0
    change: int | None = None
    setback: Setback | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A release that the daemon did not want; it is not handed in again."""

    wanted: Wanted
    reason: Reason
    text: str
    hint: str = ""
    at_utc: str
    change: int | None = None


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        holds: by model; under "" that of all models.
        urges: likewise.
        tries: by digest.
        refusals: by digest.
        attempts: the newest last.
        looks: when each source is to be asked next, RFC 3339, by its name.
        answers: when each last answered as it should, likewise.
    """

    format: int = 1
    pause: Pause | None = None
    holds: dict[str, Hold] = {}
    urges: dict[str, Urge] = {}
    tries: dict[str, Try] = {}
    refusals: dict[str, Refusal] = {}
    attempts: tuple[Attempt, ...] = ()
    looks: dict[str, str] = {}
    answers: dict[str, str] = {}


# --- what is done to notes: pure ------------------------------------------------------


def with_try(notes: Notes, one: Try) -> Notes:
    """Note a release under way; the oldest makes room."""
    tries = {**_without(notes.tries, one.wanted.digest), one.wanted.digest: one}
    return msgspec.structs.replace(notes, tries=_newest(tries, TRIES_MAX))


def without_try(notes: Notes, digest: str) -> Notes:
    """Forget a release under way."""
    return msgspec.structs.replace(notes, tries=_without(notes.tries, digest))


def with_refusal(notes: Notes, one: Refusal) -> Notes:
    """Note that a release was refused."""
    rest = _without(notes.refusals, one.wanted.digest)
    refusals = {**rest, one.wanted.digest: one}
    return msgspec.structs.replace(notes, refusals=_newest(refusals, REFUSALS_MAX))


def lifted(notes: Notes, model: str | None) -> Notes:
    """Forget what was refused and what failed, of a model or of all: a person asks."""
    return msgspec.structs.replace(
        notes,
        refusals={
            digest: one
            for digest, one in notes.refusals.items()
            if model not in (None, one.wanted.model)
        },
        tries={
            digest: msgspec.structs.replace(one, setback=None, handed=0)
            if model in (None, one.wanted.model)
            else one
            for digest, one in notes.tries.items()
        },
    )


def recorded(notes: Notes, one: Attempt) -> Notes:
    """Note how an attempt ended.

    One that failed again and again is one attempt: its newest end replaces the older.
    """
    last = notes.attempts[-1] if notes.attempts else None
    rest = notes.attempts
    if last is not None and last.outcome is Outcome.FAILED and _is_same(last, one):
        rest = rest[:-1]
    attempts = (*rest, one)[-ATTEMPTS_MAX:]
    return msgspec.structs.replace(notes, attempts=attempts)


def attempt(
    one: Try, *, at_utc: str, outcome: Outcome, reason: Reason | None, text: str
) -> Attempt:
    """Return how a release under way ended, as people read it."""
    wanted = one.wanted
    return Attempt(
        at_utc=at_utc,
        model=wanted.model,
        version=wanted.version,
        seq=wanted.seq,
        source=wanted.source,
        outcome=outcome,
        reason=reason,
        text=short(text),
        fetched_bytes=one.fetched_bytes,
        kept_bytes=one.kept_bytes,
        took_s=round(one.took_s, 3),
        change=one.change,
    )


def short(text: str) -> str:
    """Cut a reason to what is kept of it."""
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 1]}…"


def _is_same(last: Attempt, one: Attempt) -> bool:
    return (last.model, last.seq, last.source) == (one.model, one.seq, one.source)


def _without(those: Mapping[str, V], key: str) -> dict[str, V]:
    return {name: one for name, one in those.items() if name != key}


def _newest(those: dict[str, V], limit: int) -> dict[str, V]:
    return dict(list(those.items())[-limit:])


# --- the file -------------------------------------------------------------------------


class Notebook:
    """The file of the notes. Blocking; for one thread at a time.

    Args:
        path: its place; the folder is made where there is none.
        files: the port to the disk.

    Attributes:
        damaged: the file that was read could not be.
    """

    def __init__(self, path: Path, files: Files) -> None:
        self._path, self._files = path, files
        self.damaged = False

    def read(self) -> Notes:
        """Return what is noted; nothing where the file is damaged or absent.

        Raises:
            StoreFailed: the disk refuses to be read.
        """
        self.damaged = False
        try:
            with store_errors("read", self._path):
                data = _read(self._path)
        except StoreFailed as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return Notes()
            raise
        head, body = data[:_HEAD], data[_HEAD:]
        try:
            if head != _checksum(body):
                raise msgspec.DecodeError("the checksum is wrong")
            return _decoder.decode(body)
        except UNREADABLE:
            self.damaged = True
            return Notes()

    def write(self, notes: Notes) -> None:
        """Make it durable, in one step.

        Raises:
            StoreFailed: the file holds what it held.
        """
        folder = self._path.parent
        if not folder.is_dir():
            self._files.mkdir(Site.UPDATE_FOLDER, folder)
            self._files.sync_dir(Site.UPDATE_FOLDER, folder.parent)
        body = msgspec.json.encode(notes)
        data = _checksum(body) + body
        self._files.write_atomic(Site.UPDATE_NOTES, self._path, data)


_decoder = msgspec.json.Decoder(Notes)


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b"\n"


def _read(path: Path) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as file:
        return file.read(_READ_MAX)
