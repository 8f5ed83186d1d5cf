"""The tar format, as little of it as a bundle needs.

Law: every byte is hostile until a check has passed; memory is bounded whatever the
stream says; only `BadBundle` comes out. Files and folders only: a link, a device or
a sparse file is refused by its name.

Why not the standard module: it reads a pax or long-name record of any size into
memory, and its 3.11 line on Debian 12 loops on some negative sizes (CVE-2025-8194).
Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar
Format". Understood: v7, ustar, GNU long names, pax `path` and `size`.
"""

import enum
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from edged.errors import BadBundle
from edged.store.stream import (
    GZIP,
    PIECE,
    TAR_HINT,
    Stream,
    plain,
    too_large,
    truncated,
)

BLOCK = 512

#: What eleven octal digits can say.
SIZE_MAX = 8 * 2**30 - 1

#: No disk that is carried around holds more, and any file can be looked at up to here.
_FILE_MAX = 1 << 50

#: A pax or long-name record. PATH_MAX is 4096; nothing here needs more.
_RECORD_MAX = 1 << 16

#: Zeros after the end: GNU tar fills its last record, 10 KiB unless told otherwise.
_TAIL_MAX = 1 << 20

_OCTAL = re.compile(rb"[0-7]{1,12}")

_DECIMAL = re.compile(r"[0-9]{1,19}")

_ZERO = bytes(BLOCK)


