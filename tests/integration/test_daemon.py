"""The real daemon, from outside: sockets, signals, notifications."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edged.client import Client, Control
from edged.errors import (
    NoDaemon,
    NotReady,
    StoreFailed,
    UnknownModel,
    UnknownVersion,
)
from edged.wire.endpoints import CONFIG, INSTALL, ROLLBACK, STATUS
from edged.wire.messages import (
    Changed,
    InstallRequest,
    Level,
    ModelName,
    ModelPhase,
    Nothing,
    Phase,
    Status,
)
from tests.fakes.box import bundle
from tests.fakes.bundles import in_pieces, tar_of
from tests.fakes.daemon import ROOT, Daemon, running


def test_from_nothing_to_right_answers(
    daemon: Daemon, heldout: tuple[np.ndarray, np.ndarray]
) -> None:
    """Install the demo, ask every rung, see it in the status."""
    images, labels = heldout
    assert daemon.status().verdict == "serving, but no model is installed"

    daemon.install()

    with daemon.client() as client:
        for variant in ("fp32", "int8", "int8-litert"):
            right = sum(
                client.infer("digits", image, variant=variant).output.argmax() == label
                for image, label in zip(images[:100], labels[:100], strict=True)
            )
            assert right >= 97
    status = daemon.status()
    assert (status.level, status.verdict) == (Level.OK, "digits 1.0.0 is ready")
    assert status.models[0].requests == 300


def test_a_restart_serves_what_was_live(home: Path) -> None:
    """READY comes after the models, and the first answer is right."""
    with running(home) as first:
        first.install()
        assert first.stop() == os.EX_OK

    with running(home) as second, second.client() as client:
        told = second.told[-1]
        answer = client.infer("digits", np.zeros((1, 1, 8, 8), "<f4"))

    assert "STATUS=digits 1.0.0 is ready" in told
    assert answer.output.shape == (1, 10)


def test_a_pinned_version_that_is_gone_names_the_live_one(daemon: Daemon) -> None:
    """The caller learns what to ask for."""
    daemon.install()

    with daemon.client() as client, pytest.raises(UnknownVersion, match=r"1\.0\.0"):
        client.infer("digits", np.zeros((1, 1, 8, 8), "<f4"), version="0.9")


def test_a_model_that_cannot_be_loaded_leaves_the_daemon_up(home: Path) -> None:
    """Not ready for that model, with the reason; the others serve."""
    with running(home) as first:
        first.install()
        with Control(first.control) as control:
            control.call(INSTALL, InstallRequest(), body=in_pieces(tar_of(bundle())))
        first.stop()
    for file in (home / "s/models/digits/releases").glob("*/digits_*"):
        file.write_bytes(b"\0" * file.stat().st_size)

    with running(home) as second, second.client() as client:
        status = second.status()
        answer = client.infer("sums", np.ones((1, 4), "<f4"))
        with pytest.raises(NotReady, match="cannot load digits"):
            client.infer("digits", np.zeros((1, 1, 8, 8), "<f4"))

    phases = {model.name: model.phase for model in status.models}
    assert phases == {"digits": ModelPhase.FAILED, "sums": ModelPhase.READY}
    assert status.level is Level.DEGRADED
    assert "1 of 2 models ready; cannot load digits" in status.verdict
    assert answer.output.tolist() == [[2.0] * 4]


def test_rollback_through_the_control_socket(daemon: Daemon) -> None:
    """The client raises the daemon's own classes."""
    with Control(daemon.control) as control:
        for seq in (1, 2):
            stream = in_pieces(tar_of(bundle(seq=seq)))
            control.call(INSTALL, InstallRequest(), body=stream)

        back = control.call(ROLLBACK, ModelName(name="sums"))

        assert back.live is not None
        assert back.live.seq == 1
        with pytest.raises(UnknownModel):
            control.call(ROLLBACK, ModelName(name="nobody"))


def test_the_snapshot_outlives_the_daemon(home: Path) -> None:
    """`edgectl status` reads it when nobody answers; it says how things ended."""
    with running(home) as daemon:
        daemon.install()
        daemon.stop()
        snapshot = (daemon.runtime / "status.json").read_bytes()

    told = msgspec.json.decode(snapshot, type=Status)
    assert told.phase is Phase.STOPPED
    assert told.models[0].name == "digits"
    assert not daemon.control.exists()


