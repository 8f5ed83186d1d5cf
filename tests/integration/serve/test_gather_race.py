"""Integers in shared memory are copied before they are checked."""

import subprocess
import sys
from pathlib import Path

RACE = Path(__file__).with_name("gather_race.py")


def test_a_flipped_index_reads_nothing_out_of_bounds() -> None:
    """Each run answers or refuses; in place this crashes (see the program)."""
    done = subprocess.run(
        [sys.executable, RACE, "2"], capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    answers, refusals = map(int, done.stdout.split())
    assert answers
    assert refusals
