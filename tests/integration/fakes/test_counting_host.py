"""The host that counts what its clients have read."""

import socket
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.fakes.counting_host import PIECE, CountingHost, counting_host


def get(host: CountingHost, **headers: str) -> tuple[int, bytes]:
    """Ask for the one blob."""
    with closing(HTTPConnection(host.url.removeprefix("http://"))) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", "/blobs/a", headers=named)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (200, b"0123456789")),
        ({"Range": "bytes=3-5"}, (206, b"345")),
        ({"Range": "bytes=8-"}, (206, b"89")),
        ({"Range": "bytes=3-5", "If_Range": '"another"'}, (200, b"0123456789")),
    ],
)
def test_it_sends_what_is_asked_for_and_counts_it(
    tmp_path: Path, headers: dict[str, str], expected: tuple[int, bytes]
) -> None:
    """As a web server does."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "a").write_bytes(b"0123456789")

    with counting_host(tmp_path) as host:
        actual = get(host, **headers)
        sent = host.blobs()

    assert (expected, len(expected[1])) == (actual, sent)


def test_it_sends_no_more_than_is_read(tmp_path: Path) -> None:
    """But for one piece."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "a").write_bytes(bytes(8 * PIECE))

    with counting_host(tmp_path) as host, socket.socket() as client:
        address, _, port = host.url.removeprefix("http://").partition(":")
        client.connect((address, int(port)))
        client.sendall(b"GET /blobs/a HTTP/1.1\r\nHost: a\r\n\r\n")
        while not host.blobs():
            client.recv(1, socket.MSG_PEEK)
        sent = host.blobs()

    assert PIECE == sent
