"""edged-updater: a process of its own, with a user of its own."""

import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest

from edged.client.control import Control
from edged.wire import endpoints
from edged.wire.changes import ChangesRequest
from edged.wire.messages import Level
from edged.wire.names import Trust
from edged.wire.updates import (
    PauseRequest,
    Reason,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.daemon import ROOT, running
from tests.fakes.nginx import Nginx, nginx
from tests.fakes.publishing import House

WITHIN_S = 40.0

#: Imports first: the interpreter may lie where another user cannot look.
_AS = """
import _strptime, encodings.idna, encodings.utf_8_sig, os, sys
import edged.updater, edged.client.control, edged.strictyaml.document
import tuf.api.serialization.json
from edged.errors import EdgedError
from edged.wire import endpoints
from edged.wire.messages import ModelName
os.setresuid(*3 * (int(sys.argv[1]),))
"""
_UPDATER = (
    _AS
    + """
sys.argv[1:2] = []
edged.updater.command()
"""
)
_UNLOAD = (
    _AS
    + """
try:
    control = edged.client.control.Control(sys.argv[2])
    control.call(endpoints.UNLOAD, ModelName(name="sums"))
except EdgedError as error:
    print(error.code)
"""
)

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can start a process as another user"
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a publisher with keys."""
    made = House(tmp_path / "publisher")
    made.init()
    return made


@pytest.fixture
def host(tmp_path: Path, house: House) -> Iterator[Nginx]:
    """Run nginx over a signed release of `sums`."""
    path = tmp_path / "sums"
    path.mkdir()
    for name, data in bundle(onnx_files.adder(dims=(1, 4))).items():
        (path / name).write_bytes(data)
    house.add_bundle(path)
    with nginx(tmp_path / "nginx") as started:
        house.push(started.root)
        yield started


def settings(home: Path, url: str, user: str, more: str = "") -> Path:
    """Write the settings that both processes read."""
    root = home / "root.json"
    path = home / "edged.yaml"
    path.write_text(
        "server: {group: null, mode: 0666}\n"
        f"update:\n  apart: true\n  user: {user}\n"
        f"  sources: [{{name: main, url: '{url}', root: {root}}}]\n"
        f"{more}"
    )
    return path


@contextmanager
def updater(
    home: Path, config: Path, *, uid: int | None = None, options: Sequence[str] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run edged-updater, and end it."""
    state = home / "u"
    state.mkdir(exist_ok=True)
    if uid is not None:
        os.chown(state, uid, -1)
    address = home / "un"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        address.chmod(0o666)
        notify.settimeout(WITHIN_S)
        user = str(os.geteuid() if uid is None else uid)
        command = [sys.executable, "-c", _UPDATER, user, "--config", str(config)]
        folders = ["--state-dir", str(state), "--runtime-dir", str(home / "r")]
        with (home / "updater.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, *folders, *options],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "NOTIFY_SOCKET": str(address),
                },
            )
        ready = b""
        try:
            with suppress(TimeoutError):
                ready = notify.recv(4096)
            assert b"READY=1" in ready, (home / "updater.log").read_text()
            yield process
        finally:
            process.kill()
            process.wait()


def told(home: Path) -> UpdateStatus:
    """Ask edged-updater what it does."""
    with Control(home / "r" / "updater.sock") as control:
        return control.call(endpoints.UPDATE, UpdateRequest())


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_release_that_is_revoked_is_stopped_by_another_users_word(
    host: Nginx, house: House, home: Path
) -> None:
    """It hands in what is signed; the daemon judges, stops, and says so."""
    nobody = pwd.getpwnam("nobody")
    (home / "root.json").write_bytes((host.root / "metadata/1.root.json").read_bytes())
    (home / "r").mkdir()
    for folder in (home, home / "r"):
        folder.chmod(0o777)  # a folder of this test
    config = settings(home, host.url, "nobody", "  stop-revoked: true\n")
    with running(home, "--config", str(config)) as daemon:
        daemon.runtime.chmod(0o777)  # as the package's group would let it
        daemon.state.chmod(0o755)
        with (
            updater(home, config, uid=nobody.pw_uid),
            Control(home / "r" / "updater.sock") as control,
        ):
            control.call(endpoints.UPDATE_NOW, UpdateScope())
            _until(lambda: daemon.status().level is Level.OK)
            revoked = partial(msgspec.structs.replace, revoked="it leaks")
            house.publisher.change("sums", 1, revoked)
            house.push(host.root)
            before = daemon.status()
            control.call(endpoints.UPDATE_CHECK, UpdateScope())
            after = daemon.status()
            why = control.call(endpoints.UPDATE, UpdateRequest()).reasons

    assert Level.OK is before.level
    assert (Level.DOWN, ["revoked"]) == (
        after.level,
        [trouble.code for trouble in after.troubles],
    )
    assert [Reason.REVOKED] == [one.reason for one in why]


