"""Which heads the express door takes, and that it takes no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.api.express_head import (
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MAX_KNOWN,
    MAX_KNOWN_BYTES,
    Head,
    Heads,
    Kind,
    read_head,
)

LINE = "POST /v2/models/digits/infer HTTP/1.1"
LENGTH = "Content-Length: 300"


def head(*fields: str, line: str = LINE, host: bool = True) -> bytes:
    """Write a head without the empty line; with a Host where none is given."""
    if host and not any(field.lower().startswith("host:") for field in fields):
        fields = ("Host: edged", *fields)
    return "\r\n".join((line, *fields)).encode("latin-1")


def test_a_stock_clients_head_is_read() -> None:
    """As the sync client of tritonclient 2.5x sends it."""
    raw = head(
        "Host: localhost",
        "User-Agent: python-geventhttpclient-2.3.4",
        "Inference-Header-Content-Length: 172",
        "content-length: 300",
        "connection: keep-alive",
    )

    got = read_head(raw)

    assert got == Head(
        kind=Kind.INFER, target="digits", version=None, length=300, json_bytes=172
    )


def test_a_version_and_a_region_are_read() -> None:
    """The two paths with a second shape."""
    infer = read_head(head(LENGTH, line=LINE.replace("/infer", "/versions/1.4/infer")))
    line = "POST /v2/systemsharedmemory/region/in-1/register HTTP/1.1"
    register = read_head(head(LENGTH, line=line))
    unregister = read_head(head(LENGTH, line=line.replace("register", "unregister")))

    assert infer is not None
    assert register is not None
    assert unregister is not None
    assert ("1.4", None) == (infer.version, infer.json_bytes)
    assert (Kind.REGISTER, "in-1") == (register.kind, register.target)
    assert (Kind.UNREGISTER, "in-1") == (unregister.kind, unregister.target)
    assert "/v2/models/digits/versions/1.4/infer" == infer.path
    assert "/v2/systemsharedmemory/region/in-1/register" == register.path


UNUSUAL = {
    "GET": head(LENGTH, line=LINE.replace("POST", "GET")),
    "lower-case method": head(LENGTH, line=LINE.replace("POST", "post")),
    "HTTP/1.0": head(LENGTH, line=LINE.replace("1.1", "1.0")),
    "absolute form": head(LENGTH, line=LINE.replace(" /", " http://x/")),
    "query": head(LENGTH, line=LINE.replace("infer ", "infer?x=1 ")),
    "percent": head(LENGTH, line=LINE.replace("digits", "digi%74s")),
    "dots": head(LENGTH, line=LINE.replace("digits", "..")),
    "slashes": head(LENGTH, line=LINE.replace("models/", "models//")),
    "two spaces": head(LENGTH, line=LINE.replace(" HTTP", "  HTTP")),
    "a line before": b"\r\n" + head(LENGTH),
    "no length": head("Host: x"),
    "no host": head(LENGTH, host=False),
    "two lengths": head(LENGTH, LENGTH),
    "two lengths in one": head("Content-Length: 300, 300"),
    "signed length": head("Content-Length: +300"),
    "hex length": head("Content-Length: 0x12c"),
    "underscored length": head("Content-Length: 3_00"),
    "empty length": head("Content-Length:"),
    "long length": head("Content-Length: " + "1" * 16),
    "JSON beyond the body": head(LENGTH, "Inference-Header-Content-Length: 301"),
    "JSON length no number": head(LENGTH, "Inference-Header-Content-Length: x"),
    "two JSON lengths": head(LENGTH, *["Inference-Header-Content-Length: 3"] * 2),
    "chunked": head(LENGTH, "Transfer-Encoding: chunked"),
    "identity coding": head(LENGTH, "Transfer-Encoding: identity"),
    "compressed": head(LENGTH, "Content-Encoding: gzip"),
    "expect": head(LENGTH, "Expect: 100-continue"),
    "close": head(LENGTH, "Connection: close"),
    "upgrade": head(LENGTH, "Connection: Upgrade", "Upgrade: h2c"),
    "te": head(LENGTH, "TE: trailers"),
    "an encoding that is kept": head(LENGTH, "Accept-Encoding: GZIP"),
    "folded": head("X: 1", " 2", LENGTH),
    "space before the colon": head("Content-Length : 300"),
    "no colon": head(LENGTH, "nonsense"),
    "no name": head(LENGTH, ": x"),
    "bare LF": head(LENGTH + "\nX: 1"),
    "bare CR": head(LENGTH + "\rX: 1"),
    "NUL": head(LENGTH, "X: a\0b"),
    "obs-text": head(LENGTH, "X: \xe9"),
    "any field twice": head(LENGTH, "X: 1", "x: 1"),
    "many fields": head(LENGTH, *(f"X{n}: 1" for n in range(MAX_FIELDS))),
    "a huge head": head(LENGTH, "X: " + "a" * MAX_HEAD_BYTES),
}


@pytest.mark.parametrize("raw", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_an_unusual_head_is_left_to_aiohttp(raw: bytes) -> None:
    """Whatever two readers might disagree on."""
    assert read_head(raw) is None


def test_what_does_not_matter_is_passed_over() -> None:
    """Clients bring fields of their own."""
    raw = head(
        "Accept-Encoding: gzip, deflate, br",
        "Origin: http://x",
        "X-Empty:",
        "Content-Length:\t300 \t",
        "Connection: Keep-Alive",
    )

    got = read_head(raw)

    assert got is not None
    assert 300 == got.length


def test_a_head_that_came_before_is_known() -> None:
    """The very same object: nothing is read twice."""
    heads = Heads()
    raw = head(LENGTH)

    first = heads.read(raw)

    assert first is heads.read(bytes(bytearray(raw)))
    assert 1 == len(heads)


def test_what_is_known_is_bounded() -> None:
    """Clients who never repeat themselves fill no memory."""
    heads = Heads()

    for number in range(3 * MAX_KNOWN):
        heads.read(head(LENGTH, f"X: {number}"))
    heads.read(head(LENGTH, "X: " + "a" * MAX_KNOWN_BYTES))
    known = len(heads)
    heads.read(b"nonsense")

    assert 0 < known <= MAX_KNOWN
    assert known == len(heads)


@given(st.binary(max_size=300))
def test_no_bytes_are_too_odd(raw: bytes) -> None:
    """Nothing is raised; what is taken has a length."""
    for given_raw in (raw, head(LENGTH) + b"\r\n" + raw, head() + b"\r\n" + raw):
        got = read_head(given_raw)
        assert got is None or got.length >= 0
