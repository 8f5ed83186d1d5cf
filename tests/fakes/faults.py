"""What can go wrong between a host and a box, and what comes of it.

The one table of faults: `tests/integration/update/test_faults.py` runs every row, and
docs/reference/updates.md prints it. A file of `SIZE` bytes is fetched whose first chunk
is there already; each fault meets every answer of its only host, unless it says so.
"""

import enum
from collections.abc import Callable

import msgspec

from edged.wire.listing import CHUNK_BYTES
from edged.wire.updates import Reason
from tests.fakes.chunks import content
from tests.fakes.fault_proxy import (
    Exchange,
    Fault,
    Out,
    answer,
    circle,
    cut_at,
    drip,
    endless,
    fair,
    flipped,
    garbage,
    gzipped,
    gzipped_in_secret,
    once,
    reset,
    silent,
    stall_at,
    with_headers,
)
from tests.fakes.nginx import Bad

SIZE = 3 * CHUNK_BYTES + 1000
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)


class Asks(enum.Enum):
    """What is asked for."""

    FILE = "file"  # as a release's files are
    SMALL = "small"  # as signed metadata is


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One fault.

    Attributes:
        fault: in words.
        make: what the proxy does; a fresh one for each run.
        reason: None where the file arrives all the same.
        does: what edged does about it, in words.
        asks: what is asked for.
    """

    fault: str
    make: Callable[[], Fault]
    reason: Reason | None
    does: str
    asks: Asks = Asks.FILE


class TlsRow(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate.

    Attributes:
        clock_is_right: whether the box knows the time.
    """

    fault: str
    bad: Bad
    clock_is_right: bool
    reason: Reason | None
    does: str


class WayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One way that does not lead to any host."""

    fault: str
    url: str
    proxy: str | None
    reason: Reason
    does: str


NEXT = "next mirror, else back-off"
NEVER = "next mirror, this one comes last for an hour; else back-off"


def _etag_each_time() -> Fault:
    async def spoil(exchange: Exchange, out: Out) -> None:
        fault = once(cut_at(300_000)) if exchange.number == 0 else fair
        exchange.headers["etag"] = f'"{exchange.number}"'
        await fault(exchange, out)

    return spoil


def _replaced() -> Fault:
    """Give the beginning of one file, and then another one of the same size."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        if exchange.number == 0:
            await cut_at(300_000)(exchange, out)
        else:
            await answer("200 OK", OTHER, etag='"other"')(exchange, out)

    return spoil


async def _empty(exchange: Exchange, out: Out) -> None:
    exchange.status = b"HTTP/1.1 200 OK"
    exchange.headers = {"connection": "close"}
    exchange.body = b""
    await fair(exchange, out)


async def _shortened(exchange: Exchange, out: Out) -> None:
    exchange.body = exchange.body[:1000]
    exchange.headers["content-length"] = "1000"
    await fair(exchange, out)


