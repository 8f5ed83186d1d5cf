"""Reading a repository from a folder and from a web server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edged.errors import InvalidRequest, NotFetched
from edged.publish.places import Folder, Place, Web, place

Served = Callable[[Path], str]


@pytest.fixture(params=["folder", "web"])
def at(request: pytest.FixtureRequest, tmp_path: Path, served: Served) -> Place:
    """Return a place with one file of five bytes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"hello")
    if request.param == "folder":
        return place(str(tmp_path))
    return place(served(tmp_path) + "/")


def test_a_file_is_read_and_sized(at: Place) -> None:
    """Whole."""
    assert (b"hello", 5) == (b"".join(at.read("a/b", 5)), at.size("a/b"))


def test_a_file_that_is_not_there_is_told_by_name(at: Place) -> None:
    """For TUF that is the end of the roots, not a trouble."""
    for look in (lambda: at.size("a/c"), lambda: list(at.read("a/c", 5))):
        with pytest.raises(NotFetched, match="cannot read a/c: not found") as caught:
            look()
        assert "not-found" == caught.value.fields["reason"]


def test_no_more_is_read_than_is_allowed(at: Place) -> None:
    """A host may send without an end."""
    with pytest.raises(NotFetched, match="more than 4 bytes") as caught:
        list(at.read("a/b", 4))

    assert "endless" == caught.value.fields["reason"]


def test_a_plain_server_sends_no_parts(tmp_path: Path, served: Served) -> None:
    """The standard library's does not; a folder is read from anywhere."""
    (tmp_path / "x").write_bytes(b"hello")

    assert (False, None) == (
        Web(served(tmp_path)).resumes("x"),
        Folder(tmp_path).resumes("x"),
    )


def test_a_server_that_is_not_there_is_told() -> None:
    """With why; port 9 is nobody's."""
    with pytest.raises(NotFetched, match="cannot read x: ") as caught:
        Web("http://127.0.0.1:9").size("x")

    assert "unreachable" == caught.value.fields["reason"]


@pytest.mark.parametrize("text", ["ftp://host/x", "file:///etc", "/no/such/folder"])
def test_only_folders_and_web_servers_are_looked_at(text: str) -> None:
    """Nothing else is opened."""
    with pytest.raises(InvalidRequest, match="cannot look at"):
        place(text)
