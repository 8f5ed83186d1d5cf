"""An infer request's body in memory: bounded, aligned, uncompressed.

Law: what is too large is refused before it is read, or inflated, any further. The
body is copied once, from the socket's chunks to where its tensors stand aligned; who
takes tensors from it copies no more.

aiohttp must be told `auto_decompress=False`: it would inflate without this bound, and
go on inflating a bomb after we refused it.
"""

import math
import zlib
from typing import Any

import numpy as np
from aiohttp import web

from edged.errors import InvalidRequest, TooLarge, Unsupported
from edged.wire.oip import ALIGNMENT
from edged.wire.release import Signature
from edged.wire.tensorjson import MAX_JSON_BYTES
from edged.wire.tensors import FREE, Datatype

#: Text of one number: 17 digits, sign, point, exponent, comma, space, a bracket.
JSON_BYTES_PER_NUMBER = 32

#: What a request may say beside its numbers.
SLACK_BYTES = 64 * 1024

#: `Content-Encoding`, as zlib's window bits: gzip's and zlib's own wrapper.
_WINDOW_BITS = {"gzip": 31, "deflate": 15}

#: Level 6 takes five times as long for 6 % less (JSON of 10,000 floats).
_LEVEL = 1


def body_limit(signature: Signature, max_body: int, *, json_only: bool) -> int:
    """Return how large a request to this model can sensibly be, uncompressed.

    Its inputs as JSON and some slack, where their sizes are known; `max_body` where
    a dimension is free or elements have no fixed size, and never more.

    Args:
        signature: of the model.
        max_body: the setting `server.max-body`.
        json_only: whether the whole body is JSON, which has a limit of its own.
    """
    most = min(max_body, MAX_JSON_BYTES) if json_only else max_body
    total = SLACK_BYTES
    for spec in signature.inputs:
        if FREE in spec.shape or spec.datatype is Datatype.BYTES:
            return most
        total += JSON_BYTES_PER_NUMBER * math.prod(spec.shape)
    return min(total, most)


async def read_body(
    request: web.BaseRequest, *, limit: int, aligned_at: int, what: str
) -> memoryview:
    """Read the body as it came.

    Args:
        request: its client may wait for `100 Continue`; it gets it here.
        limit: in bytes.
        aligned_at: offset in the body that has to stand aligned in memory.
        what: how errors call it, such as `a request to digits`.

    Raises:
        TooLarge: it is over the limit.
    """
    announced = request.content_length
    if announced is not None and announced > limit:
        raise _too_large(what, f"it has {announced} bytes", limit)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # as aiohttp does: the answer has not begun
    if announced is None:
        return await _read_unannounced(request, limit, what)
    body = aligned(announced, aligned_at)
    at = 0
    while chunk := await request.content.readany():
        body[at : at + len(chunk)] = chunk
        at += len(chunk)
    if at < len(body):
        raise InvalidRequest(
            f"cannot read {what}: {len(body)} bytes were announced, {at} came"
        )
    return body


def inflate(body: memoryview, encoding: str, *, limit: int, what: str) -> memoryview:
    """Uncompress a body. Blocks without the interpreter's lock; any thread.

    Raises:
        Unsupported: an encoding other than gzip and deflate.
        InvalidRequest: it is not so compressed.
        TooLarge: it grows over the limit.
    """
    if encoding not in _WINDOW_BITS:
        raise Unsupported(
            f"cannot read {what}: its Content-Encoding is {encoding[:40]!r}, known are "
            f"{', '.join(_WINDOW_BITS)}"
        )
    inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as exc:
        raise InvalidRequest(
            f"cannot read {what}: it is not {encoding}: {exc}"
        ) from exc
    if len(plain) > limit:
        raise _too_large(what, f"uncompressed it has over {limit} bytes", limit)
    if not inflater.eof or inflater.unused_data:
        raise InvalidRequest(
            f"cannot read {what}: it is not one complete stream of {encoding}"
        )
    return memoryview(plain)


def deflate(
    buffers: tuple[bytes | bytearray | memoryview, ...], encoding: str
) -> bytes:
    """Compress an answer. Blocks without the interpreter's lock; any thread."""
    deflater = zlib.compressobj(_LEVEL, wbits=_WINDOW_BITS[encoding])
    parts = [deflater.compress(buffer) for buffer in buffers]
    return b"".join((*parts, deflater.flush()))


def answer_encoding(accepted: str) -> str | None:
    """Return how to compress an answer: only as the one encoding that is accepted.

    Client libraries send lists that their users never see and cannot undo: a stock
    aiohttp session does, and the stock aio client does not uncompress for it.
    """
    token = accepted.strip().lower()
    return token if token in _WINDOW_BITS else None


def aligned(size: int, aligned_at: int) -> memoryview:
    """Return fresh memory in which the byte at an offset stands aligned."""
    room: np.ndarray[Any, Any] = np.empty(size + ALIGNMENT, np.uint8)
    start = -(room.ctypes.data + aligned_at) % ALIGNMENT
    return room[start : start + size].data


def address(memory: memoryview) -> int:
    """Return where in memory a buffer begins."""
    return int(np.frombuffer(memory, np.uint8).ctypes.data)


async def _read_unannounced(
    request: web.BaseRequest, limit: int, what: str
) -> memoryview:
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > limit:
            raise _too_large(what, f"over {limit} bytes came", limit)
    return memoryview(body)


def _too_large(what: str, found: str, limit: int) -> TooLarge:
    return TooLarge(
        f"cannot take {what}: {found}, the limit is {limit}",
        hint="send tensors as binary data; for free dimensions the limit is the "
        "setting server.max-body",
        max_bytes=limit,
    )
