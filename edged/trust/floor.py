"""What must never be believed again: versions below these, and times before this one.

Law: versions grow, and fall only where a new root takes keys away from those who
signed them (the recovery from a fast-forward attack, clause 5.3.11 of the TUF
specification). The record stands beside the metadata and does not depend on it: a
damaged `timestamp.json` makes nothing older acceptable. It has a checksum; a damaged
record is none, and then the metadata itself is the floor.
"""

import os
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from edged.host.files import Files, Site, store_errors
from edged.wire.unreadable import UNREADABLE

#: The file, in the folder of a source.
FILE = "floor"

#: Bytes that are read at most: a record has some 500, with ten keys each.
_MAX_BYTES = 64 << 10

#: A good time is written down this often alone: flash wears.
_STEP = timedelta(hours=6)

#: The roles that have a version, in the order in which a client learns of them.
ROLES = ("root", "timestamp", "snapshot", "targets")

_encoder = msgspec.json.Encoder()


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """The least that is believed.

    Attributes:
        root, timestamp, snapshot, targets: versions; 0 is below all.
        keys: ids of the keys that vouched for timestamp and snapshot.
        issued: the newest issue time in metadata that was verified.
        seen: the newest time that a set clock showed while metadata was verified and
            had not expired. So no clock can push it beyond what was signed.
    """

    format: int = 1
    root: int = 0
    timestamp: int = 0
    snapshot: int = 0
    targets: int = 0
    keys: tuple[str, ...] = ()
    issued: datetime | None = None
    seen: datetime | None = None

    @property
    def utc(self) -> datetime | None:
        """Return a time that is over for sure; None where none is known."""
        return max((at for at in (self.issued, self.seen) if at), default=None)

    def raised(self, other: "Floor") -> "Floor":
        """Return the floor after `other` was verified.

        Where its root takes a key away that vouched, those versions and that issue
        time count no more. An older root can take nothing away.
        """
        if other.root < self.root:
            return self
        if set(self.keys) - set(other.keys):
            base = Floor(root=self.root, seen=self.seen)
        else:
            base = self
        return Floor(
            **{role: max(getattr(base, role), getattr(other, role)) for role in ROLES},
            keys=other.keys,
            issued=_later(base.issued, other.issued),
            seen=_later(base.seen, other.seen),
        )

    def above(self, other: "Floor") -> Iterator[str]:
        """Yield the roles of which `other` has an older version."""
        for role in ROLES:
            if getattr(other, role) < getattr(self, role):
                yield role

    def is_news(self, written: "Floor | None") -> bool:
        """Tell whether it is worth writing over what is written."""
        if written is None:
            return True
        if self.seen and (not written.seen or self.seen - written.seen >= _STEP):
            return True
        return msgspec.structs.replace(self, seen=written.seen) != written


def read(folder: Path) -> Floor | None:
    """Return the floor of a source; None where there is none, or a damaged one.

    Raises:
        StoreFailed: the file cannot be read.
    """
    path = folder / FILE
    with store_errors("read", path):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            data = file.read(_MAX_BYTES)
    checksum, _, record = data.removesuffix(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(record):
        return None
    try:
        return msgspec.json.decode(record, type=Floor)
    except UNREADABLE:
        return None


def write(folder: Path, floor: Floor, files: Files) -> None:
    """Make a floor durable.

    Raises:
        StoreFailed: the disk refuses; what was written before holds.
    """
    record = _encoder.encode(floor)
    line = b"%08x %b\n" % (zlib.crc32(record), record)
    files.write_atomic(Site.TRUST_FLOOR, folder / FILE, line)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at), default=None)
