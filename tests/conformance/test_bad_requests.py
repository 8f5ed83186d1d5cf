"""What the data socket answers to requests that are wrong, byte by byte.

Every answer is JSON with a text; after every one the server goes on answering.
"""

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest

INFER = "/v2/models/digits/infer"
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture
async def http(served: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a plain HTTP client on the Unix socket."""
    connector = aiohttp.UnixConnector(str(served.socket))
    async with aiohttp.ClientSession("http://edged", connector=connector) as session:
        yield session


def body(**changes: Any) -> bytes:
    """Return a good request to `digits`, with its input changed."""
    given = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    given |= changes
    given = {key: value for key, value in given.items() if value is not None}
    return json.dumps({"inputs": [given]}).encode()


def in_region(size: int) -> dict[str, Any]:
    """Return the parameters of a tensor in shared memory."""
    return {"shared_memory_region": "r", "shared_memory_byte_size": size}


def binary(tensor: bytes, size: int | None = None, **changes: Any) -> tuple[bytes, int]:
    """Return a request with a binary tensor, and its JSON's length."""
    size = len(tensor) if size is None else size
    head = body(data=None, parameters={"binary_data_size": size}, **changes)
    return head + tensor, len(head)


async def told(
    http: aiohttp.ClientSession, data: bytes, **headers: str
) -> tuple[int, str]:
    """Post to the infer row; return status and error text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.post(INFER, data=data, headers=named) as answer:
        said = await answer.json(content_type="application/json")
        return answer.status, said.get("error", "")


GOOD = body()

WRONG: list[tuple[bytes, int, str]] = [
    (b"", 400, "cannot read the request"),
    (b"{", 400, "cannot read the request"),
    (b"[]", 400, "must be an object"),
    (b"{}", 400, "missing required field `inputs`"),
    (b'{"inputs": 5}', 400, "missing required field `inputs`"),
    (b'{"inputs": [5]}', 400, "Expected `object`, got `int` - at `$.inputs[0]`"),
    (b'{"inputs": []}', 400, "input 'x' is missing"),
    (b'{"inputs": [' + b"[" * 2000 + b"]" * 2000 + b"]}", 400, "nested too deeply"),
    (b"\xff" + GOOD, 400, "cannot read the request"),
    (GOOD + b"x", 400, "cannot read the request"),
    (GOOD[:-1] + b', "id": 7}', 400, "Expected `str | null`, got `int` - at `$.id`"),
    (GOOD[:-1] + b', "parameters": {"triton_x": 1}}', 400, "'triton_x' is reserved"),
    (GOOD[:-1] + b', "parameters": {"headers": 1}}', 400, "'headers' is reserved"),
    (GOOD[:-1] + b', "parameters": {"timeout": -1}}', 400, "timeout"),
    (GOOD[:-1] + b', "parameters": {"a": [1]}}', 400, "$.parameters"),
    (GOOD[:-1] + b', "parameters": {"edged_variant": "no"}}', 404, "variant 'no'"),
    (GOOD[:-1] + b', "parameters": {"sequence_end": true}}', 400, "no sequence_id"),
    (body(data=[1, 2, 3]), 400, "4 elements were expected where 3 came"),
    (body(data=[1, 2, 3, [4]]), 400, "ragged"),
    (body(data=[[1, 2, 3, [4]]]), 400, "ragged"),
    (body(data=[[1, 2], [3, 4]]), 400, "expected"),
    (body(data=[1, 2, 3, True]), 400, "FP32 takes numbers only"),
    (body(data=[1, 2, 3, None]), 400, "FP32 takes numbers only"),
    (body(data=[1, 2, 3, "4"]), 400, "FP32 takes numbers only"),
    (body(data=[1, 2, 3, 1e39]), 400, "does not fit in FP32"),
    (body(data=[1, 2, 3, float("nan")]), 400, "NaN and infinities are not JSON"),
    (body(data=[1, 2, 3, float("-inf")]), 400, "NaN and infinities are not JSON"),
    (body(data=[1, 2, 3, 2**64]), 400, "does not fit in 64 bits"),
    (body(data="1234"), 400, "must be an array"),
    (body(data=None), 400, "exactly one of"),
    (body(parameters={"binary_data_size": 16}), 400, "exactly one of"),
    (body(parameters={"shared_memory_region": "r"}, data=None), 400, "byte_size"),
    (body(parameters={"shared_memory_offset": 4}), 400, "need a shared_memory_region"),
    (body(parameters=in_region(16), data=None), 404, "region 'r'"),
    (body(parameters=in_region(12), data=None), 400, "takes 16 bytes"),
    (body(parameters=in_region(-1), data=None), 400, "parameters"),
    (body(parameters=in_region(16)), 400, "exactly one of"),
    (body(datatype="FP16"), 400, "FP16 cannot be written as JSON"),
    (body(datatype="BF16"), 400, "datatype"),
    (body(datatype="INT32", data=[1, 2, 3, 4.5]), 400, "INT32 takes integers only"),
    (body(datatype="INT8", data=[1, 2, 3, 128]), 400, "does not fit in INT8"),
    (body(datatype="UINT8", data=[1, 2, 3, -1]), 400, "does not fit in UINT8"),
    (body(datatype="BOOL", data=[1, 0, 1, 0]), 400, "BOOL takes true and false only"),
    (body(shape=[1, -4]), 400, "dimensions must be within"),
    (body(shape=[2**40, 2**40]), 400, "dimensions must be within"),
    (body(shape=[1.5, 4]), 400, "shape"),
    (body(shape=[1] * 40), 400, "at most 32"),
    (body(shape=[0, 4], data=[]), 400, "came with shape 0x4"),
]


@pytest.mark.parametrize(("data", "status", "text"), WRONG)
async def test_wrong_json_is_told(
    http: aiohttp.ClientSession, data: bytes, status: int, text: str
) -> None:
    """Each fault has its status and a text that names it; a good request follows."""
    got = await told(http, data)

    assert (status, True) == (got[0], text in got[1]), got
    assert await told(http, GOOD) == (200, "")


SIXTEEN = np.array([1, 2, 3, 4], "<f4").tobytes()

WRONG_BINARY: list[tuple[tuple[bytes, int], str, int, str]] = [
    (binary(SIXTEEN), "-1", 400, "must be a number of bytes within"),
    (binary(SIXTEEN), "9" * 500, 400, "must be a number of bytes within"),
    (binary(SIXTEEN), "twelve", 400, "must be a number of bytes within"),
    (binary(SIXTEEN), "1_0", 400, "must be a number of bytes within"),
    (binary(SIXTEEN), "10", 400, "cannot read the request"),
    (binary(SIXTEEN, 12), "", 400, "takes 16 bytes, 12 came"),
    (binary(SIXTEEN, 20), "", 400, "16 bytes are left in the body"),
    (binary(SIXTEEN + b"!", 16), "", 400, "1 bytes of additional data"),
    (binary(SIXTEEN, -16), "", 400, "binary_data_size"),
    (binary(SIXTEEN, shape=[2, 4]), "", 400, "takes 32 bytes, 16 came"),
    (binary(b"\2\1\0\1", datatype="BOOL"), "", 400, "a byte of 0 or 1"),
    (binary(b"\5\0\0\0abc", datatype="BYTES", shape=[1]), "", 400, "5 bytes long"),
    (binary(b"\1\0\0\0ab", datatype="BYTES", shape=[1]), "", 400, "bytes are left"),
    (binary(b"\1\0\0\0a", datatype="BYTES", shape=[2**31 - 1]), "", 400, "at least"),
    ((SIXTEEN[:-1], 0), "0", 400, "takes 16 bytes, 15 came"),
]


@pytest.mark.parametrize(("request_", "length", "status", "text"), WRONG_BINARY)
async def test_wrong_binary_is_told(
    http: aiohttp.ClientSession,
    request_: tuple[bytes, int],
    length: str,
    status: int,
    text: str,
) -> None:
    """Lengths that lie, sizes that do not add up, elements that cannot be."""
    data, json_bytes = request_
    headers = {LENGTH.replace("-", "_"): length or str(json_bytes)}

    got = await told(http, data, **headers)

    assert (status, True) == (got[0], text in got[1]), got
    assert await told(http, GOOD) == (200, "")


@pytest.mark.parametrize("form", ["nested", "flat"])
async def test_json_may_be_flat_or_nested(
    http: aiohttp.ClientSession, form: str
) -> None:
    """Both of the protocol's forms are taken, integers for floats too."""
    data = [[1, 2.5, 3, 4]] if form == "nested" else [1, 2.5, 3, 4]

    async with http.post(INFER, data=body(data=data)) as answer:
        outputs = (await answer.json())["outputs"]

    assert outputs[0] == {
        "name": "y",
        "datatype": "FP32",
        "shape": [1, 4],
        "data": [0.5, 1.25, 1.5, 2.0],
    }


async def test_nan_answers_need_binary(http: aiohttp.ClientSession) -> None:
    """An answer that JSON cannot say is refused with the way out."""
    nan = np.full(4, np.nan, "<f4").tobytes()
    data, json_bytes = binary(nan)

    got = await told(http, data, **{LENGTH.replace("-", "_"): str(json_bytes)})

    assert got[0] == 400
    assert "NaN" in got[1]
    assert '"binary_data": true' in got[1]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_bombs_stop_at_the_limit(
    http: aiohttp.ClientSession, encoding: str
) -> None:
    """A body that inflates over the model's limit is refused as too large."""
    compress = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = compress(b" " * 50_000_000)

    got = await told(http, bomb, Content_Encoding=encoding)

    assert (413, True) == (got[0], "the limit is" in got[1]), got


@pytest.mark.parametrize(
    ("data", "encoding", "status"),
    [
        (GOOD, "gzip", 400),
        (gzip.compress(GOOD)[:-4], "gzip", 400),
        (gzip.compress(GOOD) + b"more", "gzip", 400),
        (gzip.compress(GOOD), "deflate", 400),
        (GOOD, "br", 501),
        (GOOD, "gzip, gzip", 501),
        (gzip.compress(GOOD), "GZIP", 200),
        (GOOD, "identity", 200),
    ],
)
async def test_content_encoding_must_be_true(
    http: aiohttp.ClientSession, data: bytes, encoding: str, status: int
) -> None:
    """What is not so compressed, cut short or unknown is refused."""
    got = await told(http, data, Content_Encoding=encoding)

    assert got[0] == status, got


async def test_too_large_is_told_before_the_body(served: Any) -> None:
    """413 comes on the announcement alone, without `100 Continue` and without body."""
    head = (
        f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(served.socket))
        raw.settimeout(5)
        raw.sendall(head.encode())
        answer = raw.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"the limit is 65664" in answer


async def test_expected_continue_is_given(served: Any) -> None:
    """A client that waits for `100 Continue` gets it, and then its answer."""
    head = (
        f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(GOOD)}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(served.socket))
        raw.settimeout(5)
        raw.sendall(head.encode())
        first = raw.recv(65536)
        raw.sendall(GOOD)
        second = raw.recv(65536)

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_chunked_bodies_are_bounded_too(http: aiohttp.ClientSession) -> None:
    """Without an announced length the limit holds as the body comes."""

    async def chunks(count: int) -> AsyncIterator[bytes]:
        yield GOOD
        for _ in range(count):
            yield b" " * 1000

    async with http.post(INFER, data=chunks(2)) as answer:
        small = answer.status
    async with http.post(INFER, data=chunks(100)) as answer:
        large = answer.status

    assert (200, 413) == (small, large)


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/", 404, "no such path"),
        ("GET", "/v2/nothing", 404, "no such path"),
        ("GET", "/v2/models", 404, "POST /v2/repository/index lists the models"),
        ("GET", INFER, 405, "it takes POST"),
        ("POST", "/v2", 405, "it takes GET"),
        ("DELETE", "/v2/models/digits", 405, "it takes GET"),
        ("GET", "/v2/models/nobody", 404, "installed are"),
        ("GET", "/v2/models/digits/versions/1.3.0/stats", 404, "ask for version 1.4.0"),
        (
            "POST",
            "/v2/repository/models/digits/load",
            403,
            "edgectl models load digits",
        ),
        ("GET", "/v2/systemsharedmemory/region/r/status", 404, "region 'r'"),
        ("POST", "/v2/cudasharedmemory/unregister", 501, "no such extension"),
        ("GET", "/v2/models/digits/trace/setting", 501, "no such extension"),
        ("POST", "/v2/logging", 501, "no such extension"),
    ],
)
async def test_every_failure_is_json(
    http: aiohttp.ClientSession, method: str, path: str, status: int, text: str
) -> None:
    """Unknown paths and wrong methods are told like everything else."""
    async with http.request(method, path) as answer:
        said = await answer.json(content_type="application/json")

    assert (status, True) == (answer.status, text in said["error"]), said