class Kind(enum.Enum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a tar: its name as written, not yet judged."""

    name: str
    kind: Kind
    size: int


def read_tar(
    chunks: Iterable[bytes], *, max_bytes: int
) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Yield each member and its bytes, while they arrive.

    The bytes must be read before the next member; what is left unread is skipped.
    After the last member the rest of the stream is read too, so that a checksum at
    its end has been seen.

    Args:
        chunks: a tar, plain or gzip, in pieces of any size.
        max_bytes: limit on all file bytes together, and on what arrives.

    Raises:
        BadBundle: not a tar, truncated, over a limit, or with a member that is
            neither file nor folder.
    """
    stream = Stream(plain(chunks, max_bytes=max_bytes))
    left = max_bytes
    while (member := _next_member(stream)) is not None:
        if member.size > left:
            raise too_large(max_bytes)
        left -= member.size
        body = stream.pieces(member.size, member.name)
        yield member, body
        for _ in body:
            pass
        stream.exactly(-member.size % BLOCK, member.name)
    _expect_silence(stream)


def places(file: BinaryIO) -> Iterator[tuple[Member, int]]:
    """Yield each member of a plain tar on a disk, and where its bytes begin.

    Headers alone are read; whether the last member is whole is for who reads it.

    Raises:
        BadBundle: as `read_tar`, but for limits.
        OSError: the file cannot be read.
    """
    # A block at a time: what was taken is then all that was read.
    stream = Stream(iter(lambda: file.read(BLOCK), b""))
    while (member := _next_member(stream)) is not None:
        begin = file.tell()
        if member.size > _FILE_MAX:
            raise _malformed(f"size {member.size} of {member.name!r}")
        yield member, begin
        file.seek(begin + member.size + -member.size % BLOCK)


def header(name: str, size: int) -> bytes:
    """Return the ustar header of a plain file: root's, 0644, without a date.

    Args:
        name: at most 100 bytes of UTF-8.
        size: at most `SIZE_MAX`.
    """
    fields = b"".join(
        (
            name.encode().ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" * 2,
            b"%011o\0" % size,
            b"0" * 11 + b"\0",
            b" " * 8,  # the checksum counts as blanks while it is summed
            b"0".ljust(101, b"\0"),
            b"ustar\x0000",
        )
    ).ljust(BLOCK, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def padding(size: int) -> bytes:
    """Return the zeros that follow a file of `size` bytes."""
    return bytes(-size % BLOCK)


def ending() -> bytes:
    """Return the end of an archive."""
    return _ZERO * 2


def looks_like_tar(head: bytes) -> bool:
    """Tell by its first 512 bytes whether a file is a tar, plain or gzip."""
    return head.startswith(GZIP) or head[257:262] == b"ustar"


# --- one header after the other ---------------------------------------------------


def _next_member(stream: Stream) -> Member | None:
    """Return the next file or folder, with what records before it say; None at the end.

    Raises:
        BadBundle: see `read_tar`.
    """
    told: dict[str, str] = {}
    records = 0
    while True:
        block = stream.upto(BLOCK)
        if block == _ZERO:
            return None
        if len(block) < BLOCK:
            raise truncated("before its end mark")
        member, flag = _parse(block)
        if flag not in _RECORDS:
            return _judged(member, flag, told)
        records += 1
        if member.size > _RECORD_MAX or records > len(_RECORDS):
            raise _malformed(f"an extended header of {member.size} bytes")
        body = stream.exactly(member.size, member.name)
        stream.exactly(-member.size % BLOCK, member.name)
        told |= _RECORDS[flag](body)


def _parse(block: bytes) -> tuple[Member, bytes]:
    """Read one header: the member as written there, and its type flag."""
    if not _is_whole(block):
        raise BadBundle(
            "cannot take bundle: it is not a tar, or is damaged (a header's checksum "
            "is wrong)",
            hint=TAR_HINT,
        )
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = f"{prefix}/{name}"
    flag = block[156:157]
    size = _size(block[124:136])
    is_folder = flag == b"5" or (flag == b"\0" and name.endswith("/"))
    kind = Kind.FOLDER if is_folder else Kind.FILE
    return Member(name=name, kind=kind, size=size), flag


def _is_whole(block: bytes) -> bool:
    """Compare a header's checksum, in which its own field counts as blanks."""
    blank = block[:148] + b" " * 8 + block[156:]
    # Old tars summed signed characters.
    signed = sum(blank) - 256 * sum(byte >= 1 << 7 for byte in blank)
    written = _OCTAL.fullmatch(block[148:156].strip(b" \0"))
    return written is not None and int(written[0], 8) in (sum(blank), signed)


#: A regular file; from before POSIX; "contiguous", which means regular today.
_FILE_FLAGS = (b"0", b"\0", b"7")

_REFUSED = {
    b"1": ("a hard link", "make the tar with `--hard-dereference`"),
    b"2": ("a symbolic link", "make the tar with `--dereference`"),
    b"3": ("a character device", ""),
    b"4": ("a block device", ""),
    b"6": ("a named pipe", ""),
    b"S": ("a sparse file", "make the tar without `--sparse`"),
}


def _judged(member: Member, flag: bytes, told: dict[str, str]) -> Member:
    """Apply what records said; refuse all but files and folders."""
    name = told.get("path", member.name)
    if flag not in (*_FILE_FLAGS, b"5"):
        what, hint = _REFUSED.get(flag, (f"of unknown type {flag!r}", TAR_HINT))
        raise BadBundle(
            f"cannot take bundle: {name!r} is {what}; only files and folders are taken",
            hint=hint,
        )
    sparse = next((key for key in told if key.startswith("GNU.sparse")), None)
    if sparse:
        what, hint = _REFUSED[b"S"]
        raise BadBundle(f"cannot take bundle: {name!r} is {what}", hint=hint)
    size = member.size
    if "size" in told:
        size = _number_of(told["size"], name)
    # A folder has no bytes; some old writers left its size in the field.
    size = 0 if member.kind is Kind.FOLDER else size
    return Member(name=name, kind=member.kind, size=size)


def _number_of(text: str, name: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise _malformed(f"size {text[:40]!r} of {name!r}")
    return int(text)


def _pax(body: bytes) -> dict[str, str]:
    """Read `LENGTH key=value` lines; what a bundle does not need is dropped."""
    told = {}
    while body:
        digits, _, _ = body.partition(b" ")
        if not digits.isdigit() or len(digits) > 5:  # noqa: PLR2004  # see _RECORD_MAX
            raise _malformed("a pax record without its length")
        length = int(digits)
        record, body = body[:length], body[length:]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) != length or not equals or not record.endswith(b"\n"):
            raise _malformed("a pax record of the wrong length")
        told[_text(key)] = _text(value) if key in (b"path", b"size") else ""
    return told


def _pax_global(body: bytes) -> dict[str, str]:
    """Read what holds for all members: nothing that we take (git writes a comment)."""
    if any(key in ("path", "size") or "sparse" in key for key in _pax(body)):
        raise _malformed("one path or size for all its members")
    return {}


def _long_name(body: bytes) -> dict[str, str]:
    return {"path": _text(body)}


def _long_link(_: bytes) -> dict[str, str]:
    return {}  # the link that follows is refused by its type


_RECORDS = {b"x": _pax, b"g": _pax_global, b"L": _long_name, b"K": _long_link}


def _size(field: bytes) -> int:
    """Read an octal field, or GNU's base-256 one."""
    if field[0] == 0x80:  # noqa: PLR2004  # the flag bit of base-256, positive
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0") or b"0"
    if not _OCTAL.fullmatch(digits):
        raise _malformed(f"size {field!r}")
    return int(digits, 8)


def _text(field: bytes) -> str:
    """Read a NUL-terminated field as UTF-8."""
    field = field.split(b"\0", 1)[0]
    try:
        return field.decode()
    except UnicodeDecodeError as exc:
        raise BadBundle(
            f"cannot take bundle: the name {field!r} is not UTF-8",
            hint="rename the file",
        ) from exc


def _expect_silence(stream: Stream) -> None:
    """Read to the end: only zeros may follow."""
    left = _TAIL_MAX
    while part := stream.some(PIECE):
        left -= len(part)
        if left < 0 or part.strip(b"\0"):
            raise BadBundle(
                "cannot take bundle: bytes follow after the end of the tar",
                hint="send one tar alone",
            )


def _malformed(what: str) -> BadBundle:
    return BadBundle(f"cannot take bundle: its tar has {what}", hint=TAR_HINT)
