"""Where things lie, and which names can lie there."""

from pathlib import Path

import pytest

from edged.errors import BadRelease, UnknownModel
from edged.store.layout import (
    Layout,
    folder_name,
    is_model_name,
    link_target,
    parse_folder,
    parse_target,
)

LAYOUT = Layout(Path("/s"))


def test_every_path_lies_below_the_root() -> None:
    """The tree of the design, word by word."""
    folder = "14-0123456789ab"

    found = [
        LAYOUT.models_dir,
        LAYOUT.incoming,
        LAYOUT.model("a"),
        LAYOUT.releases("a"),
        LAYOUT.release("a", folder),
        LAYOUT.current("a"),
        LAYOUT.previous("a"),
    ]

    assert [
        "/s/models",
        "/s/incoming",
        "/s/models/a",
        "/s/models/a/releases",
        f"/s/models/a/releases/{folder}",
        "/s/models/a/current",
        "/s/models/a/previous",
    ] == [str(path) for path in found]


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "A", "a b", "a\n", "-a", "x" * 65]
)
def test_a_name_that_leads_out_is_no_model(name: str) -> None:
    """It came out of a URL."""
    assert not is_model_name(name)
    with pytest.raises(UnknownModel, match="cannot find model"):
        LAYOUT.current(name)


@pytest.mark.parametrize(
    "folder",
    ["", "..", "1-2", "1-0123456789AB", "01-0123456789ab", "1-0123456789ab/..", "x"],
)
def test_a_folder_of_another_form_is_no_release(folder: str) -> None:
    """It came out of a link or a listing."""
    assert parse_folder(folder) is None
    with pytest.raises(BadRelease, match="cannot read release"):
        LAYOUT.release("a", folder)


def test_a_folder_name_can_be_read_back() -> None:
    """Sequence number and the first twelve digits."""
    folder = folder_name(14, "0123456789abcdef")

    assert (14, "0123456789ab") == parse_folder(folder)


def test_a_link_target_can_be_read_back() -> None:
    """It is relative, so that the store can move."""
    folder = "0-0123456789ab"

    assert folder == parse_target(link_target(folder))


@pytest.mark.parametrize(
    "target",
    ["/s/models/a/releases/1-0123456789ab", "releases", "../b/1-0123456789ab", "x/1-1"],
)
def test_a_target_that_leads_elsewhere_names_no_folder(target: str) -> None:
    """Only `releases/<folder>` counts."""
    assert parse_target(target) is None


def test_a_layout_says_where_it_is() -> None:
    """For logs and failed tests."""
    assert "Layout('/s')" == repr(LAYOUT)
