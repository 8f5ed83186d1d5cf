"""The settings table: complete, and the pages that come from it are fresh."""

from pathlib import Path

import pytest

from edged import config
from edged.config.rows import SETTINGS, Row
from edged.config.settings import Settings
from edged.strictyaml import document, emit
from tools import config_pages

ROOT = Path(__file__).resolve().parents[3]

every_setting = pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.key)


@every_setting
def test_a_setting_explains_itself(row: Row) -> None:
    """A sentence or more, with a full stop, and a phrase for what is allowed."""
    assert row.setting.doc[0].isupper()
    assert row.setting.doc.endswith(".")
    assert row.setting.kind.allowed


@every_setting
def test_a_default_is_within_its_own_range(row: Row) -> None:
    """Writing the default out changes nothing."""
    text = f"k: {emit.flow(row.shown(Settings()))}\n"

    value = row.setting.kind.read(document.read(text.encode(), "f").at("k"))

    assert row.default == value == row.value(Settings())


def test_the_shipped_file_decodes_to_exactly_the_defaults() -> None:
    """Installing it changes nothing."""
    loaded = config.read(ROOT / "config" / "edged.yaml")

    assert Settings() == loaded.settings
    assert all(value.origin != "default" for value in loaded.effective)


def test_the_shipped_file_is_fresh() -> None:
    """`python -m tools.config_pages` writes it."""
    assert config_pages.sample() == (ROOT / "config" / "edged.yaml").read_text()


def test_the_reference_page_is_fresh() -> None:
    """`python -m tools.config_pages` writes it."""
    page = ROOT / "docs" / "reference" / "config.md"

    assert config_pages.page() == page.read_text()
