"""The completions that are written from the command line's code."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools import completions


@pytest.mark.parametrize(
    ("path", "page"), completions.pages(), ids=lambda value: getattr(value, "name", "")
)
def test_a_completion_is_fresh(path: Path, page: str) -> None:
    """`make docs` was run after the last change of a command."""
    assert page == path.read_text()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["mod"], ["models"]),
        (["models", "rollb"], ["rollback"]),
        (["models", "rollback", "--js"], ["--json"]),
        (["tuf"], []),
        (["publish", "rotate", "onl"], ["online"]),
    ],
)
def test_bash_completes_what_edgectl_knows(
    typed: list[str], offered: list[str]
) -> None:
    """Nouns, verbs, options and fixed words, and nothing that is hidden."""
    words = " ".join(["edgectl", *typed])
    script = (
        f". {completions.FOLDER / 'edgectl.bash'}; COMP_WORDS=({words});"
        f" COMP_CWORD={len(typed)}; _edgectl; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )

    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True
    )

    assert offered == done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_read_its_completion(shell: str) -> None:
    """None stumbles over a quote in a line of help."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")

    done = subprocess.run(
        [shell, "-n", str(completions.FOLDER / f"edgectl.{shell}")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
