"""The clients that were written from the documentation alone: compiled, and run."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT, Daemon, running, short_home

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def box() -> Iterator[Daemon]:
    """Return a daemon that serves the demo."""
    with short_home() as home, running(home) as daemon:
        daemon.install()
        yield daemon


def tool(*names: str) -> str:
    """Return a tool's path, or skip where the machine has none of these."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"this machine has no {' and no '.join(names)}")


def best(output: str) -> str:
    """Return the most probable digit of an example's table."""
    rows = [line.split() for line in output.splitlines()]
    assert [str(digit) for digit in range(10)] == [row[0] for row in rows]
    return max(rows, key=lambda row: float(row[1]))[0]


def test_the_c_client_reads_a_one(box: Daemon, tmp_path: Path) -> None:
    """Without a warning, by sealed memfd, in and out."""
    cc, program = tool("cc", "gcc"), tmp_path / "shm_client"
    source = EXAMPLES / "shm_client.c"
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([cc, *flags, "-o", program, source], check=True)

    done = subprocess.run(
        [program, box.data], capture_output=True, text=True, check=False, timeout=10
    )

    assert 0 == done.returncode, done.stderr
    assert best(done.stdout) == "1"


def test_the_node_client_reads_a_one(box: Daemon) -> None:
    """By name, in and out, and it leaves no object behind."""
    before = set(Path("/dev/shm").iterdir())  # noqa: S108  # where objects are

    done = subprocess.run(
        [tool("node"), EXAMPLES / "shm_client.mjs", box.data],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )

    assert 0 == done.returncode, done.stderr
    assert best(done.stdout) == "1"
    left = set(Path("/dev/shm").iterdir()) - before  # noqa: S108
    assert not [path for path in left if path.name.startswith("edged-example")]
