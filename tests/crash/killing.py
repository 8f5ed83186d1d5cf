"""The real daemon, hit at one system call of an install; then what is left is judged.

The daemon is warm when strace is attached: a bundle was refused, so that every thread
that changes the store is there. strace stays until the change has come to its end.
"""

import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np

from edged.client import Control
from edged.errors import BadBundle, EdgedError, NoDaemon, UnknownVersion
from edged.wire.changes import ENDS, Change, ChangesRequest, Step
from edged.wire.endpoints import CHANGES, USE
from edged.wire.messages import UseRequest
from tests.crash import named_daemon
from tests.crash.campaign import WORDS, Outcome, live
from tests.crash.strikes import KILL, Call, planned, struck, threads, traced, was_hit
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.daemon import Daemon, running

#: Without probation and with nothing kept but the way back, one install does it all:
#: comes in, is proved, goes live, is committed, and the oldest is deleted.
CONFIG = """
server: {group: null}
install: {probation: 0ms}
store: {keep-releases: 2}
log: {level: warning}
"""
#: A file that all releases share: it is linked, not copied.
CARD = {"CARD.md": b"# Sums\n"}
NEW = 3
DOUBLED, NEGATED = [2.0] * 4, [-1.0] * 4

#: Threads of the daemon that change the store.
WRITERS = {"intake_0", "activate_0"}

_DIED_WITHIN_S = 5.0


def prepared(home: Path) -> Path:
    """Make a home whose store has two committed releases; another one lies by."""
    home.mkdir()
    (home / "c.yaml").write_text(CONFIG)
    negated = onnx_files.unary("Neg", dims=(1, 4))
    for name, files in (
        ("first", bundle(extra=CARD)),
        ("second", bundle(seq=2, extra=CARD)),
        ("new", bundle(negated, seq=NEW, extra=CARD)),
        ("bad", {"model.yaml": b"format: 0\n"}),
    ):
        (home / name).mkdir()
        for file, data in files.items():
            (home / name / file).write_bytes(data)
    with running(home, "--config", str(home / "c.yaml")) as daemon:
        daemon.install(home / "first")
        daemon.install(home / "second")
        daemon.stop()
    return home


def plan(template: Path, home: Path) -> list[Call]:
    """Install the new release, plainly; return the calls that change the store."""
    config = _copied(template, home)
    with running(home, *config, program=named_daemon.PROGRAM) as daemon:
        names = _warmed(daemon, home)
        with traced(daemon.process.pid, home / "strace"):
            daemon.install(home / "new")
            _settled(daemon)
    return planned(home / "strace", names, daemon.state)


def hit(template: Path, home: Path, call: Call, how: str) -> Outcome:
    """Install the new release while one call is hit; then see what is there."""
    config = _copied(template, home)
    with running(home, *config, program=named_daemon.PROGRAM) as daemon:
        tid = _warmed(daemon, home)[call.thread]
        with struck(tid, call, how, home / "strace"):
            error = _installed(daemon, home)
            _settled(daemon)
        is_hit = was_hit(home / "strace", call, daemon.state)
        if how != KILL:
            told = _untold(daemon, call, error, how) if is_hit else ""
            wrong = _wrong(daemon, error) or told or _again(daemon, home)
            if wrong or not _trash(daemon):
                return _outcome(is_hit, error, wrong)
            daemon.stop()
        else:
            is_hit = is_hit and _died(daemon)
    with running(home, *config) as daemon:
        wrong = _wrong(daemon, error) or _again(daemon, home)
        left = _trash(daemon)
    return _outcome(is_hit, error, wrong or (f"not swept: {left}" if left else ""))


# --- steps -------------------------------------------------------------------------


def _copied(template: Path, home: Path) -> tuple[str, str]:
    shutil.rmtree(home, ignore_errors=True)
    lively = shutil.ignore_patterns("n", "r", "log")
    shutil.copytree(template, home, symlinks=True, ignore=lively)
    return "--config", str(home / "c.yaml")