def test_two_daemons_do_not_share_a_store(daemon: Daemon, home: Path) -> None:
    """The second says whose it is and touches nothing."""
    second = subprocess.run(
        [
            *(sys.executable, "-m", "edged.daemon"),
            *("--state-dir", daemon.state, "--runtime-dir", home / "other"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=15,
        check=False,
    )

    assert second.returncode == os.EX_UNAVAILABLE
    assert f"another daemon uses {daemon.state}" in second.stderr
    assert "Traceback" not in second.stderr
    assert daemon.status().phase is Phase.READY


def test_a_bad_configuration_ends_with_78(home: Path) -> None:
    """A unit does not restart on that; every fault is listed."""
    config = home / "edged.yaml"
    config.write_text("server:\n  max-conections: 5\nserve: {queue-length: 0}\n")

    for extra in ([], ["--check-config"]):
        ended = subprocess.run(
            [sys.executable, "-m", "edged.daemon", "--config", config, *extra],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=15,
            check=False,
        )

        assert ended.returncode == os.EX_CONFIG
        assert "edged.yaml:2" in ended.stderr
        assert "max-connections" in ended.stderr
        assert "queue-length" in ended.stderr


def test_sighup_takes_new_settings_or_keeps_the_old(home: Path) -> None:
    """As a whole: a typo changes nothing and shows in the status."""
    config = home / "edged.yaml"
    config.write_text("serve: {queue-length: 5}\n")
    with running(home, "--config", str(config)) as daemon:
        config.write_text("serve: {queue-length: 7, default-timeout: banana}\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("RELOADING=1")
        daemon.wait_for("READY=1")
        kept, troubled = _setting(daemon, "serve.queue-length"), daemon.status()

        config.write_text("serve: {queue-length: 7}\nserver: {keep-alive: 30s}\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("READY=1")
        taken, restart = _setting(daemon, "serve.queue-length"), daemon.status()

    assert (kept, taken) == (5, 7)
    assert "bad-config" in {trouble.code for trouble in troubled.troubles}
    assert [t.text for t in restart.troubles] == [
        "changed settings wait for a restart: server.keep-alive"
    ]


def test_what_waits_for_a_restart_is_not_forgotten(home: Path) -> None:
    """Later reloads tell it too; taking it back clears it; the view tells the truth."""
    config = home / "edged.yaml"
    config.write_text("{}\n")

    def reload(daemon: Daemon, text: str) -> list[str]:
        config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("READY=1")
        return [t.text for t in daemon.status().troubles]

    with running(home, "--config", str(config)) as daemon:
        first = reload(daemon, "server: {max-connections: 99}\n")
        second = reload(
            daemon, "server: {max-connections: 99}\nserve: {queue-length: 9}\n"
        )
        connections = _setting(daemon, "server.max-connections")
        queue = _setting(daemon, "serve.queue-length")
        reverted = reload(daemon, "serve: {queue-length: 9}\n")

    assert first == second
    assert "server.max-connections" in first[0]
    assert (connections, queue) == (1024, 9)
    assert reverted == []


def test_a_sighup_while_stopping_does_not_say_ready(home: Path) -> None:
    """Systemd would take it for a daemon that serves again."""
    with running(home) as daemon, socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(daemon.data))
        idle.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in idle.recv(4096)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("STOPPING=1")
        daemon.process.send_signal(signal.SIGHUP)
        idle.close()
        daemon.process.wait(15)
        with pytest.raises(AssertionError):
            daemon.wait_for("READY=1", within_s=0.5)


def _setting(daemon: Daemon, key: str) -> object:
    with Control(daemon.control) as control:
        rows = control.call(CONFIG, Nothing()).values
    return next(row.value for row in rows if row.key == key)


def test_the_watchdog_is_fed_and_stopping_is_said(home: Path) -> None:
    """In time, for as long as it lives."""
    with running(home, watchdog_s=0.4) as daemon:
        for _ in range(3):
            daemon.wait_for("WATCHDOG=1", within_s=2)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("STOPPING=1")
        assert daemon.process.wait(10) == os.EX_OK


def test_a_second_sigterm_ends_it_at_once(home: Path) -> None:
    """A technician who cannot wait for the drain need not."""
    with running(home) as daemon, socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(daemon.data))
        idle.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in idle.recv(4096)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("STOPPING=1")
        assert daemon.process.poll() is None

        began = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        status = daemon.process.wait(5)

    assert status != os.EX_OK
    assert time.monotonic() - began < 2


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_restarts_under_eight_clients_fail_nobody(home: Path) -> None:
    """With sockets that the service manager keeps, nobody notices five restarts."""
    (home / "r").mkdir()
    sockets = {}
    for name, file in (("data", "edged.sock"), ("control", "control.sock")):
        sockets[name] = socket.socket(socket.AF_UNIX)
        sockets[name].bind(str(home / "r" / file))
        sockets[name].listen(128)
    with running(home, inherit=sockets) as daemon:
        daemon.install()
        load = _Load(daemon.data)
        load.start()
        for _ in range(5):
            time.sleep(0.3)
            assert daemon.stop() == os.EX_OK
            daemon.kill()
            daemon = Daemon(home, inherit=sockets)  # noqa: PLW2901  # its next life
            daemon.ready()
        answered, failures = load.stop()
        daemon.kill()
    for sock in sockets.values():
        sock.close()

    assert failures == []
    assert answered > 100


class _Load:
    """Eight keep-alive clients, each asking again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._over = threading.Event()
        self._answers = [0] * 8
        self._failures: list[str] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(n,)) for n in range(8)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> tuple[int, list[str]]:
        self._over.set()
        for thread in self._threads:
            thread.join(15)
        return sum(self._answers), self._failures

    def _ask(self, number: int) -> None:
        image = np.zeros((1, 1, 8, 8), "<f4")
        with Client(self._path, timeout_s=15) as client:
            while not self._over.is_set():
                try:
                    client.infer("digits", {"image": image})
                    self._answers[number] += 1
                except Exception as error:  # noqa: BLE001  # whatever it is, it failed
                    self._failures.append(repr(error))


def test_a_stopped_daemon_is_told_apart(home: Path) -> None:
    """Its socket is gone, and the client says what to type."""
    with running(home) as daemon:
        daemon.stop()
        with daemon.client() as client, pytest.raises(NoDaemon) as caught:
            client.infer("digits", {"image": np.zeros((1, 1, 8, 8), "<f4")})

    assert caught.value.hint


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB where the state will be."""
    state = home / "s"
    state.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", state], check=True
    )
    yield state
    subprocess.run(["umount", "-l", state], check=True)


@needs_root
def test_a_full_disk_refuses_installs_and_nothing_else(
    home: Path, small_disk: Path
) -> None:
    """The sentence names the file system; what was live serves; room heals it."""
    with running(home) as daemon, daemon.client() as client:
        daemon.install()
        filler = small_disk / "filler"
        _fill(filler)

        with pytest.raises(StoreFailed, match=r"is full \(0\.0 MiB free") as caught:
            _install(daemon, bundle())
        answer = client.infer("digits", np.zeros((1, 1, 8, 8), "<f4"))
        filler.unlink()
        healed = _install(daemon, bundle())

    assert "edgectl models remove" in caught.value.hint
    assert answer.output.shape == (1, 10)
    assert healed.changed


def _fill(filler: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"\0" * 65_536):
            pass


@needs_root
def test_a_read_only_store_serves_what_it_has(home: Path, small_disk: Path) -> None:
    """While running, and after a restart; effects say what is wrong."""
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    with running(home) as daemon:
        daemon.install()
        subprocess.run(remount, check=True)
        with pytest.raises(StoreFailed, match="read-only"):
            _install(daemon, bundle())
        assert daemon.stop() == os.EX_OK

    with running(home) as daemon, daemon.client() as client:
        status = daemon.status()
        answer = client.infer("digits", np.zeros((1, 1, 8, 8), "<f4"))
        with pytest.raises(StoreFailed, match="read-only"):
            _install(daemon, bundle())

    assert status.models[0].phase is ModelPhase.READY
    assert answer.output.shape == (1, 10)


def _install(daemon: Daemon, files: dict[str, bytes]) -> Changed:
    with Control(daemon.control) as control:
        return control.call(INSTALL, InstallRequest(), body=in_pieces(tar_of(files)))


def test_a_model_that_is_out_of_order_fails_alone(home: Path) -> None:
    """A folder that cannot be looked at, a manifest that would block for ever."""
    with running(home) as daemon:
        daemon.install()
        _install(daemon, bundle())
        daemon.stop()
    models = home / "s/models"
    (models / "loop").symlink_to("loop")
    manifest = models / "sums/current/model.yaml"
    manifest.unlink()
    os.mkfifo(manifest)

    with running(home) as daemon, daemon.client() as client:
        phases = {model.name: model.phase for model in daemon.status().models}
        client.infer("digits", np.zeros((1, 1, 8, 8), "<f4"))

    assert {
        "digits": ModelPhase.READY,
        "loop": ModelPhase.FAILED,
        "sums": ModelPhase.FAILED,
    } == phases


@needs_root
def test_a_store_that_may_not_be_read_is_told_and_not_fatal(home: Path) -> None:
    """The daemon is up, not ready, and says whose permission is missing."""
    (home / "s").mkdir()
    (home / "r").mkdir()
    (home / "s/models").mkdir(mode=0o700)
    for folder in (home, home / "r", home / "s"):
        os.chown(folder, 65534, 65534)
    program = (
        "import os, sys; from edged.daemon import main\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", program),
            *("--state-dir", home / "s", "--runtime-dir", home / "r"),
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        control = home / "r/control.sock"
        deadline = time.monotonic() + 10
        while not control.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with Control(control) as asked:
            told = asked.call(STATUS, Nothing())
            while told.phase is Phase.STARTING and time.monotonic() < deadline:
                time.sleep(0.05)
                told = asked.call(STATUS, Nothing())
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()

    assert told.level is not Level.OK
    assert "no permission" in told.troubles[0].text
