"""The static host on loopback serves what it is given."""

from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.fakes.static_host import static_host


def get(url: str, path: str) -> tuple[int, bytes]:
    """Ask once."""
    with closing(HTTPConnection(url.removeprefix("http://"))) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_it_serves_files_and_notes_what_was_asked() -> None:
    """By names that may be quoted."""
    asked: list[str] = []

    with static_host({"a/b c": b"bytes"}, asked) as url:
        answer = get(url, "/a/b%20c")

    assert ((200, b"bytes"), ["a/b c"]) == (answer, asked)


@pytest.mark.parametrize(("name", "status"), [("none", 404), ("broken", 500)])
def test_it_answers_errors(name: str, status: int) -> None:
    """For what it has not, and for what it is told."""
    with static_host({"broken": 500}) as url:
        actual, _ = get(url, f"/{name}")

    assert status == actual
