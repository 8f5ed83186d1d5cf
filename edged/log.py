"""Where log records go, and what they carry.

Law: to the journal with fields where stderr is the journal, to plain stderr
otherwise. Rooms write `logging.getLogger(__name__)` and nothing else.

Fields: a record's attribute that begins with `edged_` becomes a journal field of the
same name in capitals, so `extra={"edged_model": "digits", "edged_code": "bad-model"}`
is found again by `journalctl -u edged EDGED_MODEL=digits`. On plain stderr they stand
at the end of the line.

A record with a code has a MESSAGE_ID too, made of the code, by which `journalctl -x`
finds its text in systemd/edged.catalog.

A record is one datagram of bounded size. One that the journal does not take goes to
stderr: a daemon that cannot log must still serve.

Source: systemd.journal-fields(7), https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
"""

import logging
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TextIO

JOURNAL_SOCKET = "/run/systemd/journal/socket"
# Journald takes datagrams up to the socket's send buffer, about 200 kB; beyond that
# it wants a sealed memfd. No record of ours has a reason to be longer than this.
MESSAGE_MAX_CHARS = 16_384
# syslog(3) priorities, highest level first.
PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
DEBUG_PRIORITY = 7
# Never changes: catalogs and people's filters have the ids that come of it.
MESSAGES = uuid.UUID("b2fa656c-928a-49fd-a9f8-150a74e285a6")
DATAGRAM = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK

Fields = dict[str, str]
Send = Callable[[Fields], None]


def configure(
    level: str,
    *,
    name: str = "edged",
    environ: Mapping[str, str] = os.environ,
    stream: TextIO = sys.stderr,
) -> None:
    """Send every record of `level` and above to one place; may be called again.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        name: of the process, as `journalctl -t` finds it.
        environ: where JOURNAL_STREAM is looked up.
        stream: stderr, as systemd or a terminal gave it to us.
    """
    handler: logging.Handler
    if is_journal(stream, environ):
        handler = JournalHandler(_choose(), name=name, fallback=stream)
    else:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(PlainFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


def is_journal(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether `stream` is the one that systemd connected to the journal.

    JOURNAL_STREAM is inherited by children whose stderr was redirected, so it counts
    only if its device and inode are those of the stream.
    """
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


class PlainFormatter(logging.Formatter):
    """One line: time in UTC, level, text, fields. A traceback follows on its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # theirs
        """Add the fields."""
        line = super().formatMessage(record)
        fields = " ".join(
            f"{name.removeprefix('edged_')}={value}" for name, value in _extra(record)
        )
        return f"{line} [{fields}]" if fields else line


class JournalHandler(logging.Handler):
    """Records as journal entries.

    Args:
        send: takes the fields of one entry; OSError if it cannot deliver them.
        name: of the process.
        fallback: takes the text of an entry that could not be delivered.
    """

    def __init__(self, send: Send, *, name: str, fallback: TextIO) -> None:
        super().__init__()
        self._send = send
        self._process = name
        self._fallback = fallback

    def emit(self, record: logging.LogRecord) -> None:
        """Deliver one record."""
        try:
            message = self.format(record)
            self._send(entry(record, message, self._process))
        except OSError:
            print(message, file=self._fallback)
        except (TypeError, ValueError):
            # A wrong format string is a bug of the caller, told as logging tells it.
            self.handleError(record)


def entry(record: logging.LogRecord, message: str, process: str) -> Fields:
    """Return the journal fields of one record; the message holds any traceback."""
    fields = {
        "MESSAGE": message[:MESSAGE_MAX_CHARS],
        "PRIORITY": str(_priority(record.levelno)),
        "SYSLOG_IDENTIFIER": process,
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
    }
    for name, value in _extra(record):
        fields[name.upper()] = str(value)[:MESSAGE_MAX_CHARS]
    if code := fields.get("EDGED_CODE"):
        fields["MESSAGE_ID"] = message_id(code)
    return fields


def message_id(code: str) -> str:
    """Return the id of all records with this code: 32 hex digits, always the same."""
    return uuid.uuid5(MESSAGES, code).hex


def datagram(fields: Fields) -> bytes:
    """Encode one entry in the journal's native protocol.

    A value with a line break goes by length (64 bit, little-endian), so that no value
    can begin a field of its own.
    """
    parts = []
    for name, value in fields.items():
        raw = value.encode(errors="replace")
        if b"\n" in raw:
            size = len(raw).to_bytes(8, "little")
            parts.append(name.encode() + b"\n" + size + raw + b"\n")
        else:
            parts.append(name.encode() + b"=" + raw + b"\n")
    return b"".join(parts)


def _extra(record: logging.LogRecord) -> list[tuple[str, object]]:
    return [item for item in vars(record).items() if item[0].startswith("edged_")]


def _priority(level: int) -> int:
    for floor, priority in PRIORITIES:
        if level >= floor:
            return priority
    return DEBUG_PRIORITY


def _choose() -> Send:
    try:
        # Built against the machine's libsystemd, so it comes from the distribution.
        from systemd import journal  # noqa: PLC0415  # optional
    except ImportError:
        return _send

    return lambda fields: journal.sendv(*map("=".join, fields.items()))


def _send(fields: Fields) -> None:
    # A socket of its own each time: records are rare, and journald may be restarted.
    with socket.socket(socket.AF_UNIX, DATAGRAM) as sock:
        sock.sendto(datagram(fields), JOURNAL_SOCKET)