def _warmed(daemon: Daemon, home: Path) -> dict[str, int]:
    """Let it refuse a bundle, so that all writers live; return all threads."""
    try:
        daemon.install(home / "bad")
    except BadBundle:
        found = threads(daemon.process.pid)
        assert set(found) >= WRITERS, found
        return found
    raise AssertionError("a bad bundle was not refused")


def _installed(daemon: Daemon, home: Path) -> EdgedError | None:
    """Install; return what went wrong, None if nothing did."""
    try:
        daemon.install(home / "new")
    except EdgedError as error:
        return error
    return None


def _settled(daemon: Daemon) -> None:
    """Wait until no change of the model moves: this one waits for its turn."""
    with suppress(UnknownVersion, NoDaemon), Control(daemon.control) as control:
        control.call(USE, UseRequest(name="sums", seq=99))


def _died(daemon: Daemon) -> bool:
    """Tell whether it was killed, or is being so."""
    with suppress(subprocess.TimeoutExpired):
        return daemon.process.wait(_DIED_WITHIN_S) == -signal.SIGKILL
    return False


def _outcome(is_hit: bool, error: EdgedError | None, wrong: str) -> Outcome:  # noqa: FBT001  # a field of it
    return Outcome(hit=is_hit, said=error.message if error else "", wrong=wrong)


# --- promises ----------------------------------------------------------------------


def _wrong(daemon: Daemon, error: EdgedError | None) -> str:
    """Return the first promise that is broken."""
    found = _answer(daemon)
    if found not in (DOUBLED, NEGATED):
        return f"it answers {found}"
    if error is None and found != NEGATED:
        return "the installer was told that it serves, and it does not"
    seq, fault = live(daemon.state, "sums")
    if fault:
        return fault
    if (seq == NEW) is not (found == NEGATED):
        return "link and answers differ"
    return ""


def _untold(daemon: Daemon, call: Call, error: EdgedError | None, how: str) -> str:
    """Say what a technician was not told, or would not understand."""
    words = WORDS[how]
    if error is None:
        troubles = [trouble.text for trouble in daemon.status().troubles]
        is_told = any(words in text for text in troubles)
        is_trash = call.what.startswith("incoming/trash-")  # nobody need care
        return "" if is_told or is_trash else f"the status tells of {troubles}"
    if words not in error.message or not error.hint:
        return f"a technician reads {error.message!r} and {error.hint!r}"
    for change in _changes(daemon):
        if change.last.step is Step.REFUSED and words not in change.last.why:
            return f"the change was refused and says {change.last.why!r}"
    return ""


def _again(daemon: Daemon, home: Path) -> str:
    """Install again: then it must serve, and nothing be left open or lying about."""
    error = _installed(daemon, home)
    if error is not None:
        return f"it cannot be installed again: {error.message}"
    found = _answer(daemon)
    if found != NEGATED:
        return f"installed again, it answers {found}"
    for change in _changes(daemon):
        if change.last.step not in ENDS | {Step.PROBATION}:
            return f"change {change.id} is at {change.last.step.value}"
    left = {path.name for path in (daemon.state / "incoming").iterdir()}
    left -= _trash(daemon)
    return f"left over: {left}" if left else ""


def _trash(daemon: Daemon) -> set[str]:
    """Return what is deleted and could not be removed yet: the next start does it."""
    incoming = (daemon.state / "incoming").iterdir()
    return {path.name for path in incoming if path.name.startswith("trash-")}


def _answer(daemon: Daemon) -> list[float]:
    with daemon.client() as client:
        found: list[float] = (
            client.infer("sums", np.ones((1, 4), "<f4")).output.ravel().tolist()
        )
    return found


def _changes(daemon: Daemon) -> tuple[Change, ...]:
    with Control(daemon.control) as control:
        return control.call(CHANGES, ChangesRequest(limit=100)).changes
