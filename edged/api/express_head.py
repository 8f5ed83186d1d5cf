"""Heads of the requests that the express door answers itself.

Law: strict. A head is taken only if it is, byte for byte, of a shape on which no two
readers can disagree: one request line, header fields of printable ASCII, none twice,
one length. Everything else is not refused here but left to aiohttp, so that there is
one reader of unusual requests. Pure.
"""

import enum
import re

import msgspec
from aiohttp import web

from edged.api import body as bodies
from edged.wire.oip import JSON_LENGTH_HEADER
from edged.wire.release import NAME_PATTERN

#: Longest head that is looked at; a stock client's has 150 to 300 bytes.
MAX_HEAD_BYTES = 4096
MAX_FIELDS = 32

#: Heads that are remembered, and how long one may be: together at most 256 KiB.
MAX_KNOWN = 256
MAX_KNOWN_BYTES = 1024

_MODEL = rf"models/({NAME_PATTERN})(?:/versions/([A-Za-z0-9][A-Za-z0-9._-]*))?/infer"
_REGION = (
    r"systemsharedmemory/region/([A-Za-z0-9_][A-Za-z0-9._-]*)/(register|unregister)"
)
_REQUEST = re.compile(rf"POST /v2/(?:{_MODEL}|{_REGION}) HTTP/1\.1".encode())
_NAME = re.compile(rb"[A-Za-z0-9_-]+")
_VALUE = re.compile(rb"[\x20-\x7e\t]*")
_NUMBER = re.compile(rb"[0-9]{1,15}")

_LENGTH = b"content-length"
_JSON_LENGTH = JSON_LENGTH_HEADER.lower().encode()

#: Fields that change how a message is read, or what its sender waits for.
_UNUSUAL = {
    b"content-encoding", b"expect", b"http2-settings", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
}  # fmt: skip


class Kind(enum.Enum):
    """What is asked."""

    INFER = "infer"
    REGISTER = "register"
    UNREGISTER = "unregister"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a head says.

    Attributes:
        target: the model's name, or the region's.
        version: the model's version, if the path names one.
        length: of the body, in bytes.
        json_bytes: where the body's JSON ends; None for everywhere.
    """

    kind: Kind
    target: str
    version: str | None
    length: int
    json_bytes: int | None

    @property
    def path(self) -> str:
        """The request's path, for people."""
        if self.kind is not Kind.INFER:
            return f"/v2/systemsharedmemory/region/{self.target}/{self.kind.value}"
        version = f"/versions/{self.version}" if self.version else ""
        return f"/v2/models/{self.target}{version}/infer"


class Heads:
    """Heads that came before, by their bytes: a client sends the same every time."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def read(self, raw: bytes) -> Head | None:
        """Return what a head says; see `read_head`."""
        head = self._known.get(raw)
        if head is None:
            head = read_head(raw)
            if head is not None and len(raw) <= MAX_KNOWN_BYTES:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                self._known[raw] = head
        return head

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"{len(self)} heads"


def keeps(request: web.BaseRequest) -> bool:
    """Tell whether aiohttp's answer may keep a connection open.

    Others end it, so that a client who asked for something else comes back to express.
    """
    return request.method == "POST" and request.path.endswith("/infer")


def read_head(raw: bytes) -> Head | None:
    """Return what a head says; None if it is unusual.

    Args:
        raw: without the empty line that ends it.
    """
    if len(raw) > MAX_HEAD_BYTES:
        return None
    line, *lines = raw.split(b"\r\n")
    asked = _REQUEST.fullmatch(line)
    fields = _fields(lines)
    if asked is None or fields is None or b"host" not in fields:  # RFC 9112, 3.2
        return None
    length, json_bytes = fields.get(_LENGTH), fields.get(_JSON_LENGTH)
    if length is None or not _NUMBER.fullmatch(length):
        return None
    if json_bytes is not None and not _NUMBER.fullmatch(json_bytes):
        return None
    if json_bytes is not None and int(json_bytes) > int(length):
        return None
    model, version, region, verb = asked.groups()
    return Head(
        kind=Kind(verb.decode()) if verb else Kind.INFER,
        target=(region or model).decode(),
        version=None if version is None else version.decode(),
        length=int(length),
        json_bytes=None if json_bytes is None else int(json_bytes),
    )


def _fields(lines: list[bytes]) -> dict[bytes, bytes] | None:
    """Return the fields by lower-case name, None if one of them is unusual."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return None
        if name in fields or name in _UNUSUAL or len(fields) == MAX_FIELDS:
            return None
        fields[name] = value
    if fields.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    if bodies.answer_encoding(fields.get(b"accept-encoding", b"").decode()):
        return None
    return fields
