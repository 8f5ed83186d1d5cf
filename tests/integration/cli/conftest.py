"""edgectl as people and scripts run it, against a real daemon and against fakes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from edged.cli.main import main
from tests.fakes.control import FakeControl, fake_control
from tests.fakes.daemon import DEMO, ROOT, Daemon, running, short_home


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Edgectl = Callable[..., Outcome]

PROGRAM = (
    sys.executable,
    "-c",
    "import sys; from edged.cli.main import main; sys.exit(main())",
)


@pytest.fixture
def edgectl(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Edgectl:
    """Return a function that runs a command in this process."""
    for name in ("EDGED_SOCKET", "EDGED_CONTROL_SOCKET", "EDGED_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Outcome:
        code = main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a folder with a short path."""
    with short_home() as made:
        yield made


@pytest.fixture
def fake(home: Path) -> Iterator[FakeControl]:
    """Return a control socket that answers what it is told."""
    with fake_control(home / "control.sock") as listening:
        yield listening


@pytest.fixture(scope="module")
def box() -> Iterator[Daemon]:
    """Return a daemon that serves the demo's model; tests leave `digits` as it is."""
    with short_home() as made, running(made) as daemon:
        daemon.install(DEMO)
        yield daemon


@pytest.fixture
def process() -> Callable[..., "subprocess.Popen[bytes]"]:
    """Return a function that starts a command as a process of its own."""

    def start(*words: object, **options: object) -> "subprocess.Popen[bytes]":
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            # What runs in the background of a shell would ignore Ctrl-C.
            ["env", "--default-signal=INT", *PROGRAM, *(str(word) for word in words)],
            env=env,
            **options,  # type: ignore[call-overload]  # Popen's own
        )

    return start


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Return a publisher's folder; `publish` sets it up."""
    return tmp_path / "repo"


@pytest.fixture
def publish(edgectl: Edgectl, repo: Path, monkeypatch: pytest.MonkeyPatch) -> Edgectl:
    """Return a function that runs a verb of `publish` in that folder."""
    monkeypatch.delenv("EDGED_KEY_PASSPHRASE", raising=False)

    def run(verb: str, *words: object) -> Outcome:
        return edgectl("publish", verb, *words, "--repo", repo)

    assert run("init").code == 0
    return run
