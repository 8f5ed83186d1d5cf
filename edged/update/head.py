"""What the head of an answer says, held against what was asked.

Law: pure. Nothing is believed because a host says it: a range must be the range that
was asked for, a page is no file, what is compressed on the way is refused. RFC 9110.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec
import yarl

from edged.errors import NotFetched
from edged.update.trouble import not_fetched
from edged.wire.updates import Reason

#: The longest that a host may send us away: a day, in seconds.
AWAY_MAX_S = 86400.0

_MOVED = frozenset({301, 302, 303, 307, 308})

#: Reasons by status; every other one that is no success is `HOST_ERROR`.
_REASONS: dict[int, Reason] = {
    HTTPStatus.UNAUTHORIZED: Reason.NO_ENTRY,
    HTTPStatus.FORBIDDEN: Reason.NO_ENTRY,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: Reason.NO_ENTRY,
    HTTPStatus.NOT_FOUND: Reason.NOT_FOUND,
    HTTPStatus.GONE: Reason.NOT_FOUND,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: Reason.WRONG_RANGE,
    HTTPStatus.TOO_MANY_REQUESTS: Reason.HOST_BUSY,
    HTTPStatus.SERVICE_UNAVAILABLE: Reason.HOST_BUSY,
    HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED: Reason.PORTAL,
}

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_UNMET = re.compile(r"bytes \*/(\d{1,18})")
_STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')

#: More digits than any file has bytes.
_DIGITS_MAX = 18


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request.

    Attributes:
        at: the first byte wanted.
        until: the one after the last; None for all that follow.
        etag: a strong one; the range is wanted only if the file still has it.
        max_bytes: that the file may have, and an answer from its start with it.
        too_long: what a longer one is: another file, or one without an end where
            nobody knew how long it would be.
    """

    at: int = 0
    until: int | None = None
    etag: str | None = None
    max_bytes: int
    too_long: Reason = Reason.WRONG_LENGTH

    @property
    def is_range(self) -> bool:
        """Tell whether a part is asked for."""
        return self.at > 0 or self.until is not None

    def headers(self) -> dict[str, str]:
        """Return what asks for it, byte for byte as it is stored."""
        asked = {"Accept-Encoding": "identity"}
        if self.is_range:
            last = "" if self.until is None else str(self.until - 1)
            asked["Range"] = f"bytes={self.at}-{last}"
            if self.etag:
                asked["If-Range"] = self.etag
        return asked


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that can be used.

    Attributes:
        status: 200 or 206.
        at: where its first byte belongs in the file; 0 in a 200, whatever was asked.
        length: of the body; None where the host does not say.
        total: of the file; None where the host does not say.
        etag: a strong one, else None.
    """

    status: int
    at: int
    length: int | None
    total: int | None
    etag: str | None


def read_head(
    url: yarl.URL, asked: Asked, status: int, headers: Mapping[str, str]
) -> Head:
    """Return what can be used.

    Raises:
        NotFetched: with `status` and its reason; `total` of a range that cannot be,
            where the host says it.
    """
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise _refused(url, status, headers)
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise not_fetched(
            url, Reason.ENCODED, f"it comes encoded as {coding[:40]!r}", status=status
        )
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise not_fetched(
            url, Reason.PORTAL, "a page came instead of the file", status=status
        )
    head = _part(url, asked, headers) if status != HTTPStatus.OK else _all(headers)
    if head.length is not None and head.length > asked.max_bytes - head.at:
        raise not_fetched(
            url,
            asked.too_long,
            f"it has {head.length} bytes, at most {asked.max_bytes - head.at} are"
            " expected",
            status=status,
        )
    return head


def moved_to(url: yarl.URL, status: int, headers: Mapping[str, str]) -> yarl.URL | None:
    """Return where a redirect leads, None for an answer that is none.

    Raises:
        NotFetched: it leads nowhere, or from https to something else.
    """
    if status not in _MOVED:
        return None
    try:
        target = url.join(yarl.URL(headers["Location"]))
    except (KeyError, ValueError) as exc:
        raise not_fetched(
            url, Reason.REDIRECTS, f"a redirect ({status}) leads nowhere", status=status
        ) from exc
    allowed = {"https"} if url.scheme == "https" else {"http", "https"}
    if target.scheme not in allowed or not target.host:
        raise not_fetched(
            url,
            Reason.REDIRECTS,
            f"a redirect leads from {url.scheme} to {target.scheme or 'nowhere'}",
            status=status,
        )
    return target


def wait_asked(headers: Mapping[str, str]) -> float | None:
    """Return how long the host wants us away, in seconds; None where it does not say.

    A date counts from the host's own `Date`: our clock may be wrong. At most a day.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:_DIGITS_MAX]), AWAY_MAX_S))
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers.get("Date", ""))
        wait = (until - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, 0.0), AWAY_MAX_S)


# --- small steps ------------------------------------------------------------------


def _refused(url: yarl.URL, status: int, headers: Mapping[str, str]) -> NotFetched:
    wait = wait_asked(headers)
    unmet = _UNMET.fullmatch(headers.get("Content-Range", "").strip())
    more: dict[str, object] = {"total": int(unmet[1])} if unmet else {}
    return not_fetched(
        url,
        _REASONS.get(status, Reason.HOST_ERROR),
        f"the host answers {_phrase(status)}",
        retry_after_s=1.0 if wait is None else wait,
        status=status,
        **more,
    )


def _phrase(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase.lower()})"
    except ValueError:
        return str(status)


def _all(headers: Mapping[str, str]) -> Head:
    length = _length(headers)
    return Head(
        status=HTTPStatus.OK, at=0, length=length, total=length, etag=_etag(headers)
    )


def _part(url: yarl.URL, asked: Asked, headers: Mapping[str, str]) -> Head:
    """Read a 206: it may end early, and must begin where it was asked to."""
    text = headers.get("Content-Range", "").strip()
    found = _RANGE.fullmatch(text)
    first, last = (int(found[1]), int(found[2])) if found else (-1, -1)
    total = int(found[3]) if found and found[3] != "*" else None
    is_asked = (
        asked.is_range
        and first == asked.at <= last
        and (asked.until is None or last < asked.until)
        and (total is None or last < total)
    )
    status = HTTPStatus.PARTIAL_CONTENT
    if not is_asked:
        wanted = asked.headers().get("Range", "no range")
        raise not_fetched(
            url,
            Reason.WRONG_RANGE,
            f"asked for {wanted}, the host gives {text[:80]!r}",
            status=status,
        )
    length = last - first + 1
    if _length(headers) not in {None, length}:
        raise not_fetched(
            url,
            Reason.WRONG_LENGTH,
            f"a range of {length} bytes comes with {_length(headers)}",
            status=status,
        )
    return Head(
        status=status, at=first, length=length, total=total, etag=_etag(headers)
    )


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "").strip()
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    return int(text) if is_number else None


def _etag(headers: Mapping[str, str]) -> str | None:
    text = headers.get("ETag", "").strip()
    return text if _STRONG.fullmatch(text) else None
