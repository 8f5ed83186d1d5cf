"""One daemon a state directory, for real."""

import subprocess
import sys
from pathlib import Path

import pytest

from edged.errors import SocketFailed, StoreFailed
from edged.host.lock import only_daemon

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys
from pathlib import Path
from edged.host.lock import only_daemon
with only_daemon(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_daemon_is_refused(folder: Path) -> None:
    """Two writers would ruin the store."""
    with (
        only_daemon(folder),
        pytest.raises(SocketFailed) as caught,
        only_daemon(folder),
    ):
        pass

    assert f"cannot start: another daemon uses {folder}" == caught.value.message


def test_the_lock_goes_with_its_holder(folder: Path) -> None:
    """A killed daemon leaves nothing that keeps the next one out."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(SocketFailed), only_daemon(folder):
            pass

        holder.kill()
        holder.wait(timeout=10)

        with only_daemon(folder):
            pass


def test_it_can_be_taken_again(folder: Path) -> None:
    """A clean end frees it, and nothing is left on disk."""
    for _ in range(2):
        with only_daemon(folder):
            pass

    assert [] == list(folder.iterdir())


def test_a_missing_folder_is_named(folder: Path) -> None:
    """The hint can be typed."""
    with pytest.raises(StoreFailed) as caught, only_daemon(folder / "state"):
        pass

    assert (
        f"mkdir -p {folder}/state, or name another by --state-dir" == caught.value.hint
    )
