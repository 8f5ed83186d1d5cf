"""Sealed memfds through the real door of a real daemon: rights, refusals, and leaks."""

import array
import contextlib
import fcntl
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edged.wire.tensors import Datatype
from tests.fakes.daemon import Daemon, running, short_home
from tests.fakes.doors import doors_in_thread
from tests.fakes.models import live_model, signature

SIZE = 4096
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
REGISTER = "/v2/systemsharedmemory/region/r/register"
UNREGISTER = "/v2/systemsharedmemory/region/r/unregister"
STATUS = "/v2/systemsharedmemory/status"
INFER = "/v2/models/digits/infer"
OUTPUT_AT = 1024
NOBODY = 65534


@pytest.fixture(scope="module")
def box() -> Iterator[Daemon]:
    """Return a daemon that serves the demo to every user."""
    with short_home() as home:
        home.chmod(0o755)
        config = home / "edged.yaml"
        config.write_text("server: {mode: 0666, group: null}\n")
        with running(home, "--config", str(config)) as daemon:
            daemon.install()
            yield daemon


@pytest.fixture(scope="module")
def idle(box: Daemon) -> int:
    """Count the descriptors of the daemon when nobody is connected."""
    counts = [0, 1]
    while len(set(counts[-20:])) > 1 or len(counts) < 20:
        time.sleep(0.005)
        counts.append(descriptors(box))
    return counts[-1]


@pytest.fixture(autouse=True)
def _nobody_is_left(box: Daemon, idle: int) -> None:
    """Begin when the daemon has noticed that the last test's peers are gone."""
    soon((0, idle), lambda: (mapped(box), descriptors(box)))


class Line:
    """A connection that says what it is told, and reads answers."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rb")

    def ask(
        self, path: str, document: Any = None, fds: Sequence[int] = ()
    ) -> tuple[int, Any]:
        """Send a request; return status and JSON of the answer."""
        self.send(path, document, fds)
        return self.answer()

    def send(self, path: str, document: Any = None, fds: Sequence[int] = ()) -> None:
        """Send a request."""
        body = b"" if document is None else json.dumps(document).encode()
        method = "GET" if path.endswith("/status") else "POST"
        head = f"{method} {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}"
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        request = head.encode() + b"\r\n\r\n" + body
        self.sock.sendmsg([request], [rights] if fds else [])

    def answer(self) -> tuple[int, Any]:
        """Read one."""
        status = int(self.file.readline().split()[1])
        length = 0
        while (line := self.file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self.file.read(length)
        return status, json.loads(body) if body else None

    def close(self) -> None:
        """Hang up."""
        self.file.close()
        self.sock.close()


@pytest.fixture
def line(box: Daemon, _nobody_is_left: None) -> Iterator[Line]:
    """Return a connection."""
    made = Line(box.data)
    yield made
    made.close()


@contextlib.contextmanager
def memfd(*, seals: int = SEALS, size: int = SIZE) -> Iterator[int]:
    """Make a memfd."""
    fd = os.memfd_create("edged-test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        yield fd
    finally:
        os.close(fd)


def in_region(offset: int, size: int) -> dict[str, Any]:
    """Return a tensor's place."""
    return {
        "shared_memory_region": "r",
        "shared_memory_offset": offset,
        "shared_memory_byte_size": size,
    }


ASK = {
    "inputs": [
        {
            "name": "image",
            "datatype": "FP32",
            "shape": [1, 1, 8, 8],
            "parameters": in_region(0, 256),
        }
    ],
    "outputs": [{"name": "probabilities", "parameters": in_region(OUTPUT_AT, 40)}],
}
WHOLE = {"key": "fd:0", "byte_size": SIZE}


def mapped(daemon: Daemon) -> int:
    """Count the memfds that the daemon has mapped."""
    maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
    return maps.count("memfd:edged-test")


def descriptors(daemon: Daemon) -> int:
    """Count the daemon's descriptors."""
    return len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))


def soon(expected: object, what: Callable[[], object]) -> None:
    """Wait until something holds that the daemon has yet to notice."""
    end = time.monotonic() + 5
    while what() != expected and time.monotonic() < end:
        time.sleep(0.005)
    assert expected == what()


