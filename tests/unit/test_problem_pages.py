"""What codes and exit numbers mean: total, fresh, and true of the commands named."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edged.cli.exits import Exit
from edged.config.rows import SETTINGS
from edged.log import message_id
from tools import problem_pages
from tools.completions import commands

COMMANDS = {command.words: command for command in commands()}
WORDS = {
    (key, part): text
    for key, row in problem_pages.texts().items()
    for part, text in zip(row._fields, row, strict=True)
}


def all_codes() -> list[str]:
    """Return every code there is."""
    return [code for _, words in problem_pages.codes() for code in words]


@pytest.mark.parametrize(
    ("path", "page"),
    problem_pages.pages(),
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_page_is_fresh(path: Path, page: str) -> None:
    """`python -m tools.problem_pages` writes it."""
    assert page == path.read_text()


def test_every_code_and_exit_number_has_its_text_and_no_other_has() -> None:
    """A new code comes with what it means."""
    assert {*all_codes(), *(exit_.value for exit_ in Exit)} == set(
        problem_pages.texts()
    )
    assert len(all_codes()) == len(set(all_codes()))


def test_texts_are_sentences() -> None:
    """What it is in one, why and what to do in any number; none is empty."""
    odd = {
        place
        for place, text in WORDS.items()
        if not re.fullmatch(r"[`\w].*[.?]", text)
        and not (place[1] == "is_" and isinstance(place[0], int))
    }

    assert set() == odd


def test_commands_in_texts_exist() -> None:
    """A technician types them as they stand."""
    wrong = []
    for place, text in WORDS.items():
        for typed in re.findall(r"`edgectl ([^`]*)`", text):
            words = tuple(word for word in typed.split() if re.match(r"[a-z-]", word))
            path = tuple(word for word in words if not word.startswith("-"))
            found = COMMANDS.get(path)
            options = [word for word in words if word.startswith("-")]
            if found is None or any(flag not in found.options for flag in options):
                wrong.append((place, typed))

    assert [] == wrong


def test_settings_in_texts_exist() -> None:
    """`update.window` and the like are found on the page of settings."""
    keys = {row.key for row in SETTINGS}
    sections = {key.partition(".")[0] for key in keys}
    named = {
        key
        for text in WORDS.values()
        for key in re.findall(r"`([a-z]+\.[a-z-]+)`", text)
        if key.partition(".")[0] in sections
    }

    assert "server.max-body" in named
    assert set() == named - keys


def test_ids_never_change() -> None:
    """People filter by them, and installed catalogs have them."""
    assert "7db5bead130c51a7b6ae5a1735ea52c3" == message_id("bug")


@pytest.mark.skipif(not shutil.which("journalctl"), reason="no systemd here")
def test_the_catalog_compiles_and_explains_every_code(tmp_path: Path) -> None:
    """As the package installs it, and as `journalctl -x` looks an id up."""
    catalog = tmp_path / "usr" / "lib" / "systemd" / "catalog" / "edged.catalog"
    catalog.parent.mkdir(parents=True)
    (tmp_path / "var" / "lib" / "systemd" / "catalog").mkdir(parents=True)
    shutil.copy(problem_pages.CATALOG, catalog)

    def ask(*words: str) -> str:
        command = ["journalctl", "--root", str(tmp_path), *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stderr == ""
        return done.stdout

    ask("--update-catalog")
    listed = ask("--list-catalog").splitlines()
    explained = ask("--dump-catalog", message_id("bad-model"))

    assert {line.split()[0] for line in listed} == set(map(message_id, all_codes()))
    assert "edgectl models verify NAME" in explained
