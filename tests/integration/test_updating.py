"""From a publisher's command to answers of the new release: everything is real.

A publisher with keys, an nginx, a proxy that cuts, a daemon that fetches by itself, and
callers who notice nothing.
"""

import asyncio
import hashlib
import io
import os
import signal
import socket
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edged.client import Client
from edged.client.control import Control
from edged.errors import EdgedError
from edged.wire import endpoints
from edged.wire.changes import Change, ChangesRequest, Step
from edged.wire.listing import CHUNK_BYTES
from edged.wire.names import Trust
from edged.wire.updates import (
    Activity,
    Attempt,
    AttemptsRequest,
    Outcome,
    Reason,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.daemon import Daemon, running
from tests.fakes.fault_proxy import Exchange, FaultProxy, Out, fair, fault_proxy
from tests.fakes.nginx import Nginx, nginx
from tests.fakes.publishing import House

X = {"x": np.full((1, 4), 4, np.float32)}
#: Right for what a proof asks, beyond all bounds for what a caller sends later.
EXP = onnx_files.unary("Exp", dims=(1, 4))
ABS = onnx_files.unary("Abs", dims=(1, 4))
BAD = {"x": np.full((1, 4), 1000, np.float32)}
WITHIN_S = 60.0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Nginx]:
    """Run nginx over what is pushed."""
    with nginx(tmp_path / "nginx") as started:
        yield started


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a publisher who has keys."""
    made = House(tmp_path / "publisher")
    made.init()
    return made


class Fleet:
    """One publisher, one host, and what boxes see of them."""

    def __init__(self, house: House, host: Nginx, folder: Path) -> None:
        self.house, self.host, self._folder = house, host, folder

    def publish(self, seq: int, model: bytes, *, more: bytes = b"more") -> None:
        """Sign a release of `sums`, and push it."""
        path = self._folder / f"sums-{seq}"
        path.mkdir()
        for name, data in bundle(model, seq=seq, extra={"more.bin": more}).items():
            (path / name).write_bytes(data)
        self.house.add_bundle(path)
        self.house.push(self.host.root)

    def settings(self, home: Path, url: str, more: str = "") -> Path:
        """Write a box's settings."""
        root = self.host.root / "metadata" / "1.root.json"
        path = home / "edged.yaml"
        path.write_text(
            "server: {group: null, mode: 0666}\n"
            "install: {probation: 60s, probation-inferences: 100000}\n"
            f"update:\n  {more}\n"
            f"  sources: [{{name: main, url: '{url}', root: {root}}}]\n"
        )
        return path


@pytest.fixture
def fleet(house: House, host: Nginx, tmp_path: Path) -> Fleet:
    """Return both, with a first release."""
    made = Fleet(house, host, tmp_path)
    made.publish(1, onnx_files.adder(dims=(1, 4)))
    return made


def told(daemon: Daemon) -> UpdateStatus:
    """Ask what the updater does."""
    with Control(daemon.control) as control:
        return control.call(endpoints.UPDATE, UpdateRequest())


def update_now(daemon: Daemon) -> None:
    """Have the sources asked now, and what is new taken."""
    with Control(daemon.control) as control:
        control.call(endpoints.UPDATE_NOW, UpdateScope())


def history(daemon: Daemon) -> tuple[Attempt, ...]:
    """Ask what was tried."""
    with Control(daemon.control) as control:
        return control.call(endpoints.UPDATE_HISTORY, AttemptsRequest()).attempts


def newest(daemon: Daemon) -> Change | None:
    """Ask for the newest change."""
    with Control(daemon.control) as control:
        asked = ChangesRequest(limit=1)
        return next(iter(control.call(endpoints.CHANGES, asked).changes), None)


def wait_for(daemon: Daemon, seq: int, step: Step) -> Change:
    """Wait until the newest change is of this release, and there."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        change = newest(daemon)
        is_it = change and change.release and change.release.seq == seq
        if change and is_it and change.last.step is step:
            return change
        time.sleep(0.02)
    raise AssertionError(f"{told(daemon)}\n{daemon.log.read_text()}")


def wait_idle(daemon: Daemon) -> UpdateStatus:
    """Wait until the updater has nothing to do."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        status = told(daemon)
        if status.activity in {Activity.IDLE, Activity.HELD}:
            return status
        time.sleep(0.02)
    raise AssertionError(f"{told(daemon)}\n{daemon.log.read_text()}")


def metrics(daemon: Daemon) -> bytes:
    """Ask for what a collector gathers."""
    with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rb") as answer:
        sock.connect(str(daemon.data))
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return answer.read()


