"""`edgectl status`, whatever state the daemon is in."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edged.wire.messages import Level, Phase, Process, Status
from edged.wire.updates import Activity
from tests.fakes.control import FakeControl, fake_control
from tests.fakes.daemon import ROOT, Daemon
from tests.fakes.updater import IDLE

Edgectl = Callable[..., tuple[int, str, str]]

HEALTHY = Status(
    level=Level.OK,
    verdict="1 model ready",
    phase=Phase.READY,
    at_utc="2026-11-24T07:00:00Z",
    process=Process(
        pid=1,
        version="0",
        started_utc="2026-11-24T06:00:00Z",
        uptime_s=3600.0,
        rss_bytes=1,
        cpu_s=1.0,
    ),
)

#: facts: what `status` must not wait for.
HEAVY = ("asyncio", "aiohttp", "ssl", "yaml", "numpy", "psutil", "logging", "rich")
#: Not so heavy, and yet each was once a tenth of the time that it takes.
NEEDLESS = ("typing_extensions", "shutil", "pathlib", "subprocess", "difflib", "email")


def test_a_healthy_box_says_ok(edgectl: Edgectl, box: Daemon) -> None:
    """The first line is the verdict, the exit number is 0, stderr is empty."""
    code, out, err = edgectl("status", "--runtime-dir", box.runtime)

    assert (0, True, True, "") == (
        code,
        out.startswith("OK: "),
        "digits  1.0.0    ready" in out,
        err,
    )


def test_the_document_is_that_of_the_daemon(edgectl: Edgectl, box: Daemon) -> None:
    """`--json` prints what the schema promises."""
    code, out, _ = edgectl("status", "--json", "--runtime-dir", box.runtime)

    status = msgspec.json.decode(out, type=Status)

    assert (0, "edged.status/1", ["digits"]) == (
        code,
        status.schema,
        [model.name for model in status.models],
    )


def test_status_imports_nothing_heavy(box: Daemon) -> None:
    """What it needs is a handful of modules, or it would be slow on a small board."""
    program = textwrap.dedent(
        f"""
        import sys
        from edged.cli.main import main
        assert main(["status", "--runtime-dir", {str(box.runtime)!r}]) == 0
        print(*(m for m in {(*HEAVY, *NEEDLESS)!r} if m in sys.modules))
        """
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert "" == done.stdout.splitlines()[-1]


def test_status_starts_fast(box: Daemon, tmp_path: Path) -> None:
    """At most 8 times the processor time of a bare interpreter's start and end.

    The least of several runs, with compiled modules, as they are installed.
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(tmp_path)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    status = ("-m", "edged.cli", "status", "--runtime-dir", str(box.runtime))

    ratio = cpu_s(status, env) / cpu_s(("-c", "pass"), env)

    assert ratio <= 8


def cpu_s(words: tuple[str, ...], env: dict[str, str]) -> float:
    """Return the least processor time of a run of Python, in seconds."""
    least = float("inf")
    for _ in range(7):
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, *words],
            env,
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
        )
        _, _, used = os.wait4(pid, 0)
        least = min(least, used.ru_utime + used.ru_stime)
    return least