def _unsatisfied(size: int) -> Fault:
    """Answer 416 to every range."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        is_range = b"\r\nrange:" in exchange.request.lower()
        refuse = answer("416 No", content_range=f"bytes */{size}")
        await (refuse if is_range else fair)(exchange, out)

    return spoil


def _portal() -> Fault:
    """Redirect everything to a page."""

    async def spoil(exchange: Exchange, out: Out) -> None:
        if exchange.request.startswith(b"GET /login"):
            page = answer("200 OK", b"<html>Welcome", content_type="text/html")
            await page(exchange, out)
        else:
            await answer("302 Found", location="/login")(exchange, out)

    return spoil


def _html() -> Fault:
    return answer("200 OK", b"<html>Welcome", content_type="text/html; charset=utf-8")


ROWS: tuple[Row, ...] = (
    Row(
        fault="the connection is cut in the middle, again and again",
        make=lambda: cut_at(300_000),
        reason=None,
        does="asks for the rest, from the byte where it stopped",
    ),
    Row(
        fault="it is cut after a few bytes, each time",
        make=lambda: cut_at(10),
        reason=Reason.CUT,
        does="asks 8 times more, with growing random pauses; then " + NEXT,
    ),
    Row(
        fault="it is reset before the answer",
        make=lambda: reset,
        reason=Reason.CUT,
        does=NEXT,
    ),
    Row(
        fault="the answer is empty, and has no Content-Length",
        make=lambda: _empty,
        reason=Reason.CUT,
        does=NEXT,
    ),
    Row(
        fault="nothing comes any more in the middle",
        make=lambda: stall_at(300_000),
        reason=None,
        does="closes after 30 s without a byte, asks for the rest",
    ),
    Row(
        fault="no answer comes",
        make=lambda: silent,
        reason=Reason.STALLED,
        does="closes after 30 s; " + NEXT,
    ),
    Row(
        fault="a byte a second comes",
        make=lambda: drip(0.02),
        reason=Reason.TOO_SLOW,
        does="closes where 60 s of waiting bring less than 60 KiB; " + NEXT,
    ),
    Row(
        fault="200 and the whole file instead of 206",
        make=lambda: answer("200 OK", DATA),
        reason=None,
        does="takes what is missing out of it, passes over the rest",
    ),
    Row(
        fault="206 with another range than was asked for",
        make=lambda: with_headers(content_range=f"bytes 0-{SIZE - 1}/{SIZE}"),
        reason=None,
        does="takes none of it; next mirror; where there is none, asks for the whole",
    ),
    Row(
        fault="206 of a file of another size",
        make=lambda: with_headers(
            content_range=f"bytes {CHUNK_BYTES}-{SIZE - 1}/{SIZE + 1}"
        ),
        reason=Reason.WRONG_LENGTH,
        does=NEVER,
    ),
    Row(
        fault="another ETag with each answer, the same bytes",
        make=_etag_each_time,
        reason=None,
        does="goes on, from a whole chunk: its hash decides",
    ),
    Row(
        fault="the file is replaced during the download",
        make=_replaced,
        reason=Reason.CHANGED,
        does="keeps the chunks that were right; " + NEVER,
    ),
    Row(
        fault="416 to a range of the file",
        make=lambda: _unsatisfied(SIZE),
        reason=None,
        does="next mirror; where there is none, asks for the whole",
    ),
    Row(
        fault="416 to everything",
        make=lambda: answer("416 No", content_range=f"bytes */{SIZE}"),
        reason=Reason.WRONG_RANGE,
        does=NEXT,
    ),
    Row(
        fault="a file of another length",
        make=lambda: answer("200 OK", DATA + b"!"),
        reason=Reason.WRONG_LENGTH,
        does=NEVER,
    ),
    Row(
        fault="less than the range, by its own Content-Length",
        make=lambda: _shortened,
        reason=Reason.WRONG_LENGTH,
        does=NEVER,
    ),
    Row(
        fault="compressed on the way (Content-Encoding: gzip)",
        make=lambda: gzipped,
        reason=Reason.ENCODED,
        does="takes none of it; " + NEXT,
    ),
    Row(
        fault="compressed on the way, and nobody says so",
        make=lambda: gzipped_in_secret,
        reason=Reason.WRONG_LENGTH,
        does=NEVER,
    ),
    Row(
        fault="wrong bytes",
        make=lambda: flipped,
        reason=Reason.WRONG_HASH,
        does="keeps the chunks that were right; " + NEVER,
    ),
    Row(
        fault="a captive portal: a page with status 200",
        make=_html,
        reason=Reason.PORTAL,
        does="takes none of it; " + NEXT,
    ),
    Row(
        fault="a captive portal: a redirect to its page",
        make=_portal,
        reason=Reason.PORTAL,
        does="takes none of it; " + NEXT,
    ),
    Row(
        fault="511, network authentication required",
        make=lambda: answer("511 Network Authentication Required"),
        reason=Reason.PORTAL,
        does=NEXT,
    ),
    Row(
        fault="signed metadata without an end",
        make=lambda: endless,
        reason=Reason.ENDLESS,
        does="closes at the first byte too many",
        asks=Asks.SMALL,
    ),
    Row(
        fault="signed metadata of more bytes than it may have",
        make=lambda: answer("200 OK", DATA),
        reason=Reason.ENDLESS,
        does="reads none of it",
        asks=Asks.SMALL,
    ),
    Row(
        fault="redirects in a loop",
        make=circle,
        reason=Reason.REDIRECTS,
        does="follows 5; " + NEXT,
    ),
    Row(
        fault="429 with Retry-After",
        make=lambda: answer("429 Too Many Requests", retry_after="120"),
        reason=Reason.HOST_BUSY,
        does="next mirror, else stays away for as long, a day at most",
    ),
    Row(
        fault="503 with Retry-After",
        make=lambda: answer("503 Service Unavailable", retry_after="120"),
        reason=Reason.HOST_BUSY,
        does="next mirror, else stays away for as long, a day at most",
    ),
    Row(
        fault="500, 502, 504 and what else is no success",
        make=lambda: answer("502 Bad Gateway"),
        reason=Reason.HOST_ERROR,
        does=NEXT,
    ),
    Row(
        fault="404, 410",
        make=lambda: answer("404 Not Found"),
        reason=Reason.NOT_FOUND,
        does=NEXT,
    ),
    Row(
        fault="401, 403, 407",
        make=lambda: answer("401 Unauthorized", www_authenticate="Basic realm=x"),
        reason=Reason.NO_ENTRY,
        does=NEXT,
    ),
    Row(
        fault="something that is no HTTP",
        make=lambda: garbage,
        reason=Reason.NOT_UNDERSTOOD,
        does=NEXT,
    ),
)

TLS_ROWS: tuple[TlsRow, ...] = (
    TlsRow(
        fault="a certificate of another host",
        bad=Bad.HOST,
        clock_is_right=False,
        reason=Reason.TLS,
        does=NEXT + "; whatever the clock says",
    ),
    TlsRow(
        fault="a certificate that nobody vouches for",
        bad=Bad.SELF_SIGNED,
        clock_is_right=False,
        reason=Reason.TLS,
        does=NEXT + "; whatever the clock says",
    ),
    TlsRow(
        fault="a certificate that is not valid yet",
        bad=Bad.NOT_YET,
        clock_is_right=True,
        reason=Reason.TLS_TIME,
        does=NEXT,
    ),
    TlsRow(
        fault="the same, while the box does not know the time",
        bad=Bad.NOT_YET,
        clock_is_right=False,
        reason=None,
        does="overlooks the dates, not the chain, nor the name; says so in the log",
    ),
    TlsRow(
        fault="a certificate that has expired",
        bad=Bad.EXPIRED,
        clock_is_right=True,
        reason=Reason.TLS_TIME,
        does=NEXT,
    ),
    TlsRow(
        fault="the same, while the box does not know the time",
        bad=Bad.EXPIRED,
        clock_is_right=False,
        reason=None,
        does="overlooks the dates, not the chain, nor the name; says so in the log",
    ),
)

#: Port 9 is `discard`; nobody listens there.
WAY_ROWS: tuple[WayRow, ...] = (
    WayRow(
        fault="the name of the host has no address",
        url="http://nowhere.invalid/x",
        proxy=None,
        reason=Reason.NO_NAME,
        does=NEXT,
    ),
    WayRow(
        fault="nobody listens there",
        url="http://127.0.0.1:9/x",
        proxy=None,
        reason=Reason.UNREACHABLE,
        does=NEXT,
    ),
    WayRow(
        fault="the proxy cannot be reached",
        url="http://host.invalid/x",
        proxy="http://127.0.0.1:9",
        reason=Reason.UNREACHABLE,
        does=NEXT,
    ),
)
