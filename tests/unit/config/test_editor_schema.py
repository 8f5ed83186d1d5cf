"""What is written from the settings besides the sample: schema, man pages, examples."""

from pathlib import Path

import pytest

from edged import daemon
from edged.config.rows import SETTINGS
from tools import editor_schema, man_pages

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))


def test_the_schema_is_fresh() -> None:
    """`python -m tools.editor_schema` writes it."""
    assert editor_schema.page() == editor_schema.PAGE.read_text()


@pytest.mark.parametrize(
    ("path", "page"), man_pages.pages(), ids=lambda value: getattr(value, "name", "")
)
def test_a_man_page_is_fresh(path: Path, page: str) -> None:
    """`python -m tools.man_pages` writes it."""
    assert page == path.read_text()


def test_the_man_page_has_every_setting() -> None:
    """Each one stands there as it is written in the file."""
    page = man_pages.settings_page().replace("\\-", "-")

    missing = [row.key for row in SETTINGS if f"{row.key.split('.')[-1]}:" not in page]

    assert [] == missing


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_holds(example: Path) -> None:
    """`edged --check-config` takes each drop-in that the package shows."""
    assert 0 == daemon.main(["--check-config", "--config", str(example)])


def test_there_are_examples() -> None:
    """A small board, a battery, a big box, a container."""
    names = [path.stem for path in EXAMPLES]

    assert ["container", "small-pi", "ups-hat", "x86-box"] == names
