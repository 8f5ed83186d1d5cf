"""The real daemon, hit at one system call of an install.

strace is attached when the daemon is up, so calls are counted from the install on, and
in each thread for itself: the first of a kind are those that take the stream in. The
call that is hit is not carried out (a kill) or fails (an error).
Source: strace(1), inject.
"""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from edged.client import Control
from edged.errors import EdgedError
from edged.host.files import DiskFiles
from edged.store.layout import Layout
from edged.store.links import Links
from edged.store.releases import Releases
from edged.wire.changes import ENDS, ChangesRequest, Step
from edged.wire.endpoints import CHANGES
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.daemon import Daemon, running

#: Calls that change the store. Sockets are written with others.
CALLS = ("mkdir", "fsync", "rename", "symlink", "unlink", "rmdir", "link", "ftruncate")

CONFIG = "server: {group: null}\ninstall: {probation: 0ms}\nlog: {level: warning}\n"
DOUBLED, NEGATED = [2.0] * 4, [-1.0] * 4


class Hit(msgspec.Struct, frozen=True):
    """One call to hit, the how many-th, and how."""

    call: str
    when: int
    how: str = "signal=SIGKILL"

    def __str__(self) -> str:
        return f"{self.call}-{self.when}-{self.how.partition('=')[2]}"


class Outcome(msgspec.Struct, kw_only=True):
    """What became of the install.

    Attributes:
        hit: whether the daemon was killed, or the error happened.
        said: what the installer was told.
        wrong: a promise that was broken; empty for none.
    """

    hit: bool
    said: str
    wrong: str


def prepared(home: Path) -> Path:
    """Make a home whose store has a committed release."""
    home.mkdir()
    (home / "c.yaml").write_text(CONFIG)
    for name, files in (("one", bundle()), ("two", negated())):
        (home / name).mkdir()
        for file, data in files.items():
            (home / name / file).write_bytes(data)
    with running(home, "--config", str(home / "c.yaml")) as daemon:
        daemon.install(home / "one")
        daemon.stop()
    return home


def negated() -> dict[str, bytes]:
    """Return a second release, whose answers are told from the first's."""
    return bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2)


def hit(template: Path, home: Path, what: Hit) -> Outcome:
    """Install the second release while one call is hit; then see what is there."""
    shutil.rmtree(home, ignore_errors=True)
    sockets = shutil.ignore_patterns("n", "r", "log")
    shutil.copytree(template, home, symlinks=True, ignore=sockets)
    config = ("--config", str(home / "c.yaml"))
    with running(home, *config) as daemon:
        with _struck(daemon, what) as traced:
            said = _installed(daemon, home)
        if "closed the connection" in said:
            daemon.process.wait(5)  # it is gone, or about to be
        was_killed = daemon.process.poll() == -signal.SIGKILL
        is_hit = was_killed or "INJECTED" in traced.read_text()
        if not was_killed:
            wrong = _wrong(daemon, said)
            return Outcome(hit=is_hit, said=said, wrong=wrong or _again(daemon, home))
    with running(home, *config) as daemon:
        wrong = _wrong(daemon, said) or _again(daemon, home)
    return Outcome(hit=is_hit, said=said, wrong=wrong)


@contextlib.contextmanager
def _struck(daemon: Daemon, what: Hit) -> Iterator[Path]:
    traced = daemon.log.with_name("strace")
    strace = subprocess.Popen(
        [
            *("strace", "-f", "-p", str(daemon.process.pid), "-o", str(traced)),
            *("-e", f"trace={what.call}", "-e", "signal=none"),
            *("-e", f"inject={what.call}:{what.how}:when={what.when}"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert strace.stderr is not None
    try:
        assert "attached" in strace.stderr.readline()
        yield traced
    finally:
        strace.send_signal(signal.SIGINT)
        try:
            strace.wait(2)
        except subprocess.TimeoutExpired:  # it may wait for a leader that is gone
            strace.kill()
            strace.wait()
        strace.stderr.close()


def _installed(daemon: Daemon, home: Path) -> str:
    """Install; return what was said, empty if it went well."""
    try:
        daemon.install(home / "two")
    except EdgedError as error:
        return error.message
    return ""


def _wrong(daemon: Daemon, said: str) -> str:
    """Return the first promise that is broken."""
    with daemon.client() as client:
        found = client.infer("sums", np.ones((1, 4), "<f4")).output.ravel().tolist()
    if found not in (DOUBLED, NEGATED):
        return f"it answers {found}"
    if not said and found != NEGATED:
        return "the installer was told that it serves, and it does not"
    layout = Layout(daemon.state)
    releases = Releases(layout, DiskFiles())
    current = Links(layout, DiskFiles()).current("sums")
    if current is None:
        return "no link is left"
    release = releases.read("sums", current)
    if faults := releases.verify(release):
        return f"what is live is not whole: {faults[0]}"
    if (release.manifest.seq == 2) is not (found == NEGATED):
        return "link and answers differ"
    return ""


def _again(daemon: Daemon, home: Path) -> str:
    """Install again: then it must serve, and nothing be left open or lying about."""
    said = _installed(daemon, home)
    if said:
        return f"it cannot be installed again: {said}"
    with daemon.client() as client:
        found = client.infer("sums", np.ones((1, 4), "<f4")).output.ravel().tolist()
    if found != NEGATED:
        return f"installed again, it answers {found}"
    with Control(daemon.control) as control:
        changes = control.call(CHANGES, ChangesRequest(limit=100)).changes
    unfinished = [c for c in changes if c.last.step not in ENDS | {Step.PROBATION}]
    if unfinished:
        return f"change {unfinished[0].id} is at {unfinished[0].last.step.value}"
    left = [path.name for path in (daemon.state / "incoming").iterdir()]
    return f"left over: {left}" if left else ""
