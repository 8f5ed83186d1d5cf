"""The pages that are written from the command line's code."""

from pathlib import Path

import pytest

from tools import cli_pages


@pytest.mark.parametrize(
    ("path", "page"), cli_pages.pages(), ids=lambda value: getattr(value, "name", "")
)
def test_a_page_is_fresh(path: Path, page: str) -> None:
    """`make docs` was run after the last change of a command or a message."""
    assert page == path.read_text()


def test_no_page_is_left_over() -> None:
    """A schema that nothing prints any more is gone."""
    written = {path for path, _ in cli_pages.pages()}

    assert {*cli_pages.SCHEMAS.iterdir(), cli_pages.MAN} == written
