"""edged-updater, hit at one system call of an update; then what comes of it is judged.

A person had paused it in the middle of a download, so some bytes are here. Meanwhile
its publisher took another key: there is a new root, and all documents are new. Struck
is what happens from `resume` on: the wish is noted, the source is asked, the documents
are verified and kept, the rest is fetched, hashed, and handed in at a real daemon.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np

from edged.client.control import Control
from edged.errors import EdgedError
from edged.host.files import DiskFiles
from edged.trust import floor as floors
from edged.update.notes import Notebook, Notes
from edged.wire import endpoints
from edged.wire.listing import CHUNK_BYTES
from edged.wire.messages import ModelName
from edged.wire.updates import (
    Activity,
    PauseRequest,
    Reason,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)
from tests.crash import named_updater
from tests.crash.campaign import WORDS, Outcome, live
from tests.crash.strikes import KILL, Call, planned, struck, threads, traced, was_hit
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.counting_host import PIECE, CountingHost, counting_host
from tests.fakes.daemon import ROOT, Daemon, running
from tests.fakes.publishing import House

NEW = 2
NEGATED = [-1.0] * 4

#: Threads of the updater that change its folder.
WRITERS = {"parts_0", "trust_0"}

#: What a daemon asks for by itself is whole at once, and nothing is kept beside it.
_CONFIG = """
server: {{group: null}}
install: {{probation: 0ms}}
store: {{keep-releases: 2}}
log: {{level: warning}}
update:
  apart: true
  sources: [{{name: main, url: '{url}', root: {root}}}]
"""
#: Of two large files of the new release; the last chunk is short.
_LEFT, _RIGHT = 8 * CHUNK_BYTES, 5 * CHUNK_BYTES + 100
#: Bytes after which the host stands still before the pause: within a chunk.
_STALLS_AT = 5 * CHUNK_BYTES + CHUNK_BYTES // 2

#: What was checked and not kept: at most a flush unit.
FLUSH_BYTES = 1 << 20
#: What the client had and could not check, or had not looked at: the beginning of a
#: chunk, its buffer (twice 64 KiB), and what was on its way.
WIRE_BYTES = CHUNK_BYTES + 2 * PIECE + PIECE

#: A trial alone takes a minute where neighbours keep the cores awake.
_WITHIN_S = 120.0
_DIED_WITHIN_S = 5.0
#: Sockets of a process that was killed stay open while strace holds its last thread.
_ANSWER_S = 2.0


class World(msgspec.Struct, kw_only=True):
    """A publisher's host before and after, a daemon, and an updater's folder to copy.

    Attributes:
        before, after: what the host shows.
        template: the updater's folder, in the middle of a download.
        missing_bytes: of the new release, there.
        floor: what must be believed at least in the end.
        usual: names in the folder after a plain run.
    """

    home: Path
    host: CountingHost
    daemon: Daemon
    before: Path
    after: Path
    template: Path
    config: Path
    missing_bytes: int = 0
    floor: tuple[int, ...] = ()
    usual: frozenset[str] = frozenset()

    @property
    def folder(self) -> Path:
        """The updater's own."""
        return self.home / "u"


@contextmanager
def world(home: Path) -> Iterator[World]:
    """Make it; the daemon runs until the block ends."""
    before, after = _published(home)
    config = home / "edged.yaml"
    with counting_host(before) as host:
        root = before / "metadata" / "1.root.json"
        config.write_text(_CONFIG.format(url=host.url, root=root))
        with running(home, "--config", str(config)) as daemon:
            made = World(
                home=home,
                host=host,
                daemon=daemon,
                before=before,
                after=after,
                template=home / "template",
                config=config,
            )
            _interrupted(made)
            yield made


