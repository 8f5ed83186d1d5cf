"""What strategies allow, as administrators write it."""

from pathlib import Path

import pytest

from edged import config
from edged.adapt.strategy import TABLE
from edged.config import Adapt
from edged.errors import BadConfig
from edged.wire.adapt import Caps, Errand, Strategy


def read(tmp_path: Path, text: str) -> Adapt:
    """Return what a file says."""
    file = tmp_path / "edged.yaml"
    file.write_text(text)
    return config.load(file).adapt


def test_the_page_is_where_the_table_comes_from() -> None:
    """Every strategy has its caps, most able first, and they never grow."""
    table = Adapt().table

    assert TABLE == table
    assert list(Strategy) == list(table)
    assert Caps() == table[Strategy.NORMAL]
    assert () == table[Strategy.CRITICAL].updates


def test_one_cap_is_altered_and_the_others_stay(tmp_path: Path) -> None:
    """Of that strategy, and all of the others."""
    found = read(
        tmp_path,
        "adapt: {lightweight: {cost: 0.25, updates: [], idle-unload: 5s}}\n",
    )

    lightweight = found.table[Strategy.LIGHTWEIGHT]
    default = TABLE[Strategy.LIGHTWEIGHT]
    assert (0.25, (), 5.0) == (
        lightweight.cost,
        lightweight.updates,
        lightweight.idle_unload_s,
    )
    assert (default.threads, default.queue) == (lightweight.threads, lightweight.queue)
    assert TABLE[Strategy.THROTTLED] == found.table[Strategy.THROTTLED]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cost: 2", "adapt.normal.cost: cannot use this number, found 2"),
        ("updates: [all]", "allowed check, download, trial"),
        ("period: 10ms", "a duration from 500ms to 1min"),
        ("thread: 1", "threads"),
    ],
)
def test_what_does_not_hold_is_told_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    """Key, what was found, what is allowed."""
    with pytest.raises(BadConfig) as caught:
        read(tmp_path, f"adapt: {{normal: {{{text}}}}}\n")

    assert words in caught.value.message


def test_errands_are_those_of_an_update() -> None:
    """Each step that costs the box something."""
    assert ["check", "download", "trial"] == [errand.value for errand in Errand]