def test_an_image_is_asked_about_where_it_lies(line: Line) -> None:
    """In and out by the same memory, on one connection that stays open."""
    with memfd() as fd:
        registered = line.ask(REGISTER, WHOLE, [fd])
        for value in (0.0, 1.0):
            os.pwrite(fd, np.full(64, value, np.float32).tobytes(), 0)
            status, said = line.ask(INFER, ASK)
            found = np.frombuffer(os.pread(fd, 40, OUTPUT_AT), np.float32)

            assert (200, 200) == (registered[0], status)
            assert said["outputs"] == [
                {"name": "probabilities", "datatype": "FP32", "shape": [1, 10]}
            ]
            assert abs(found.sum() - 1) < 1e-5


def test_memory_goes_with_the_last_connection(
    box: Daemon, line: Line, idle: int
) -> None:
    """Not with the one that registered it; no mapping and no descriptor stays."""
    first = Line(box.data)
    with memfd() as fd:
        assert first.ask(REGISTER, WHOLE, [fd])[0] == 200
    first.close()
    assert line.ask(INFER, ASK)[0] == 200
    assert mapped(box) == 1

    line.close()

    soon((0, idle), lambda: (mapped(box), descriptors(box)))


def test_a_registration_costs_no_descriptor(box: Daemon, line: Line, idle: int) -> None:
    """It is mapped and closed."""
    with memfd() as fd:
        line.ask(REGISTER, WHOLE, [fd])

    soon((1, idle + 1), lambda: (mapped(box), descriptors(box)))


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        ((0, SIZE, 1), "F_SEAL_SHRINK and F_SEAL_GROW must be set"),
        ((fcntl.F_SEAL_GROW, SIZE, 1), "must be set"),
        ((SEALS, SIZE // 2, 1), f"would end at byte {SIZE}"),
        ((SEALS, 0, 1), "empty"),
        ((SEALS, SIZE, 0), "0 file descriptors came"),
        ((SEALS, SIZE, 2), "2 file descriptors came"),
    ],
)
def test_memory_that_will_not_do_is_refused(
    box: Daemon, line: Line, idle: int, memory: tuple[int, int, int], told: str
) -> None:
    """Every descriptor is closed again, and the connection goes on."""
    seals, size, count = memory
    with memfd(seals=seals, size=size) as fd:
        status, said = line.ask(REGISTER, WHOLE, [fd] * count)

    assert (400, True) == (status, told in said["error"]), said
    soon((0, idle + 1), lambda: (mapped(box), descriptors(box)))
    assert line.ask(INFER, ASK)[0] == 404


@pytest.mark.parametrize("count", [5, 60, 253])
def test_a_heap_of_descriptors_is_told_and_closed(
    box: Daemon, idle: int, count: int
) -> None:
    """More than the door has room for: the kernel cuts them off."""
    flood = Line(box.data)
    with memfd() as fd, contextlib.suppress(ConnectionError, IndexError):
        status, _ = flood.ask(REGISTER, WHOLE, [fd] * count)
        assert status == 400
    flood.close()

    soon((0, idle), lambda: (mapped(box), descriptors(box)))


def test_descriptors_with_another_request_are_closed(
    box: Daemon, line: Line, idle: int
) -> None:
    """Nobody can fill the daemon's table with them."""
    with memfd() as fd:
        for _ in range(20):
            assert line.ask(INFER, ASK, [fd, fd])[0] == 404

    soon((0, idle + 1), lambda: (mapped(box), descriptors(box)))


def another(box: Daemon, code: str) -> str:
    """Run code in another process, with `line` and this module as `t`."""
    program = (
        "import importlib.util, os, sys\n"
        "spec = importlib.util.spec_from_file_location('t', sys.argv[1])\n"
        "t = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(t)\n"
        "line = t.Line(sys.argv[2])\n"
    )
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", program + code, __file__, str(box.data)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_a_region_of_another_peer_does_not_exist(box: Daemon, line: Line) -> None:
    """Its name is free for them, and theirs ends with them."""
    with memfd() as fd:
        assert line.ask(REGISTER, WHOLE, [fd])[0] == 200

    told = another(
        box,
        "print(line.ask(t.INFER, t.ASK)[0])\n"
        "print(t.Line(sys.argv[2]).ask(t.UNREGISTER)[0])\n"
        "with t.memfd() as fd: print(line.ask(t.REGISTER, t.WHOLE, [fd])[0])\n"
        "print(line.ask(t.INFER, t.ASK)[0])\n",
    )

    assert ["404", "200", "200", "200"] == told.split()
    assert line.ask(INFER, ASK)[0] == 200
    soon(1, lambda: mapped(box))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_memory_of_another_user_is_taken_by_descriptor_alone(box: Daemon) -> None:
    """The descriptor carries the right; a name is for one's own objects."""
    ours = Path("/dev/shm") / f"edged-test-{os.getpid()}"  # noqa: S108  # see shm_open
    ours.write_bytes(bytes(SIZE))
    ours.chmod(0o666)
    try:
        told = another(
            box,
            f"os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})\n"
            "line = t.Line(sys.argv[2])\n"
            "with t.memfd() as fd: print(line.ask(t.REGISTER, t.WHOLE, [fd])[0])\n"
            "print(line.ask(t.INFER, t.ASK)[0])\n"
            "line.ask(t.UNREGISTER)\n"
            "line = t.Line(sys.argv[2])\n"
            f"document = {{'key': {ours.name!r}, 'byte_size': t.SIZE}}\n"
            "print(*line.ask(t.REGISTER, document))\n",
        )
    finally:
        ours.unlink()

    first, second, third = told.splitlines()
    assert ("200", "200") == (first, second)
    assert third.startswith("400")
    assert f"not of user {NOBODY}" in third