def test_what_the_updater_tells_is_part_of_it(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """In a line, and in the document."""
    paused = replace(IDLE, activity=Activity.PAUSED, text="paused by pi")
    fake.answer("GET /v1/status", HEALTHY)
    fake.answer("GET /v1/update", paused)

    code, out, _ = edgectl("status", "--runtime-dir", home)
    _, document, _ = edgectl("status", "--runtime-dir", home, "--json")

    assert (0, "- update: paused by pi") == (code, out.splitlines()[1])
    assert ("edged.status/1", "paused") == (
        json.loads(document)["schema"],
        json.loads(document)["update"]["activity"],
    )


def test_an_updater_apart_is_asked_at_its_own_socket(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """The daemon says that it is not the one."""
    fake.answer("GET /v1/status", HEALTHY)
    fake.answer("GET /v1/update", replace(IDLE, apart=True, text="elsewhere"))
    with fake_control(home / "updater.sock") as updater:
        paused = replace(IDLE, activity=Activity.PAUSED, text="paused by pi")
        updater.answer("GET /v1/update", paused)

        code, out, _ = edgectl("status", "--runtime-dir", home)

    assert (0, "- update: paused by pi") == (code, out.splitlines()[1])


def test_an_updater_apart_that_is_down_degrades_the_box(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """It serves, and gets nothing new."""
    fake.answer("GET /v1/status", HEALTHY)
    fake.answer("GET /v1/update", replace(IDLE, apart=True))

    code, out, _ = edgectl("status", "--runtime-dir", home)

    assert (3, True, True) == (
        code,
        "cannot ask edged-updater" in out.replace("\n  ", " "),
        "  try: systemctl status edged-updater" in out.splitlines(),
    )


def test_a_daemon_that_knows_no_updates_has_a_status(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """An older one answers 404."""
    fake.answer("GET /v1/status", HEALTHY)

    code, out, _ = edgectl("status", "--runtime-dir", home)

    assert (0, True) == (code, out.startswith("OK: "))


def test_no_socket_is_a_stopped_daemon(edgectl: Edgectl, home: Path) -> None:
    """ENOENT: nothing runs, and how to start it is said."""
    code, out, _ = edgectl("status", "--runtime-dir", home)

    assert (
        69,
        f"DOWN: edged does not run: there is no socket at {home}/control.sock",
    ) == (
        code,
        out.splitlines()[0],
    )


def test_a_socket_without_a_listener_is_a_crash(edgectl: Edgectl, home: Path) -> None:
    """ECONNREFUSED: the file is there and nobody behind it."""
    with fake_control(home / "control.sock"):
        pass

    code, out, _ = edgectl("status", "--runtime-dir", home)

    assert (69, True) == (
        code,
        out.startswith("DOWN: edged has crashed or was killed: nobody listens at"),
    )


def test_no_answer_in_time_is_a_hang(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """The socket takes the question, and no answer comes."""
    fake.hang = True

    code, out, _ = edgectl("status", "--runtime-dir", home, "--timeout", "0.2")

    assert (69, True) == (code, out.startswith("DOWN: edged hangs: it does not answer"))


def test_a_hang_is_of_who_listens(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """Without systemd and without a snapshot: the kernel knows the process."""
    fake.hang = True

    _, out, _ = edgectl(
        "status", "--socket", home / "control.sock", "--timeout", "0.2", "--json"
    )

    evidence = json.loads(out)["evidence"]
    assert (os.getpid(), True) == (evidence["pid"], evidence["pid_is_ours"])


def test_the_dead_are_started_as_they_were(
    edgectl: Edgectl,
    box: Daemon,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One exported variable is enough to find the last words, and the folders."""
    status = box.status()
    (home / "status.json").write_bytes(msgspec.json.encode(status))
    monkeypatch.setenv("EDGED_CONTROL_SOCKET", f"{home}/control.sock")

    _, out, _ = edgectl("status")

    lines = out.splitlines()
    assert (True, True, True) == (
        any(f"-m edged.daemon --state-dir {box.state}" in line for line in lines),
        any(line.startswith("last status, ") for line in lines),
        f"store: 1 model in {box.state}" in " ".join(out.split()),
    )


def test_another_program_is_told_apart(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """Somebody answers who does not speak HTTP."""
    fake.garble = True

    code, out, _ = edgectl("status", "--runtime-dir", home)

    assert (69, True) == (code, "does not speak as edged does" in " ".join(out.split()))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_who_may_not_connect_learns_it(box: Daemon) -> None:
    """EACCES: the last status is still told, and the daemon is not called down."""
    program = textwrap.dedent(
        f"""
        import os, sys
        import edged.cli.main, edged.cli.status, edged.cli.offline
        import edged.store.releases, edged.store.links, edged.host.files, pathlib, pwd
        import encodings.utf_8_sig, shlex, yaml  # lie where nobody may read
        from edged.config.load import load
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        sys.exit(edged.cli.main.main(["status", "--runtime-dir", {str(box.runtime)!r}]))
        """
    )
    box.runtime.parent.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert (77, True, True) == (
        done.returncode,
        done.stdout.startswith("UNKNOWN: "),
        "may not connect to" in done.stdout,
    ), done.stderr


def test_the_dead_leave_a_last_word(edgectl: Edgectl, box: Daemon, home: Path) -> None:
    """Snapshot and store are read without the daemon, also as JSON."""
    status = box.status()
    (home / "status.json").write_bytes(msgspec.json.encode(status))

    code, out, _ = edgectl(
        "status", "--json", "--runtime-dir", home, "--state-dir", box.state
    )

    document = json.loads(out)
    evidence = document["evidence"]
    assert (69, "edged.status.offline/1", "down", "absent") == (
        code,
        document["schema"],
        document["level"],
        evidence["cause"],
    )
    assert (box.process.pid, [("digits", "1.0.0", None)]) == (
        evidence["snapshot"]["process"]["pid"],
        [(m["name"], m["version"], m["problem"]) for m in evidence["store"]["models"]],
    )


def test_a_broken_configuration_is_the_first_thing_to_mend(
    edgectl: Edgectl, home: Path
) -> None:
    """It would not start with it."""
    config = home / "edged.yaml"
    config.write_text("servre:\n  tcp: null\n")

    _, out, _ = edgectl("status", "--runtime-dir", home, "--config", config)

    assert (f"  try: edgectl config check {config}", True) == (
        out.splitlines()[1],
        "servre" in out,
    )


def test_a_socket_elsewhere_is_pointed_out(
    edgectl: Edgectl, box: Daemon, home: Path
) -> None:
    """The configuration knows where the daemon listens."""
    config = home / "edged.yaml"
    config.write_text(f"runtime-dir: {box.runtime}\n")

    _, out, _ = edgectl("status", "--runtime-dir", home, "--config", config)

    assert f"  try: edgectl status --socket {box.control}" in out.splitlines()


@pytest.mark.parametrize(
    ("level", "code"), [(Level.OK, 0), (Level.DEGRADED, 3), (Level.DOWN, 4)]
)
def test_the_level_is_the_exit_number(
    edgectl: Edgectl,
    fake: FakeControl,
    box: Daemon,
    home: Path,
    level: Level,
    code: int,
) -> None:
    """A script need not read."""
    fake.answer("GET /v1/status", replace(box.status(), level=level))

    found, out, _ = edgectl("status", "--runtime-dir", home)

    assert (code, f"{level.value.upper()}: ") == (
        found,
        out[: len(level.value) + 2],
    )
