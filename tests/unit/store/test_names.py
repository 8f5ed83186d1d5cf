"""Names in a bundle."""

import pytest

from edged.errors import BadBundle
from edged.store.names import Place, check_name
from edged.store.tar import Kind, Member


def _file(name: str) -> Member:
    return Member(name=name, kind=Kind.FILE, size=0)


def _folder(name: str) -> Member:
    return Member(name=name, kind=Kind.FOLDER, size=0)


@pytest.mark.parametrize("prefix", ["", "./", "digits/", "./out/models/digits/"])
def test_the_folder_that_holds_all_files_is_stripped(prefix: str) -> None:
    """However people made the tar; names keep their case."""
    place = Place()
    members = [_file(f"{prefix}model.yaml"), _file(f"{prefix}README")]

    assert ["model.yaml", "README"] == [place.name_of(member) for member in members]


def test_folders_on_the_way_to_the_files_say_nothing() -> None:
    """Before, between and after."""
    place = Place()
    members = [_folder("./"), _folder("a/"), _file("a/b/x"), _folder("a/b")]

    assert [None, None, "x", None] == [place.name_of(member) for member in members]


@pytest.mark.parametrize(
    "members",
    [
        [_file("a/x"), _file("b/y")],
        [_file("a/x"), _file("y")],
        [_file("x"), _folder("sub/")],
        [_folder("sub/"), _file("x")],
        [_file("a/x"), _folder("a/sub")],
    ],
)
def test_a_second_folder_is_refused(members: list[Member]) -> None:
    """A bundle is flat."""
    place = Place()

    with pytest.raises(BadBundle, match="not in the same folder"):
        [place.name_of(member) for member in members]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../x", "leads out"),
        ("a/../x", "leads out"),
        ("/etc/passwd", "absolute path"),
        ("//x", "absolute path"),
        (".hidden", "begins with a dot"),
        ("._model.yaml", "begins with a dot"),
        (".git/config", "begins with a dot"),
        ("a\\b", "backslash"),
        ("a\nb", "control character"),
        ("a\x7f", "control character"),
        ("a\u2028b", "control character"),
        ("\u202eabc", "control character"),
        (" x", "blank"),
        ("x ", "blank"),
        ("x" * 101, "101 bytes"),
        ("é" * 51, "102 bytes"),
        ("x/", "a file is named"),
        ("", "a file is named"),
        (".", "a file is named"),
    ],
)
def test_a_name_that_is_not_plain_is_refused(name: str, why: str) -> None:
    """It says which name and why."""
    with pytest.raises(BadBundle, match=why):
        Place().name_of(_file(name))


@pytest.mark.parametrize("name", ["x", "Model 2 (final).onnx", "é" * 50, "-rf", "a..b"])
def test_what_people_type_is_taken(name: str) -> None:
    """Blanks inside, brackets and letters of any script."""
    check_name(name, name)