def plan(at: World) -> list[Call]:
    """Let the update go on, plainly; return the calls that change its folder."""
    _anew(at)
    with _updater(at) as process:
        names = _warmed(at, process)
        with traced(process.pid, at.home / "strace"):
            _resume(at)
            _ended(at, process, set())
            _at_rest(at)
        _stop(process)
    assert _sequence(at) == NEW, (at.home / "updater.log").read_text()
    at.usual = _names(at)
    assert not list((at.folder / "incoming").iterdir()), at.usual
    at.floor = _floor(at)
    assert at.floor[1] > 1
    return planned(at.home / "strace", names, at.folder)


def hit(at: World, call: Call, how: str) -> Outcome:
    """Let the update go on while one call is hit; then see what comes of it."""
    _anew(at)
    told = set[tuple[Reason, str, str]]()
    with _updater(at) as process:
        tid = _warmed(at, process)[call.thread]
        floor = _floor(at)
        with struck(tid, call, how, at.home / "strace"):
            error = _resume(at)
            _ended(at, process, told)
            if how != KILL:
                _at_rest(at, within_s=1.0)
                _heard(_told(at), told)
        is_hit = was_hit(at.home / "strace", call, at.folder)
        if how == KILL:
            is_hit = is_hit and _died(process)
            wrong = _fallen(at, floor)
        else:
            wrong = _untold(at, call, told, how) if is_hit else ""
            _stop(process)
    sent = at.host.blobs()
    # Also after a miss: another call may have been struck in its place.
    if how == KILL or _names(at) != at.usual:
        is_paused = _notes(at).pause is not None
        with _updater(at) as process:
            if is_paused:
                wrong = wrong or ("" if error else "a person's word is forgotten")
                _resume(at)
            _ended(at, process, told)
            _at_rest(at)
            _stop(process)
    again = at.host.blobs() - at.missing_bytes
    wrong = wrong or _wrong(at, again, is_error=how != KILL)
    said = "; ".join(sorted(f"{reason.value}: {text}" for reason, text, _ in told))
    if wrong:
        wrong += f" [{sent} of {at.missing_bytes} sent before]"
    return Outcome(hit=is_hit, said=said, wrong=wrong, again_bytes=max(0, again))


# --- what there is before ----------------------------------------------------------


def _published(home: Path) -> tuple[Path, Path]:
    """Publish two releases; then take another key. Return what a host shows of both."""
    house = House(home / "publisher")
    house.init()
    rng = np.random.default_rng(7)
    large = {"left.bin": rng.bytes(_LEFT), "right.bin": rng.bytes(_RIGHT)}
    card = {"CARD.md": b"# Sums\n"}
    negated = onnx_files.unary("Neg", dims=(1, 4))
    for name, files in (
        ("first", bundle(extra=card)),
        ("new", bundle(negated, seq=NEW, extra={**card, **large})),
    ):
        (home / name).mkdir()
        for file, data in files.items():
            (home / name / file).write_bytes(data)
        house.add_bundle(home / name)
    house.push(home / "before")
    house.publisher.rotate("targets", key=None, passphrase=None)
    house.push(home / "after")
    return home / "before", home / "after"


def _interrupted(at: World) -> None:
    """Make the template: paused by a person while the host stands still."""
    at.template.mkdir()
    _anew(at)
    at.host.stalls_at = _STALLS_AT
    with _updater(at) as process:
        with Control(at.home / "r" / "updater.sock") as control:
            control.call(endpoints.UPDATE_NOW, UpdateScope())
            _until(lambda: at.host.blobs() >= _STALLS_AT)
            control.call(endpoints.UPDATE_PAUSE, PauseRequest())
            _until(lambda: _told(at).activity is Activity.PAUSED)
        time.sleep(0.2)  # what is under way on the disk
        _stop(process)
    at.host.stalls_at = None
    shutil.rmtree(at.template)
    shutil.copytree(at.folder, at.template, symlinks=True)
    notes = Notebook(at.template / "notes", DiskFiles()).read()
    (one,) = notes.tries.values()
    sizes = {name: (at.before / "blobs" / name).stat().st_size for name in one.files}
    kept = sum(_kept(at.template, name) for name in one.files)
    assert kept >= CHUNK_BYTES
    at.missing_bytes = sum(sizes.values()) - kept