async def test_index_takes_a_filter_and_no_nonsense(
    http: aiohttp.ClientSession,
) -> None:
    """`{"ready": true}` is known, anything malformed is refused."""
    path = "/v2/repository/index"
    async with http.post(path, json={"ready": True}) as answer:
        rows = await answer.json()
    async with http.post(path, data=b"{") as answer:
        malformed = answer.status
    async with http.post(path, data=b" " * 5000) as answer:
        huge = answer.status

    assert {"digits", "pair"} <= {row["name"] for row in rows}
    assert (400, 413) == (malformed, huge)


async def test_index_waits_for_the_whole_body(http: aiohttp.ClientSession) -> None:
    """Two segments of one body are one request; too many of them are too much."""
    path = "/v2/repository/index"

    async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield part
            await asyncio.sleep(0.05)  # its own segment

    async with http.post(path, data=pieces(b'{"rea', b'dy": true}')) as answer:
        rows = await answer.json()
    async with http.post(path, data=pieces(b"{}", b" " * 3000, b" " * 3000)) as answer:
        huge = answer.status

    assert ("READY", 413) == (rows[0]["state"], huge)


async def test_answers_are_compressed_only_for_one_token(
    http: aiohttp.ClientSession,
) -> None:
    """Only infer, and only an Accept-Encoding that is exactly gzip or deflate."""
    seen = {}
    for accepted in ("gzip", "deflate", "gzip, deflate", "*", "br", "gzip;q=0"):
        headers = {"Accept-Encoding": accepted}
        async with http.post(INFER, data=GOOD, headers=headers) as answer:
            seen[accepted] = answer.headers.get("Content-Encoding")
        async with http.get("/v2/models/digits", headers=headers) as answer:
            assert "Content-Encoding" not in answer.headers

    assert seen == {
        "gzip": "gzip",
        "deflate": "deflate",
        "gzip, deflate": None,
        "*": None,
        "br": None,
        "gzip;q=0": None,
    }


