"""Limits of a body, and what compression may do."""

import gzip
import tracemalloc
import zlib

import pytest

from edged.api import body
from edged.errors import InvalidRequest, TooLarge, Unsupported
from edged.wire.tensors import Datatype
from tests.fakes.models import signature

MAX_BODY = 1_000_000


@pytest.mark.parametrize(
    ("inputs", "limit"),
    [
        ([("x", Datatype.FP32, (1, 64))], 65_536 + 32 * 64),
        ([("x", Datatype.FP32, (2, 3)), ("y", Datatype.BOOL, ())], 65_536 + 32 * 7),
        ([("x", Datatype.FP32, (1, 3, 224, 224))], MAX_BODY),
        ([("x", Datatype.FP32, (-1, 3))], MAX_BODY),
        ([("x", Datatype.BYTES, (1,))], MAX_BODY),
        ([], 65_536),
    ],
)
def test_limit_follows_the_models_own_inputs(
    inputs: list[tuple[str, Datatype, tuple[int, ...]]], limit: int
) -> None:
    """Fixed sizes bound the body; free ones leave it to the setting; it is the most."""
    of = signature(inputs, [])

    assert limit == body.body_limit(of, MAX_BODY, json_only=True)


def test_json_alone_has_a_lower_limit() -> None:
    """Where the setting allows more, it is for binary data."""
    of = signature([("x", Datatype.FP32, (-1,))], [])

    limits = [body.body_limit(of, 1 << 30, json_only=only) for only in (True, False)]

    assert [1 << 26, 1 << 30] == limits


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        (" Deflate ", "deflate"),
        ("", None),
        ("identity", None),
        ("gzip, deflate", None),
        ("gzip;q=1", None),
        ("*", None),
    ],
)
def test_only_a_single_token_compresses_the_answer(
    accepted: str, encoding: str | None
) -> None:
    """Lists are what libraries send unasked."""
    assert encoding == body.answer_encoding(accepted)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_deflated_inflates_to_the_same(encoding: str) -> None:
    """Several buffers make one stream, up to the very limit."""
    parts = (b"json " * 100, memoryview(bytes(range(256))), bytearray(b"end"))
    whole = b"".join(parts)

    packed = body.deflate(parts, encoding)
    plain = body.inflate(
        memoryview(packed), encoding, limit=len(whole), what="a request"
    )

    assert whole == bytes(plain)


def test_compressed_forms_are_the_standard_ones() -> None:
    """Each has the wrapper that its name means in HTTP."""
    assert gzip.decompress(body.deflate((b"x",), "gzip")) == b"x"
    assert zlib.decompress(body.deflate((b"x",), "deflate")) == b"x"


def test_bombs_are_not_inflated_beyond_the_limit() -> None:
    """What a bomb would become never exists, not even for a moment."""
    bomb = memoryview(gzip.compress(bytes(20_000_000)))

    tracemalloc.start()
    with pytest.raises(TooLarge):
        body.inflate(bomb, "gzip", limit=100_000, what="a request")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("packed", "encoding", "error"),
    [
        (gzip.compress(b" " * 101), "gzip", TooLarge),
        (gzip.compress(b" " * 10)[:-1], "gzip", InvalidRequest),
        (gzip.compress(b"a") + gzip.compress(b"b"), "gzip", InvalidRequest),
        (gzip.compress(b"a"), "deflate", InvalidRequest),
        (b"", "gzip", InvalidRequest),
        (b"a", "br", Unsupported),
    ],
)
def test_other_compressed_bodies_are_refused(
    packed: bytes, encoding: str, error: type[Exception]
) -> None:
    """Over the limit, cut short, two streams, another form, an unknown one."""
    with pytest.raises(error):
        body.inflate(memoryview(packed), encoding, limit=100, what="a request")
