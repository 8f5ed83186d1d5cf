"""How a command ends, whatever happens to it."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edged.wire.messages import Models, Problem
from tests.fakes.control import FakeControl
from tests.fakes.daemon import Daemon

Edgectl = Callable[..., tuple[int, str, str]]
Start = Callable[..., "subprocess.Popen[bytes]"]


def test_a_wrong_word_gets_the_nearest(edgectl: Edgectl) -> None:
    """Exit 2, one sentence, and what to type."""
    assert (
        2,
        "",
        (
            "edgectl: cannot understand 'stauts': known are status, models, install, "
            "changes,\n  watch, infer, bench, profile, update, publish, config, "
            "device, strategy, why,\n  version\n"
            "  try: edgectl status\n"
        ),
    ) == edgectl("stauts")


def test_a_failure_is_a_sentence_and_a_step(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """The daemon's own words and its hint come through; its code is the exit."""
    fake.answer(
        "GET /v1/models/nix",
        Problem(
            title="no",
            detail="cannot find model nix",
            code="unknown-model",
            hint="edgectl models list",
        ),
        status=404,
    )

    outcome = edgectl("models", "show", "nix", "--runtime-dir", home)

    assert (
        66,
        "",
        "edgectl: cannot find model nix\n  try: edgectl models list\n",
    ) == outcome


@pytest.mark.usefixtures("fake")
def test_a_failure_is_a_document_too(edgectl: Edgectl, home: Path) -> None:
    """With --json, a script finds the same in stdout."""
    _, out, _ = edgectl("--json", "models", "show", "nix", "--runtime-dir", home)

    assert ("edged.error/1", 1) == (json.loads(out)["schema"], json.loads(out)["exit"])


def test_a_bug_is_one_line(
    edgectl: Edgectl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback reaches a technician; how to get it does."""
    monkeypatch.setattr("edged.cli.desk.Control", None)

    code, out, err = edgectl("models", "list", "--runtime-dir", home)

    assert (70, "", True, False) == (
        code,
        out,
        "EDGED_DEBUG=1 edgectl models list" in err,
        "Traceback" in err,
    )


def test_a_bug_can_be_looked_into(
    edgectl: Edgectl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EDGED_DEBUG lets it through."""
    monkeypatch.setattr("edged.cli.desk.Control", None)
    monkeypatch.setenv("EDGED_DEBUG", "1")

    with pytest.raises(TypeError):
        edgectl("models", "list", "--runtime-dir", home)


def test_help_ends_well(edgectl: Edgectl) -> None:
    """It fits a screen of 24 lines with the prompt."""
    code, out, _ = edgectl("--help")

    assert (0, True) == (code, len(out.splitlines()) <= 23)


def test_a_closed_pipe_is_quiet(process: Start, box: Daemon) -> None:
    """`edgectl models list | head -0` prints no complaint."""
    running = process(
        "models",
        "list",
        "--runtime-dir",
        box.runtime,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    running.stdout.close()

    _, err = running.communicate(timeout=10)

    assert (1, b"") == (running.returncode, err)


def test_a_full_disk_is_told(process: Start, box: Daemon) -> None:
    """What could not be written is not lost silently."""
    with Path("/dev/full").open("wb") as full:
        running = process(
            "models",
            "list",
            "--runtime-dir",
            box.runtime,
            stdout=full,
            stderr=subprocess.PIPE,
        )
        _, err = running.communicate(timeout=10)

    assert (1, True) == (running.returncode, b"No space left on device" in err)


def test_closed_streams_are_no_bug(process: Start, box: Daemon) -> None:
    """Cron jobs and daemons may start with nothing open."""
    running = process(
        "status",
        "--runtime-dir",
        box.runtime,
        preexec_fn=_close_streams,
    )

    assert 0 == running.wait(10)


def test_ctrl_c_ends_it(process: Start, fake: FakeControl, home: Path) -> None:
    """130, and no traceback."""
    fake.hang = True
    running = process("models", "list", "--runtime-dir", home, stderr=subprocess.PIPE)
    while not fake.asked:
        assert running.poll() is None
        time.sleep(0.01)

    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=10)

    assert (130, b"\n") == (running.returncode, err)


def test_the_environment_names_the_socket(
    edgectl: Edgectl,
    fake: FakeControl,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing has to be typed twice."""
    fake.answer("GET /v1/models", Models())
    monkeypatch.setenv("EDGED_CONTROL_SOCKET", f"unix://{home}/control.sock")

    code, out, err = edgectl("models", "list")

    assert (0, "", "no model is installed\n  try: edgectl install PATH\n") == (
        code,
        out,
        err,
    )


def _close_streams() -> None:
    import os  # noqa: PLC0415  # runs in the child

    os.close(1)
    os.close(2)