def _kept(folder: Path, digest: str) -> int:
    """Return what a map says that is kept of a file of whole chunks."""
    path = folder / "incoming" / f"{digest}.map"
    if not path.exists():
        return 0
    known = msgspec.json.decode(path.read_bytes().splitlines()[0])
    bits = int.from_bytes(bytes.fromhex(known["kept"]), "little")
    size: int = known["size"]
    return min(bits.bit_count() * CHUNK_BYTES, size)


def _anew(at: World) -> None:
    """Have the old release served, and the updater where it was interrupted."""
    with Control(at.daemon.control) as control:
        with suppress(EdgedError):
            control.call(endpoints.REMOVE, ModelName(name="sums"))
        at.daemon.install(at.home / "first")
    shutil.rmtree(at.folder, ignore_errors=True)
    shutil.copytree(at.template, at.folder, symlinks=True)
    (at.home / "updater.log").unlink(missing_ok=True)
    at.host.root = at.before
    at.host.sent.clear()


# --- steps -------------------------------------------------------------------------


@contextmanager
def _updater(at: World) -> Iterator["subprocess.Popen[bytes]"]:
    """Run it, and end it whatever it does."""
    address = at.home / "un"
    address.unlink(missing_ok=True)
    (at.home / "r" / "updater.sock").unlink(missing_ok=True)
    folders = ["--state-dir", str(at.folder), "--runtime-dir", str(at.home / "r")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.settimeout(_WITHIN_S)
        with (at.home / "updater.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, *named_updater.PROGRAM),
                    *("--config", str(at.config), *folders),
                ],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "NOTIFY_SOCKET": str(address),
                },
            )
        try:
            assert b"READY=1" in notify.recv(4096)
            yield process
        finally:
            process.kill()
            process.wait()


def _warmed(at: World, process: "subprocess.Popen[bytes]") -> dict[str, int]:
    """Let it look and take nothing, so that all writers live; return all threads."""
    with Control(at.home / "r" / "updater.sock") as control:
        status = control.call(endpoints.UPDATE_CHECK, UpdateScope())
    assert status.activity is Activity.PAUSED, status
    time.sleep(0.05)  # when its next look is, is noted
    found = threads(process.pid)
    assert set(found) >= WRITERS, found
    at.host.root = at.after
    at.host.sent.clear()
    return found


def _resume(at: World) -> EdgedError | None:
    """Say that it may go on; return what went wrong, None if nothing did."""
    try:
        with Control(at.home / "r" / "updater.sock", timeout_s=_ANSWER_S) as control:
            control.call(endpoints.UPDATE_RESUME, UpdateScope())
    except EdgedError as error:
        return error
    return None


def _told(at: World) -> UpdateStatus:
    with Control(at.home / "r" / "updater.sock", timeout_s=_ANSWER_S) as control:
        return control.call(endpoints.UPDATE, UpdateRequest())


def _ended(
    at: World,
    process: "subprocess.Popen[bytes]",
    told: set[tuple[Reason, str, str]],
) -> None:
    """Wait until the new release is live and the updater idle, or it is dead."""

    def is_over() -> bool:
        if process.poll() is not None:
            return True
        try:
            status = _told(at)
        except EdgedError:  # it is dead; strace keeps it from being waited for
            return True
        _heard(status, told)
        return status.activity is Activity.IDLE and _sequence(at) == NEW

    try:
        _until(is_over)
    except AssertionError as error:
        for what in (_told(at), (at.home / "updater.log").read_text()):
            error.add_note(str(what))
        raise


def _heard(status: UpdateStatus, told: set[tuple[Reason, str, str]]) -> None:
    """Note the reasons that `edgectl update why` would give now."""
    told.update((why.reason, why.text, why.hint) for why in status.reasons)


