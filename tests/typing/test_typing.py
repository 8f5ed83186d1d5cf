"""mypy accepts what callers should write, and refuses what they should not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_FOUND = re.compile(r":(\d+): error: .*\[([a-z-]+)\]$")
_MARKED = re.compile(r"# E: ([a-z-]+)$")


def found_by_mypy(file: str) -> set[tuple[int, str]]:
    """Return line and code of every error in a file."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", HERE / file],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    matches = map(_FOUND.search, done.stdout.splitlines())
    return {(int(match[1]), match[2]) for match in matches if match}


@pytest.mark.slow
@pytest.mark.timeout(180)  # a cold cache of a slow board
def test_what_callers_should_write_is_accepted() -> None:
    """Also the types that it gives."""
    assert set() == found_by_mypy("good.py")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_callers_should_not_write_is_refused() -> None:
    """Each line that is marked, and no other."""
    lines = (HERE / "bad.py").read_text().splitlines()
    marked = ((number, _MARKED.search(line)) for number, line in enumerate(lines, 1))

    expected = {(number, match[1]) for number, match in marked if match}
    assert expected == found_by_mypy("bad.py")