async def test_metrics_are_served(http: aiohttp.ClientSession) -> None:
    """Prometheus' content type, and a line that counts what was asked."""
    await told(http, GOOD)

    async with http.get("/metrics") as answer:
        text = await answer.text()

    assert answer.content_type == "text/plain"
    assert 'edged_requests_total{model="digits",version="1.4.0",code="ok"} ' in text


async def test_refused_bodies_are_counted(http: aiohttp.ClientSession) -> None:
    """A body that cannot be read counts as rejected, by its code."""

    async def rejected() -> float:
        async with http.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        who = 'model="digits",version="1.4.0",reason="invalid-request"'
        name = f"edged_rejected_total{{{who}}} "
        return sum(float(x.removeprefix(name)) for x in lines if x.startswith(name))

    before = await rejected()

    await told(http, b"{")

    assert await rejected() == before + 1


async def test_compressed_bodies_are_bounded_as_they_come(
    http: aiohttp.ClientSession,
) -> None:
    """The announced size counts before anything is inflated."""
    got = await told(http, bytes(70_000), Content_Encoding="gzip")

    assert (413, True) == (got[0], "it has 70000 bytes" in got[1]), got


async def test_json_heads_are_aligned_for_views(http: aiohttp.ClientSession) -> None:
    """Binary answers pad their JSON, so that a client can view their tensors."""
    wanted = {"inputs": msgspec.json.decode(GOOD)["inputs"]}
    wanted["parameters"] = {"binary_data_output": True}

    async with http.post(INFER, json=wanted) as answer:
        await answer.read()

    assert int(answer.headers[LENGTH]) % 64 == 0
    assert answer.content_type == "application/octet-stream"