def _until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < until, "it does not come to that"
        time.sleep(0.05)


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(90)
def test_another_user_fetches_and_hands_in_what_is_signed(
    host: Nginx, home: Path
) -> None:
    """And may do nothing else at the daemon's socket."""
    nobody = pwd.getpwnam("nobody")
    (home / "root.json").write_bytes((host.root / "metadata/1.root.json").read_bytes())
    (home / "r").mkdir()
    for folder in (home, home / "r"):
        folder.chmod(0o777)  # a folder of this test
    config = settings(home, host.url, "nobody")
    with running(home, "--config", str(config)) as daemon:
        daemon.runtime.chmod(0o777)  # as the package's group would let it
        daemon.state.chmod(0o755)
        with Control(daemon.control) as control:
            inside = control.call(endpoints.UPDATE, UpdateRequest())
        with updater(home, config, uid=nobody.pw_uid):
            with Control(home / "r" / "updater.sock") as control:
                control.call(endpoints.UPDATE_NOW, UpdateScope())
            until = time.monotonic() + WITHIN_S
            with Control(daemon.control) as control:
                changes = ()
                while time.monotonic() < until and not (
                    changes and changes[0].last.step.value == "committed"
                ):
                    asked = ChangesRequest(limit=1)
                    changes = control.call(endpoints.CHANGES, asked).changes
                    time.sleep(0.05)
            apart, counted = told(home), metrics(home)
        forbidden = _as_user(nobody.pw_uid, daemon.control)

    assert inside.apart
    assert apart.apart
    assert re.search(
        r'^edged_update_source_age_seconds\{source="\w+"\} ', counted, re.MULTILINE
    )
    assert changes, (home / "updater.log").read_text()
    assert (Trust.SIGNED, "committed") == (changes[0].trust, changes[0].last.step.value)
    assert f"nobody (uid {nobody.pw_uid}" in changes[0].by
    assert "not-permitted" == forbidden


def metrics(home: Path) -> str:
    """Ask the updater for what a collector gathers."""
    command = ["curl", "-sS", "--fail", "--unix-socket", str(home / "r/updater.sock")]
    command.append("http://localhost/metrics")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _as_user(uid: int, control: Path) -> str:
    """Return the code that a user gets for unloading a model."""
    done = subprocess.run(
        [sys.executable, "-c", _UNLOAD, str(uid), str(control)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout.strip() or done.stderr


def test_without_a_source_it_says_so_and_ends_cleanly(home: Path) -> None:
    """There is nothing to do, and nothing is wrong with that."""
    config = home / "edged.yaml"
    config.write_text("server: {group: null}\n")
    (home / "r").mkdir()

    with updater(home, config) as process:
        status = told(home)
        with (
            Control(home / "r" / "updater.sock") as control,
            pytest.raises(Exception, match="no sources") as refused,
        ):
            control.call(endpoints.UPDATE_PAUSE, PauseRequest())
        process.send_signal(signal.SIGTERM)
        ended = process.wait(WITHIN_S)

    assert "no sources" in status.text
    assert "conflict" == getattr(refused.value, "code", None)
    assert os.EX_OK == ended
    assert not (home / "r" / "updater.sock").exists()


def test_settings_are_read_again_and_a_typo_changes_nothing(home: Path) -> None:
    """SIGHUP is no reason to end; the log says what became of it."""
    config = home / "edged.yaml"
    config.write_text("server: {group: null}\nupdate: {rate: 1MiB}\n")
    (home / "r").mkdir()

    with updater(home, config) as process:
        config.write_text("server: {group: null}\nupdate: {rate: fast}\n")
        process.send_signal(signal.SIGHUP)
        refused = _logged(home, "the settings in force stay")
        config.write_text("server: {group: null}\nupdate: {rate: 2MiB, apart: true}\n")
        process.send_signal(signal.SIGHUP)
        taken = _logged(home, "update.rate: 1MiB -> 2MiB")
        status = told(home)

    assert "update.rate" in refused
    assert "update.apart: False -> True, after a restart" in taken
    assert "no sources" in status.text


def _logged(home: Path, words: str) -> str:
    """Return what the updater logged, once these words are in it."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        text = (home / "updater.log").read_text()
        if words in text:
            return text
        time.sleep(0.02)
    raise AssertionError(text)


def test_a_configuration_that_does_not_hold_is_told(home: Path) -> None:
    """With the status that keeps a unit from trying again."""
    config = home / "edged.yaml"
    config.write_text("update: {sources: [{name: main}]}\n")

    done = subprocess.run(
        [sys.executable, "-m", "edged.updater", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert os.EX_CONFIG == done.returncode
    assert "cannot do without the key 'url'" in done.stderr
