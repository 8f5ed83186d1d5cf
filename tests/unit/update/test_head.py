"""What the head of an answer says, held against what was asked."""

from contextlib import suppress
from typing import Any

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import NotFetched
from edged.update.head import Asked, Head, moved_to, read_head, wait_asked
from edged.update.trouble import reason_of
from edged.wire.updates import Reason

URL = yarl.URL("https://host/blobs/x")
ALL = Asked(max_bytes=100)
PART = Asked(at=10, until=20, max_bytes=100)
REST = Asked(at=10, max_bytes=100)


def head(asked: Asked, status: int, **headers: str) -> Head:
    """Read a head; `_` in names stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_head(URL, asked, status, named)


def refused(asked: Asked, status: int, **headers: str) -> NotFetched:
    """Return the refusal of a head."""
    with pytest.raises(NotFetched) as caught:
        head(asked, status, **headers)
    return caught.value


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ALL, {}),
        (Asked(until=5, max_bytes=9), {"Range": "bytes=0-4"}),
        (PART, {"Range": "bytes=10-19"}),
        (REST, {"Range": "bytes=10-"}),
        (
            Asked(at=1, etag='"e"', max_bytes=9),
            {"Range": "bytes=1-", "If-Range": '"e"'},
        ),
        (Asked(etag='"e"', max_bytes=9), {}),
    ],
)
def test_what_is_asked_for(asked: Asked, expected: dict[str, str]) -> None:
    """Always as it is stored; a range only where a part is wanted."""
    assert {"Accept-Encoding": "identity"} | expected == asked.headers()


def test_a_whole_file_is_read() -> None:
    """Its length is its size."""
    found = head(ALL, 200, Content_Length="100", ETag='"abc"')

    assert Head(status=200, at=0, length=100, total=100, etag='"abc"') == found


def test_a_part_is_read() -> None:
    """It lies where it was asked for."""
    found = head(PART, 206, Content_Range="bytes 10-19/100", Content_Length="10")

    assert Head(status=206, at=10, length=10, total=100, etag=None) == found


def test_a_part_may_end_early_and_keep_its_size_secret() -> None:
    """RFC 9110 15.3.7: a host may send less than was asked for."""
    found = head(PART, 206, Content_Range="bytes 10-12/*")

    assert Head(status=206, at=10, length=3, total=None, etag=None) == found


def test_the_whole_in_answer_to_a_part_begins_at_its_start() -> None:
    """Hosts may ignore a range; the file as a whole is the bound then."""
    assert 0 == head(PART, 200, Content_Length="100").at


@pytest.mark.parametrize("etag", ['W/"abc"', "abc", '"a b"', '"', ""])
def test_only_a_strong_etag_counts(etag: str) -> None:
    """A weak one does not say that the bytes are the same."""
    assert head(ALL, 200, ETag=etag).etag is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.NO_ENTRY),
        (403, Reason.NO_ENTRY),
        (407, Reason.NO_ENTRY),
        (404, Reason.NOT_FOUND),
        (410, Reason.NOT_FOUND),
        (416, Reason.WRONG_RANGE),
        (429, Reason.HOST_BUSY),
        (503, Reason.HOST_BUSY),
        (511, Reason.PORTAL),
        (500, Reason.HOST_ERROR),
        (502, Reason.HOST_ERROR),
        (400, Reason.HOST_ERROR),
        (204, Reason.HOST_ERROR),
        (304, Reason.HOST_ERROR),
        (799, Reason.HOST_ERROR),
    ],
)
def test_each_status_has_its_reason(status: int, reason: Reason) -> None:
    """The number is told, too."""
    failed = refused(PART, status)

    assert reason is reason_of(failed)
    assert status == failed.fields["status"]
    assert str(status) in failed.message


def test_a_status_says_more_than_a_body() -> None:
    """A 404 may come as a page, and encoded."""
    failed = refused(ALL, 404, Content_Type="text/html", Content_Encoding="gzip")

    assert Reason.NOT_FOUND is reason_of(failed)


def test_a_range_that_cannot_be_tells_the_size() -> None:
    """416 with `bytes */N`."""
    assert 7 == refused(PART, 416, Content_Range="bytes */7").fields["total"]
    assert "total" not in refused(PART, 416, Content_Range="bytes 1-2/7").fields


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (ALL, "bytes 0-99/100"),
        (PART, ""),
        (PART, "bytes 11-19/100"),
        (PART, "bytes 0-19/100"),
        (PART, "bytes 10-20/100"),
        (PART, "bytes 10-9/100"),
        (PART, "bytes 10-19/15"),
        (PART, "bytes */100"),
        (PART, "lines 10-19/100"),
        (PART, "bytes 10-19/100, bytes 30-40/100"),
        (REST, "bytes 10-100/100"),
        (PART, "bytes 10-" + "9" * 400 + "/*"),
    ],
)
def test_a_range_that_was_not_asked_for_is_refused(asked: Asked, text: str) -> None:
    """Its bytes would go to the wrong place."""
    failed = refused(asked, 206, Content_Range=text)

    assert Reason.WRONG_RANGE is reason_of(failed)


def test_a_range_must_have_its_length() -> None:
    """Ten bytes come as ten."""
    failed = refused(PART, 206, Content_Range="bytes 10-19/100", Content_Length="9")

    assert Reason.WRONG_LENGTH is reason_of(failed)


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "GZIP"])
def test_nothing_comes_encoded(status: int, coding: str) -> None:
    """Its bytes are others, and its lengths mean nothing."""
    failed = refused(PART, status, Content_Encoding=coding)

    assert Reason.ENCODED is reason_of(failed)


def test_identity_is_no_encoding() -> None:
    """Some hosts say so."""
    assert 200 == head(ALL, 200, Content_Encoding="identity").status


@pytest.mark.parametrize(
    "kind", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"]
)
def test_a_page_is_no_file(kind: str) -> None:
    """A portal answers 200 to everything."""
    assert Reason.PORTAL is reason_of(refused(ALL, 200, Content_Type=kind))


def test_more_than_is_allowed_is_refused_by_its_head() -> None:
    """Before its first byte."""
    failed = refused(ALL, 200, Content_Length="101")

    assert Reason.WRONG_LENGTH is reason_of(failed)


@pytest.mark.parametrize("text", ["x", "-1", "9" * 30, "1_0", "\u0661"])
def test_a_length_that_is_no_number_is_none(text: str) -> None:
    """The body is bounded as if the host had said nothing."""
    assert head(ALL, 200, Content_Length=text).length is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "999999999999999999999999"}, 86400.0),
        (
            {
                "Retry-After": "Wed, 21 Oct 2015 07:30:00 GMT",
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            120.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2015 07:30:00 GMT",
            },
            0.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2015 07:30:00 GMT",
            },
            86400.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_a_host_may_send_us_away(
    headers: dict[str, str], expected: float | None
) -> None:
    """By seconds or by a date on its own clock; for a day at most."""
    assert expected == wait_asked(headers)


def test_what_it_asks_for_is_in_the_error() -> None:
    """Whoever tries again reads it there."""
    assert 120.0 == refused(ALL, 503, Retry_After="120").retry_after_s
    assert 0.0 == refused(ALL, 429, Retry_After="0").retry_after_s
    assert 1.0 == refused(ALL, 429).retry_after_s


def test_a_redirect_leads_on() -> None:
    """Relative or not."""
    steps = [
        moved_to(URL, 302, {"Location": "../y?z=1"}),
        moved_to(URL, 307, {"Location": "https://other/y"}),
        moved_to(URL, 200, {"Location": "https://other/y"}),
        moved_to(yarl.URL("http://host/x"), 301, {"Location": "https://host/x"}),
    ]

    assert [
        yarl.URL("https://host/y?z=1"),
        yarl.URL("https://other/y"),
        None,
        yarl.URL("https://host/x"),
    ] == steps


@pytest.mark.parametrize(
    "headers",
    [
        {"Location": "http://host/x"},
        {"Location": "ftp://host/x"},
        {"Location": "file:///etc/passwd"},
        {"Location": "https://[::1"},
        {},
    ],
)
def test_a_redirect_does_not_lead_astray(headers: dict[str, str]) -> None:
    """From https only to https; never to another scheme, or nowhere."""
    with pytest.raises(NotFetched) as caught:
        moved_to(URL, 302, headers)

    assert Reason.REDIRECTS is reason_of(caught.value)


@given(
    status=st.integers(100, 999),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "Content-Range",
                "Content-Length",
                "Content-Type",
                "ETag",
                "Retry-After",
                "Date",
                "Content-Encoding",
            ]
        ),
        st.text(max_size=30)
        | st.from_regex(
            r"bytes (\*|[0-9]{1,3}-[0-9]{1,3})/(\*|[0-9]{1,3})", fullmatch=True
        ),
    ),
    asked=st.sampled_from([ALL, PART, REST]),
)
def test_no_head_breaks_it(status: int, headers: dict[str, Any], asked: Asked) -> None:
    """It is used within its bounds, or refused as all are."""
    found = None
    with suppress(NotFetched):
        found = read_head(URL, asked, status, headers)

    if found is not None:
        assert found.at in {0, asked.at}
        assert found.length is None or found.at + found.length <= 100
