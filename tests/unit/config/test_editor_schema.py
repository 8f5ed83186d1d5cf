"""What is written from the settings besides the sample: schema, man pages, examples."""

import json
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from edged import daemon
from edged.config.rows import SETTINGS
from tools import editor_schema, man_pages

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "config" / "edged.yaml"
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


def judged(text: str) -> list[str]:
    """Return what an editor marks in a file, by the schema."""
    validator = Draft202012Validator(json.loads(editor_schema.PAGE.read_text()))
    return [error.json_path for error in validator.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one() -> None:
    """By the schema of schemas."""
    Draft202012Validator.check_schema(json.loads(editor_schema.PAGE.read_text()))


@pytest.mark.parametrize("path", [SAMPLE, *EXAMPLES], ids=lambda path: path.name)
def test_an_editor_has_nothing_against_what_is_shipped(path: Path) -> None:
    """The sample and each example."""
    assert [] == judged(path.read_text())


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ("sevrer: {}", "$"),
        ("server: {max-bodi: 1MiB}", "$.server"),
        ("log: {level: loud}", "$.log.level"),
        ("server: {max-connections: many}", "$.server['max-connections']"),
        ("server: {max-connections: 0}", "$.server['max-connections']"),
        ("update: {apart: maybe}", "$.update.apart"),
        ("update: {sources: [{name: a, kind: tuf, ulr: x}]}", "$.update.sources[0]"),
        ("adapt: {critical: {quue: 4}}", "$.adapt.critical"),
        ("adapt: {critical: {queue: 0}}", "$.adapt.critical.queue"),
        ("control: {admin-groups: edged}", "$.control['admin-groups']"),
    ],
)
def test_an_editor_marks_a_typo_as_the_daemon_does(
    typed: str, where: str, tmp_path: Path
) -> None:
    """A key, a word, a kind or a bound: none gets past either."""
    file = tmp_path / "edged.yaml"
    file.write_text(f"{typed}\n")

    assert where in judged(typed)
    assert os.EX_CONFIG == daemon.main(["--check-config", "--config", str(file)])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_says_why_each_setting_is_so(example: Path) -> None:
    """A reason above every value."""
    lines = example.read_text().splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r"  +[a-z-]+: ", line) and not before.lstrip().startswith("#")
    ]

    assert lines[0].startswith("# ")
    assert [] == bare


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_changes_what_it_names(example: Path) -> None:
    """A value that is the default anyhow would teach nothing."""
    told = yaml.safe_load(example.read_text())
    shipped = yaml.safe_load(SAMPLE.read_text())
    same = [
        f"{section}.{key}"
        for section, values in told.items()
        for key, value in values.items()
        if shipped[section][key] == value
    ]

    assert [] == same


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_holds(example: Path) -> None:
    """`edged --check-config` takes each drop-in that the package shows."""
    assert 0 == daemon.main(["--check-config", "--config", str(example)])


def test_there_are_examples() -> None:
    """A small board, a battery, a big box, a container."""
    names = [path.stem for path in EXAMPLES]

    assert ["container", "small-pi", "ups-hat", "x86-box"] == names
