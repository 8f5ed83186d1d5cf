"""Answers read from any pieces, requests written, errors raised again."""

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from edged import errors
from edged.api import problems
from edged.api.connection import Refuse
from edged.client.http import (
    MAX_ANSWER_BYTES,
    MAX_HEAD_BYTES,
    SCRATCH_BYTES,
    Answer,
    Call,
    Reader,
    check,
    error_of,
    query,
    quote,
)
from edged.errors import EdgedError, ProtocolError

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-It: a: b\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
)
TO_END = b"HTTP/1.0 200 OK\r\n\r\nhello"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def feed(reader: Reader, raw: bytes, cut: int) -> None:
    """Give a reader the bytes, at most `cut` at a time, until it has its answer."""
    while raw and reader.answer is None:
        room = reader.buffer()
        piece = raw[: min(cut, len(room))]
        room[: len(piece)] = piece
        reader.received(len(piece))
        raw = raw[len(piece) :]
    if reader.answer is None:
        reader.ended()


def read(raw: bytes, cut: int = 1000) -> Reader:
    """Return a reader that has got these bytes and the end."""
    reader = Reader(memoryview(bytearray(SCRATCH_BYTES)))
    feed(reader, raw, cut)
    return reader


@pytest.mark.parametrize("raw", [SIZED, CHUNKED, TO_END, INTERIM])
@given(cut=st.integers(1, 200))
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(
    raw: bytes, cut: int
) -> None:
    """The kernel cuts where it likes."""
    answer = read(raw, cut).answer

    assert answer is not None
    assert (200, b"hello") == (answer.status, bytes(answer.body))


@pytest.mark.parametrize(("raw", "status"), [(EMPTY, 200), (NO_CONTENT, 204)])
def test_an_answer_without_a_body_is_complete_with_its_head(
    raw: bytes, status: int
) -> None:
    """Nothing more is waited for."""
    answer = read(raw, 7).answer

    assert answer is not None
    assert (status, b"") == (answer.status, bytes(answer.body))


def test_headers_are_found_by_lower_case_name() -> None:
    """And keep everything behind the first colon."""
    answer = read(SIZED).answer

    assert answer is not None
    assert "a: b" == answer.headers["x-it"]


def test_a_large_body_is_received_into_its_own_memory() -> None:
    """Beyond what came with the head, nothing is copied."""
    body = bytes(range(256)) * 1000
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 256000\r\n\r\n" + body

    answer = read(raw, 10_000).answer

    assert answer is not None
    assert body == answer.body


@pytest.mark.parametrize(
    ("raw", "keeps"),
    [
        (SIZED, True),
        (CHUNKED, True),
        (TO_END, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (SIZED + b"HTTP/1.1 200 OK\r\n", False),
    ],
)
def test_a_connection_is_kept_only_if_nothing_speaks_against_it(
    raw: bytes, *, keeps: bool
) -> None:
    """Neither `close`, nor an old version, nor bytes that nobody asked for."""
    assert keeps is read(raw).keeps


@pytest.mark.parametrize("raw", [SIZED[:10], SIZED[:-1], CHUNKED[:-1], b""])
def test_an_answer_that_ends_early_is_none(raw: bytes) -> None:
    """Half a tensor is no tensor."""
    assert read(raw).answer is None


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4fffffff\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEAD_BYTES * 2),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"0" * (MAX_HEAD_BYTES * 2),
    ],
)
def test_what_is_no_answer_is_a_protocol_error(raw: bytes) -> None:
    """Named so, and bounded in memory, whatever listens there."""
    with pytest.raises(ProtocolError, match="cannot read the answer"):
        read(raw, 60_000)


@given(raw=st.binary(max_size=300), cut=st.integers(1, 50))
def test_garbage_raises_nothing_else(raw: bytes, cut: int) -> None:
    """The one promise of the reader."""
    try:
        read(b"HTTP/1.1 200 OK\r\n" + raw, cut)
    except ProtocolError:
        return


# --- requests --------------------------------------------------------------------