class Callers:
    """Somebody who asks all the time, and notes what is wrong.

    Attributes:
        sends: the input.
    """

    def __init__(self, socket: Path) -> None:
        self.sends: Mapping[str, np.ndarray] = X
        self.answers: set[float] = set()
        self.failures: list[str] = []
        self._socket = socket
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callers")

    def begin(self) -> None:
        """Ask from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        with Client(self._socket) as client:
            while not self._end.is_set():
                try:
                    self.answers.add(float(client.infer("sums", self.sends)["y"][0, 0]))
                except EdgedError as error:
                    self.failures.append(error.message)


class Cutter:
    """Ends the first answers with a large body before their end.

    Attributes:
        sent: bytes of large bodies that went out.
        left: how many are still to be cut.
    """

    def __init__(self, times: int) -> None:
        self.left, self.sent = times, 0

    async def __call__(self, exchange: Exchange, out: Out) -> None:
        """Send an answer, or a part of it."""
        if len(exchange.body) <= CHUNK_BYTES or not self.left:
            return await fair(exchange, out)
        self.left -= 1
        await out.head(exchange)
        await out.body(exchange.body[: CHUNK_BYTES + CHUNK_BYTES // 2])
        return None


@contextmanager
def proxied(port: int) -> Iterator[FaultProxy]:
    """Run a proxy on a loop of its own: the tests here wait, and must not keep it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy")
    thread.start()
    proxy = fault_proxy(port)
    try:
        yield asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(5)
        leaving = proxy.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leaving, loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@pytest.fixture
def callers(home: Path) -> Iterator[Callers]:
    """Return somebody who asks, once told to."""
    made = Callers(home / "r" / "edged.sock")
    yield made
    made.stop()


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_release_comes_through_cuts_while_nobody_notices(
    fleet: Fleet, home: Path, callers: Callers
) -> None:
    """Fetched once, proved, and switched to under load; a bad one goes back."""
    with (
        proxied(fleet.host.port) as proxy,
        running(home, "--config", str(fleet.settings(home, proxy.url))) as daemon,
    ):
        update_now(daemon)
        wait_for(daemon, 1, Step.COMMITTED)
        callers.begin()

        proxy.fault = cutter = Cutter(3)
        fleet.publish(2, ABS, more=os.urandom(8 * CHUNK_BYTES))
        update_now(daemon)
        wait_for(daemon, 2, Step.PROBATION)
        wait_idle(daemon)
        cut = history(daemon)[-1]

        fleet.publish(3, EXP)
        update_now(daemon)
        wait_for(daemon, 3, Step.PROBATION)
        callers.sends = BAD
        wait_for(daemon, 3, Step.QUARANTINED)
        callers.sends = X
        callers.stop()
        update_now(daemon)
        why = wait_idle(daemon).reasons

    assert [] == callers.failures
    assert {8.0, 4.0} <= callers.answers
    assert 0 == cutter.left
    assert (Outcome.INSTALLED, None) == (cut.outcome, cut.reason)
    # Of each connection that broke, what was no whole chunk is asked for again.
    assert 8 * CHUNK_BYTES <= cut.fetched_bytes <= (8 + 2) * CHUNK_BYTES
    assert [(3, Reason.QUARANTINED)] == [(one.seq, one.reason) for one in why]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_window_that_is_taken_away_holds_nothing_up(fleet: Fleet, home: Path) -> None:
    """The daemon reads its settings again, and its updater obeys."""
    far = datetime.now(UTC) + timedelta(hours=12)
    window = f"{far:%H:%M}-{far + timedelta(minutes=1):%H:%M}"
    closed = f"window: '{window}'\n  time-zone: UTC"
    settings = fleet.settings(home, fleet.host.url, closed)
    with running(home, "--config", str(settings)) as daemon:
        with Control(daemon.control) as control:
            control.call(endpoints.UPDATE_CHECK, UpdateScope())
        held = wait_idle(daemon)
        counted = metrics(daemon)
        fleet.settings(home, fleet.host.url)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(daemon, 1, Step.COMMITTED)

    assert [Reason.WINDOW] == [why.reason for why in held.reasons]
    assert b'edged_update_reasons{reason="window"} 1\n' in counted


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("kind", ["sums.tar", "sums.tgz", "net.onnx"])
def test_an_api_that_is_believed_brings_one_file(
    host: Nginx, home: Path, kind: str
) -> None:
    """A bundle's tar, or a bare model; its answers are files here, as any are."""
    path = host.root / "files" / kind
    path.parent.mkdir()
    path.write_bytes(one_file(kind))
    (host.root / "models").mkdir()
    says = {
        "has_update": True,
        "version": "1.2",
        "download_url": f"/files/{kind}",
        "size_bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    (host.root / "models" / "latest").write_bytes(msgspec.json.encode(says))
    settings = home / "edged.yaml"
    settings.write_text(
        "server: {group: null}\n"
        f"update: {{sources: [{{name: hints, kind: api, url: '{host.url}',"
        " models: [sums], trust: sha256}]}\n"
    )
    with running(home, "--config", str(settings)) as daemon:
        update_now(daemon)
        change = wait_for(daemon, 2 if kind != "net.onnx" else 1, Step.COMMITTED)
        with daemon.client() as client:
            answer = client.infer("sums", X)
        status = wait_idle(daemon)

    assert Trust.SHA256 is change.trust
    assert [4.0] * 4 == answer.output.tolist()[0]
    assert () == status.reasons


def one_file(kind: str) -> bytes:
    """Return a release as one file."""
    if kind == "net.onnx":
        return ABS
    data = io.BytesIO()
    mode = "w:gz" if kind.endswith("gz") else "w:"
    with tarfile.open(fileobj=data, mode=mode) as archive:  # type: ignore[call-overload]  # both are modes
        for name, content in bundle(ABS, seq=2).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()
