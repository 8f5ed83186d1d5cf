"""HTTP/1.1 as bytes: requests to send, answers to read. No socket is touched here.

Law: one parser for the sync and the async transport; bodies are received straight
into their own memory where the length is known. Whatever a peer sends, only
`ProtocolError` comes out, and memory stays within `MAX_ANSWER_BYTES`.
Source: RFC 9112.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from edged.errors import Busy, EdgedError, ProtocolError, by_code
from edged.wire.messages import Problem
from edged.wire.unreadable import UNREADABLE

Buffer = bytes | bytearray | memoryview

#: Larger than any tensor that a box of this kind answers.
MAX_ANSWER_BYTES = 1 << 30
MAX_HEAD_BYTES = 64 * 1024
#: Room to receive into; what a small answer needs in one go.
SCRATCH_BYTES = 64 * 1024

_OK = 200
_FIRST_FINAL = 200  # below: interim answers, such as 100 Continue
_BODILESS = {204, 304}
_FIRST_ERROR = 400

#: What RFC 3986 calls unreserved; everything else is percent-encoded.
_UNRESERVED = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    Attributes:
        target: path and query, already quoted.
        body: sent one after another; their length is announced.
        stream: sent in chunks as they come, instead of `body`; iterated once.
        fds: descriptors that go with the first byte; borrowed.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: tuple[Buffer, ...] = ()
    stream: Iterable[bytes] | None = None
    fds: tuple[int, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether the same call once more has no other effect: a GET has none."""
        return self.method == "GET"

    def head(self) -> bytes:
        """Return the request line and headers."""
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.stream is not None:
            lines.append("Transfer-Encoding: chunked")
        elif self.method != "GET":
            lines.append(f"Content-Length: {sum(len(part) for part in self.body)}")
        lines += ["", ""]
        return "\r\n".join(lines).encode()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One complete answer; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: Buffer

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for; this API knows no other success."""
        return self.status == _OK


def quote(text: str) -> str:
    """Percent-encode a path segment or a query value."""
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode()
    )


def query(fields: Mapping[str, object]) -> str:
    """Return `?a=1&b=true`, without fields that are None; empty if there are none."""
    pairs = (
        f"{quote(key)}={quote(_plain(value))}"
        for key, value in fields.items()
        if value is not None
    )
    text = "&".join(pairs)
    return f"?{text}" if text else ""


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Reader:
    """Reads one answer: receive into `buffer()`, then say so by `received()`.

    Args:
        scratch: room for what is not yet understood; may be used again afterwards.

    Attributes:
        answer: the answer once it is complete, else None.
        begun: whether any byte came.
        keeps: whether the connection may carry another request.
    """

    def __init__(self, scratch: memoryview) -> None:
        self.answer: Answer | None = None
        self.begun = False
        self.keeps = True
        self._scratch = scratch
        self._pending = bytearray()  # received, not yet understood
        self._step: Callable[[], bool] = self._read_head
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._rest: memoryview | None = None  # of a body of known length
        self._chunk = 0  # bytes that the present chunk still lacks

    def buffer(self) -> memoryview:
        """Return where to receive; never empty."""
        return self._scratch if self._rest is None else self._rest

    def received(self, count: int) -> None:
        """Take `count` bytes at the start of `buffer()`.

        Raises:
            ProtocolError: they are no HTTP answer.
        """
        self.begun = True
        if self._rest is not None:
            self._rest = self._rest[count:]
            if not len(self._rest):
                self._rest = None
                self._finish()
            return
        self._pending += self._scratch[:count]
        while self.answer is None and self._step():
            pass
        if self.answer is not None and self._pending:
            self.keeps = False  # bytes that nobody asked for

    def ended(self) -> None:
        """Take the end of the connection; `answer` stays None if it came too early."""
        self.keeps = False
        if self._step == self._read_to_end:
            self._finish()

    # Each step reads one part from `_pending` and tells whether it could.

    def _read_head(self) -> bool:
        end = self._pending.find(b"\r\n\r\n")
        if end < 0:
            if len(self._pending) > MAX_HEAD_BYTES:
                raise _garbled(f"its head is over {MAX_HEAD_BYTES} bytes")
            return False
        first, *fields = self._pending[:end].decode("latin-1").split("\r\n")
        del self._pending[: end + 4]
        self._status = _status(first)
        if self._status < _FIRST_FINAL:
            return True
        self._headers = dict(_field(line) for line in fields)
        self.keeps = (
            first.startswith("HTTP/1.1 ")
            and self._headers.get("connection", "").lower() != "close"
        )
        self._begin_body()
        return True

    def _begin_body(self) -> None:
        coding = self._headers.get("transfer-encoding", "").lower()
        length = self._headers.get("content-length")
        if self._status in _BODILESS:
            self._finish()
        elif coding:
            if coding != "chunked" or length is not None:
                raise _garbled("its length is told in an unknown or in two ways")
            self._step = self._read_chunk_size
        elif length is not None:
            self._begin_sized(_size(length, 10))
        else:
            self.keeps = False
            self._step = self._read_to_end

    def _begin_sized(self, length: int) -> None:
        early = self._pending[:length]
        del self._pending[:length]
        self._body = bytearray(length)
        self._body[: len(early)] = early
        if len(early) == length:
            self._finish()
        else:
            self._rest = memoryview(self._body)[len(early) :]

    def _read_chunk_size(self) -> bool:
        end = self._pending.find(b"\r\n")
        if end < 0:
            return self._small(end)
        line = self._pending[:end].decode("latin-1")
        del self._pending[: end + 2]
        self._chunk = _size(line.partition(";")[0].strip(), 16)
        if len(self._body) + self._chunk > MAX_ANSWER_BYTES:
            raise _garbled(f"it is over {MAX_ANSWER_BYTES} bytes")
        self._step = self._read_chunk if self._chunk else self._read_trailer
        return True

    def _read_chunk(self) -> bool:
        part = self._pending[: self._chunk]
        del self._pending[: len(part)]
        self._body += part
        self._chunk -= len(part)
        if self._chunk == 0:
            self._step = self._read_chunk_end
        return self._chunk == 0

    def _read_chunk_end(self) -> bool:
        if len(self._pending) < len(b"\r\n"):
            return False
        if not self._pending.startswith(b"\r\n"):
            raise _garbled("a chunk is longer than it says")
        del self._pending[:2]
        self._step = self._read_chunk_size
        return True

    def _read_trailer(self) -> bool:
        end = self._pending.find(b"\r\n")
        if end < 0:
            return self._small(end)
        del self._pending[: end + 2]
        if end == 0:
            self._finish()
        return True

    def _read_to_end(self) -> bool:
        self._body += self._pending
        self._pending.clear()
        if len(self._body) > MAX_ANSWER_BYTES:
            raise _garbled(f"it is over {MAX_ANSWER_BYTES} bytes")
        return False

    def _small(self, end: int) -> bool:
        """Say that a line has not ended yet, which it must before long."""
        if len(self._pending) > MAX_HEAD_BYTES:
            raise _garbled(f"a line is over {MAX_HEAD_BYTES} bytes")
        return end >= 0

    def _finish(self) -> None:
        self.answer = Answer(
            status=self._status, headers=self._headers, body=self._body
        )


def _status(line: str) -> int:
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not (
        len(code) == len("200") and code.isascii() and code.isdigit()
    ):
        raise _garbled(f"it begins {line[:40]!r}")
    return int(code)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise _garbled(f"it has a header {line[:40]!r}")
    return name.lower(), value.strip()


def _size(text: str, base: int) -> int:
    digits = "0123456789abcdef"[:base]
    if not text or len(text) > len("40000000") + 8 or set(text.lower()) - set(digits):
        raise _garbled(f"its length is {text[:40]!r}")
    size = int(text, base)
    if size > MAX_ANSWER_BYTES:
        raise _garbled(f"it is over {MAX_ANSWER_BYTES} bytes")
    return size


def _garbled(why: str) -> ProtocolError:
    return ProtocolError(
        f"cannot read the answer: {why}",
        hint="is the socket one of edged's? `edgectl status` names them",
    )


# --- errors --------------------------------------------------------------------


class _OipError(msgspec.Struct, frozen=True):
    """An error's body on the data socket."""

    error: str = ""