def _at_rest(at: World, within_s: float = _WITHIN_S) -> None:
    """Wait until its disk is, too; where it was struck, that may be never."""
    with suppress(AssertionError):
        _until(
            lambda: (
                not list((at.folder / "incoming").iterdir()) and not _notes(at).tries
            ),
            within_s=within_s,
        )
    time.sleep(0.05)


def _until(is_so: Callable[[], bool], within_s: float = _WITHIN_S) -> None:
    until = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until, "it does not come to its end"
        time.sleep(0.02)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(_WITHIN_S)


def _died(process: "subprocess.Popen[bytes]") -> bool:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_DIED_WITHIN_S) == -signal.SIGKILL
    return False


def _sequence(at: World) -> int | None:
    """Return the sequence number of what serves."""
    with Control(at.daemon.control) as control:
        detail = control.call(endpoints.MODEL, ModelName(name="sums"))
    return next((ref.seq for ref in detail.releases if ref.live), None)


# --- promises ----------------------------------------------------------------------


def _floor(at: World) -> tuple[int, ...]:
    found = floors.read(at.folder / "trust" / "main")
    assert found is not None, "there is no floor"
    return tuple(getattr(found, role) for role in floors.ROLES)


def _notes(at: World) -> Notes:
    return Notebook(at.folder / "notes", DiskFiles()).read()


def _names(at: World) -> frozenset[str]:
    """Return what lies in its folder; what python-tuf works with is never believed."""
    paths = (path.relative_to(at.folder) for path in at.folder.rglob("*"))
    return frozenset(str(path) for path in paths if "scratch" not in path.parts)


def _fallen(at: World, before: tuple[int, ...]) -> str:
    """Say how less is believed than before, or than was acted on."""
    now = _floor(at)
    if any(b < a for a, b in zip(before, now, strict=True)):
        return f"the floor fell from {before} to {now}"
    if at.host.blobs() and now != at.floor:
        return f"it fetched by documents above its floor, {now}"
    return ""


def _untold(at: World, call: Call, told: set[tuple[Reason, str, str]], how: str) -> str:
    """Say what a technician was not told, or would not understand."""
    reason = Reason.NO_SPACE if how == "error=ENOSPC" else Reason.STORE_FAILED
    if any(r is reason and WORDS[how] in text and hint for r, text, hint in told):
        return ""
    if call.what.startswith((".notes", ".")) and not _notes(at).tries:
        return ""  # it was noted with the next note
    if call.name == "mkdir" and call.what.endswith("root_history"):
        return ""  # python-tuf asks for what is there
    return f"not told; only {sorted((r.value, t) for r, t, _ in told)}"


def _wrong(at: World, again: int, *, is_error: bool) -> str:
    """Return the first promise that is broken, when all is over."""
    log = (at.home / "updater.log").read_text()
    litter = sorted(_names(at) ^ at.usual)
    checks = {
        f"the floor is {_floor(at)}, not {at.floor}": _floor(at) == at.floor,
        f"left over, or missing: {litter}": not litter,
        "it is noted as under way": not _notes(at).tries,
        f"a bug: {log}": "Traceback" not in log,
        f"{again} bytes were fetched again": again <= FLUSH_BYTES + WIRE_BYTES,
        f"{-again} bytes came from nowhere": is_error or again >= 0,
    }
    return _unserved(at) or next(
        (say for say, holds in checks.items() if not holds), ""
    )


def _unserved(at: World) -> str:
    """Say how what is live is not the new release, as it was signed."""
    seq, fault = live(at.daemon.state, "sums")
    if fault or seq != NEW:
        return fault or f"release {seq} is live"
    with at.daemon.client() as client:
        answer = client.infer("sums", np.ones((1, 4), "<f4")).output.ravel().tolist()
    return "" if answer == NEGATED else f"it answers {answer}"
