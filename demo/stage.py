# ruff: noqa: INP001, S603, T201  # as the demos: it starts our programs and prints
"""What every demo needs: a place, a daemon in it, and the tool a technician has.

Law: nothing is left behind, and the daemon is seen to stop well.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edged.client.control import Control
from edged.errors import NoDaemon
from edged.wire.endpoints import STATUS
from edged.wire.messages import Nothing, Phase

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "demo" / "digits"

#: Where the store stands while a demo runs.
HOME = ROOT / ".demo"

#: A slow board imports its runtimes from an SD card.
START_S, STOP_S = 60.0, 30.0


class Failed(Exception):
    """A demo did not show what it should."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one daemon lives: its store, its sockets, its log.

    Attributes:
        home: a folder for anything else.
    """

    home: Path
    runtime: Path

    @property
    def state(self) -> Path:
        """The store."""
        return self.home / "state"

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.home / "log"

    @property
    def socket(self) -> str:
        """The data socket."""
        return str(self.runtime / "edged.sock")

    @property
    def control(self) -> str:
        """The control socket."""
        return str(self.runtime / "control.sock")


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """Make an empty store, and a runtime folder: sockets need a short path."""
    HOME.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="demo-", dir=HOME) as home,
        tempfile.TemporaryDirectory(prefix="edged-", dir="/tmp") as runtime,
    ):
        yield Place(home=Path(home), runtime=Path(runtime))


@contextlib.contextmanager
def daemon(place: Place, *options: str) -> Iterator[None]:
    """Run edged, wait until it answers; stop it, and see that it stops well.

    Raises:
        Failed: it did not start, or did not stop by itself with 0.
    """
    words = ["--state-dir", str(place.state), "--runtime-dir", str(place.runtime)]
    words += options
    with place.log.open("wb") as log:
        process = subprocess.Popen(program("edged", *words), cwd=ROOT, stderr=log)
    try:
        _await_ready(process, place)
        yield
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired as exc:
        raise Failed(f"edged did not stop within {STOP_S:.0f} s of SIGTERM") from exc
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if code != 0:
        raise Failed(f"edged ended with {code}: {_last_words(place)}")


def _await_ready(process: "subprocess.Popen[bytes]", place: Place) -> None:
    control = Control(place.control)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Failed(f"edged ended at once: {_last_words(place)}")
        with contextlib.suppress(NoDaemon):
            if control.call(STATUS, Nothing()).phase is Phase.READY:
                return
        time.sleep(0.02)
    raise Failed(f"edged did not answer within {START_S:.0f} s: {_last_words(place)}")


def _last_words(place: Place) -> str:
    return place.log.read_text(errors="replace")[-2000:].strip() or "it said nothing"


def edgectl(place: Place, *words: str, expected: int = 0) -> None:
    """Run one command as a person would, its text going to the same terminal.

    Raises:
        Failed: it did not end with the number that was expected.
    """
    print(f"\n$ edgectl {' '.join(words)}", flush=True)
    command = program("edgectl", *words, "--runtime-dir", str(place.runtime))
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code != expected:
        raise Failed(f"edgectl {words[0]} ended with {code}")


def program(name: str, *words: str) -> list[str]:
    """Return the command line of a program that stands beside this Python."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Failed(f"cannot find {name}: run `make setup`")
    return [found, *words]