def error_of(answer: Answer) -> EdgedError:
    """Return the error that the daemon raised, of the same class.

    An unknown code, of a newer daemon, becomes an `EdgedError` that keeps the text.
    """
    kind = answer.headers.get("content-type", "")
    if kind.startswith("application/problem+json"):
        return _from_problem(answer)
    try:
        text = msgspec.json.decode(answer.body, type=_OipError).error
    except UNREADABLE:
        text = ""
    code = answer.headers.get("edged-code", "")
    hint = _unquoted(answer.headers.get("edged-hint", ""))
    retry_after = answer.headers.get("retry-after", "")
    return _make(
        code,
        text.removesuffix(f" ({hint})")
        or f"cannot get an answer: HTTP status {answer.status}",
        hint=hint,
        retry_after_s=float(retry_after) if retry_after.isdecimal() else None,
    )


def _unquoted(text: str) -> str:
    """Undo percent-encoding."""
    from urllib.parse import unquote  # noqa: PLC0415  # only for an error

    return unquote(text)


def _from_problem(answer: Answer) -> EdgedError:
    try:
        problem = msgspec.json.decode(answer.body, type=Problem)
    except UNREADABLE as exc:
        return _garbled(f"its problem+json does not hold: {exc}")
    error = _make(
        problem.code,
        problem.detail or problem.title,
        hint=problem.hint,
        retry_after_s=problem.retry_after_s,
    )
    error.fields.update(problem.fields)
    return error


def _make(
    code: str, text: str, *, hint: str = "", retry_after_s: float | None = None
) -> EdgedError:
    kind = by_code(code) or EdgedError
    if issubclass(kind, Busy) and retry_after_s is not None:
        return kind(text, hint=hint, retry_after_s=retry_after_s)
    error = kind(text, hint=hint)
    if kind is EdgedError and code:
        error.fields["code"] = code
    return error


def check(answer: Answer) -> Answer:
    """Return a good answer.

    Raises:
        EdgedError: what the daemon raised.
    """
    if answer.ok:
        return answer
    if answer.status < _FIRST_ERROR:
        raise _garbled(f"HTTP status {answer.status} is none that edged answers")
    raise error_of(answer)