def test_a_get_has_no_length_and_a_post_always_has() -> None:
    """RFC 9110, 8.6: a server may wait for a body otherwise."""
    get = Call(method="GET", target="/x").head()
    post = Call(method="POST", target="/x").head()

    assert b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n" == get
    assert b"Content-Length: 0\r\n" in post


def test_a_stream_is_chunked() -> None:
    """Nobody knows its length."""
    head = Call(method="POST", target="/x", stream=[b"a"]).head()

    assert b"Transfer-Encoding: chunked\r\n" in head
    assert b"Content-Length" not in head


def test_what_goes_into_a_target_cannot_leave_it() -> None:
    """A name with a line break would be a header."""
    assert "a%0D%0AX%3A%201%2F%3F%C3%BC" == quote("a\r\nX: 1/?ü")


def test_a_query_leaves_out_what_is_none() -> None:
    """And writes booleans as JSON does."""
    assert "?a=1&b=true&c=x%20y" == query({"a": 1, "b": True, "c": "x y", "d": None})
    assert "" == query({"d": None})


# --- errors ----------------------------------------------------------------------


def as_received(response: web.Response) -> Answer:
    """Return the server's answer as a client has it."""
    assert isinstance(response.body, bytes)
    return Answer(
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=response.body,
    )


@pytest.mark.parametrize("kind", list(errors.tree()))
def test_every_error_comes_out_as_it_went_in(kind: type[EdgedError]) -> None:
    """Same class, text, hint and fields: over the control socket."""
    error = kind("cannot do it", hint="do that", limit=7)

    again = error_of(as_received(problems.control_answer(error)))

    assert (kind, "cannot do it", "do that", 7) == (
        type(again),
        again.message,
        again.hint,
        again.fields["limit"],
    )


@pytest.mark.parametrize("kind", list(errors.tree()))
def test_every_error_keeps_its_class_on_the_data_socket(kind: type[EdgedError]) -> None:
    """By a header, because the protocol's body has only a text."""
    error = kind("cannot do it")

    again = error_of(as_received(problems.data_answer(error)))

    assert (kind, "cannot do it") == (type(again), again.message)


@pytest.mark.parametrize("hint", ["", "do that", "100 % (…)\r\nEvil: 1", "a: \\ü"])
def test_a_hint_is_told_apart_on_the_data_socket(hint: str) -> None:
    """A stock client reads it in the text; ours has it by itself."""
    error = EdgedError("cannot do it (now)", hint=hint)

    again = error_of(as_received(problems.data_answer(error)))

    assert ("cannot do it (now)", hint) == (again.message, again.hint)


@pytest.mark.parametrize("answer", [problems.control_answer, problems.data_answer])
def test_retry_after_comes_through(answer: Refuse) -> None:
    """So that a caller knows when to come again."""
    error = errors.QueueFull("cannot", retry_after_s=3.0)

    again = error_of(as_received(answer(error)))

    assert isinstance(again, errors.Busy)
    assert 3.0 == again.retry_after_s


def test_an_unknown_code_keeps_its_text() -> None:
    """A newer daemon may know more errors."""
    body = msgspec.json.encode(
        {"title": "new", "detail": "cannot: new", "code": "new", "fields": {"a": 1}}
    )
    answer = Answer(
        status=400, headers={"content-type": "application/problem+json"}, body=body
    )

    error = error_of(answer)

    assert (EdgedError, "cannot: new", {"code": "new", "a": 1}) == (
        type(error),
        error.message,
        error.fields,
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 5}'])
def test_an_error_without_a_text_still_says_its_status(body: bytes) -> None:
    """What is not edged at all may answer, too."""
    error = error_of(Answer(status=502, headers={}, body=body))

    assert "cannot get an answer: HTTP status 502" == error.message


def test_a_status_that_edged_never_answers_is_a_protocol_error() -> None:
    """Success is 200 alone."""
    with pytest.raises(ProtocolError):
        check(Answer(status=301, headers={}, body=b""))