def test_a_peer_that_dies_in_its_request_leaves_nothing(box: Daemon, idle: int) -> None:
    """Killed after it asked and before it was answered, again and again."""
    for _ in range(3):
        another(
            box,
            "with t.memfd() as fd: line.ask(t.REGISTER, t.WHOLE, [fd])\n"
            "body = t.json.dumps(t.ASK).encode()\n"
            "line.sock.send(b'POST %s HTTP/1.1\\r\\nHost: t\\r\\nContent-Length: %d"
            "\\r\\n\\r\\n' % (t.INFER.encode(), len(body)) + body)\n"
            "os._exit(0)\n",
        )

    soon((0, idle), lambda: (mapped(box), descriptors(box)))


def test_memory_may_be_registered_a_thousand_times(
    box: Daemon, line: Line, idle: int
) -> None:
    """And unregistered by another connection: nothing grows."""
    for _ in range(1000):
        with memfd() as fd:
            assert line.ask(REGISTER, WHOLE, [fd])[0] == 200
        assert line.ask(INFER, ASK)[0] == 200
        other = Line(box.data)
        assert other.ask(UNREGISTER)[0] == 200
        other.close()

    soon((0, idle + 1), lambda: (mapped(box), descriptors(box)))
    assert line.ask(INFER, ASK)[0] == 404


def test_a_bound_is_of_one_peer(box: Daemon, line: Line) -> None:
    """Sixty-four regions, and one more is refused; unregistering all frees them."""
    with memfd() as fd:
        told = [
            line.ask(f"/v2/systemsharedmemory/region/{n}/register", WHOLE, [fd])[0]
            for n in range(65)
        ]
        other = Line(box.data)
        rows = len(other.ask(STATUS)[1])
        other.close()
        other = Line(box.data)
        freed = other.ask("/v2/systemsharedmemory/unregister")[0]
        other.close()

    assert [200] * 64 + [400] == told
    assert (64, 200) == (rows, freed)
    soon(0, lambda: mapped(box))
    assert line.ask(INFER, ASK)[0] == 404


def test_memory_outlives_a_peer_that_dies_in_a_run() -> None:
    """The run reads and writes what it was lent; then the memory is gone."""
    begun, go_on = threading.Event(), threading.Event()
    seen: list[float] = []

    def slow(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        begun.set()
        go_on.wait(5)
        seen.append(float(feeds["x"].sum()))
        return {"y": feeds["x"]}

    tensors = [("x", Datatype.FP32, (-1,))], [("y", Datatype.FP32, (-1,))]
    shared = {
        "inputs": [
            {
                "name": "x",
                "datatype": "FP32",
                "shape": [1024],
                "parameters": in_region(0, 4096),
            }
        ],
        "outputs": [{"name": "y", "parameters": in_region(4096, 4096)}],
    }
    model = live_model("slow", signature(*tensors), slow)
    with doors_in_thread(model) as (here, _loop):
        line = Line(here.express)
        with memfd(size=8192) as fd:
            os.pwrite(fd, np.ones(1024, np.float32).tobytes(), 0)
            line.ask(REGISTER, {"key": "fd:0", "byte_size": 8192}, [fd])
        line.send("/v2/models/slow/infer", shared)
        assert begun.wait(5)
        line.close()
        soon(0, lambda: here.regions.usage().regions)
        in_use = own_mappings()
        go_on.set()

        soon(0, own_mappings)
        assert (1, [1024.0]) == (in_use, seen)


def own_mappings() -> int:
    """Count memfds that are mapped in this process."""
    gc.collect()
    return Path("/proc/self/maps").read_text().count("memfd:edged-test")
