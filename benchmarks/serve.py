"""Figures of the served path, as ratios in one run: `make bench`.

What is measured, and against what:

- start: from exec to the first right answer of the demo release;
- idle: resident memory with one ONNX model and with the demo's ladder of three, CPU
  share and wake-ups per second (voluntary context switches of all threads);
- request: p50 and p99 of OIP binary and JSON over the Unix socket, for a 256-byte and
  a 602,112-byte tensor, beside the same model called in this process. Binary goes by
  the express door, and by aiohttp where a header makes the request unusual. The client
  is a bare socket with prepared bytes, so that no client library is measured too;
- status: `edgectl status` beside a bare interpreter;
- installs: 100 releases under load: failed requests, and memory after the last ones
  against memory after the first ones.

Rounds are interleaved. Machines are noisy: read the ratios. What has a bar in
`bars.py` is printed beside it, and a figure over its bar makes the run fail.
"""

import argparse
import json
import multiprocessing
import os
import platform
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks import bars  # noqa: E402
from edged.runtime import backends  # noqa: E402
from edged.wire.release import (  # noqa: E402
    BackendName,
    Input,
    Output,
    Signature,
)
from edged.wire.tensors import Datatype  # noqa: E402
from tests.data import onnx_files  # noqa: E402
from tests.fakes.box import bundle  # noqa: E402
from tests.fakes.daemon import Daemon, running, short_home  # noqa: E402

SHAPES = {"256 B": (1, 1, 8, 8), "602 KB": (1, 3, 224, 224)}
CALLS = {"256 B": 400, "602 KB": 150}
ROUNDS = 5


def main() -> int:
    """Measure everything and print it; fail over a bar."""
    parser = argparse.ArgumentParser(description="Figures of the served path.")
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    parser.add_argument("--quick", action="store_true", help="few rounds: a smoke test")
    args = parser.parse_args()
    rounds = 1 if args.quick else ROUNDS
    figures: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "start to first answer, s": start(rounds),
        "idle, one model": idle(only_one, seconds=4 if args.quick else 20),
        "idle, ladder of three": idle(demo, seconds=4 if args.quick else 20),
        "request": requests(rounds),
        "status": status(),
        "installs": installs(20 if args.quick else 100),
    }
    measured = bars.flat(figures)
    held = bars.hold(measured, quick=args.quick)
    if args.json:
        beside = {name: {"most": h.bar.most, "ok": h.ok} for name, h in held.items()}
        print(json.dumps({**figures, "bars": beside}, indent=2))
    else:
        print(bars.table(measured, held))
    over = [name for name, row in held.items() if not row.ok]
    if over:
        print(f"over the bar: {'; '.join(over)}", file=sys.stderr)
    return int(bool(over))


# --- start -----------------------------------------------------------------------


def start(rounds: int) -> float:
    """Return the median time from exec to the first right answer, seconds."""
    body = binary_request("image", np.zeros(SHAPES["256 B"], "<f4"), "digits")
    taken = []
    with short_home() as home:
        with running(home) as daemon:
            demo(daemon)
            daemon.stop()
        for _ in range(rounds):
            began = time.perf_counter()
            daemon = Daemon(home)
            patient(daemon.data).ask(body)
            taken.append(time.perf_counter() - began)
            daemon.kill()
    return statistics.median(taken)


def patient(path: Path) -> "Asker":
    """Connect as soon as somebody listens."""
    while True:
        try:
            return Asker(path)
        except OSError:
            time.sleep(0.002)


# --- idle ------------------------------------------------------------------------


def idle(install: Callable[[Daemon], None], *, seconds: float) -> dict[str, float]:
    """Return memory in MB, CPU in percent of a core and wake-ups a second at rest.

    The daemon is restarted after the install, as a box is after its boot.
    """
    with short_home() as home:
        with running(home) as daemon:
            install(daemon)
            daemon.stop()
        with running(home) as daemon:
            return rest(daemon, seconds)


def demo(daemon: Daemon) -> None:
    """Install the demo: two ONNX variants and a LiteRT one."""
    daemon.install()


def only_one(daemon: Daemon) -> None:
    """Install one ONNX model."""
    install_mean(daemon, "256 B")


def rest(daemon: Daemon, seconds: float) -> dict[str, float]:
    """Watch a daemon that nobody asks."""
    time.sleep(1)
    process = psutil.Process(daemon.process.pid)

    def threads() -> list[Path]:
        return list(Path(f"/proc/{process.pid}/task").iterdir())

    def switches() -> int:
        return sum(
            int(line.split()[1])
            for task in threads()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("voluntary_ctxt")
        )

    def ran_s() -> float:
        # In nanoseconds; the times of proc_pid_stat(5) are in ticks of 10 ms, and one
        # of them would be over the bar of a short run. Source: sched-stats.rst.
        return (
            sum(int((t / "schedstat").read_text().split()[0]) for t in threads()) / 1e9
        )

    cpu_s, woken = ran_s(), switches()
    time.sleep(seconds)
    return {
        "rss MB": process.memory_info().rss / 1e6,
        "cpu %": 100 * (ran_s() - cpu_s) / seconds,
        "wake-ups/s": (switches() - woken) / seconds,
    }


# --- requests --------------------------------------------------------------------


def requests(rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return p50 and p99 by size and way, and what serving adds to the model."""
    found = {}
    with short_home() as home, running(home) as daemon:
        for size in SHAPES:
            install_mean(daemon, size)
            samples = sampled(ways(home, daemon, size), CALLS[size], rounds)
            floor = percentile(samples["in-process"], 50)
            found[size] = {
                way: {
                    "p50 us": percentile(taken, 50),
                    "p99 us": percentile(taken, 99),
                    "added us": percentile(taken, 50) - floor,
                }
                for way, taken in samples.items()
            }
    return found


def ways(home: Path, daemon: Daemon, size: str) -> dict[str, Callable[[], object]]:
    """Return a call of one model by each way."""
    x = np.random.default_rng(0).standard_normal(SHAPES[size]).astype("<f4")
    file = home / f"{model_name(size)}.onnx"
    file.write_bytes(mean_model(size))
    loaded = backends.load(BackendName.ONNX, file, threads=1)
    asker, other = Asker(daemon.data), Asker(daemon.data)
    binary = binary_request("x", x, model_name(size))
    unusual = binary.replace(b"Host:", b"TE: trailers\r\nHost:", 1)
    text = json_request("x", x, model_name(size))
    return {
        "in-process": lambda: loaded.run({"x": x}, ("y",)),
        "OIP binary": lambda: asker.ask(binary),
        "OIP binary by aiohttp": lambda: other.ask(unusual),
        "OIP JSON": lambda: asker.ask(text),
    }


def sampled(
    calls: dict[str, Callable[[], object]], count: int, rounds: int
) -> dict[str, list[float]]:
    """Time every call in turn, round by round."""
    samples: dict[str, list[float]] = {way: [] for way in calls}
    for _ in range(rounds):
        for way, call in calls.items():
            for _ in range(max(3, count // 20)):
                call()
            for _ in range(count):
                began = time.perf_counter()
                call()
                samples[way].append(time.perf_counter() - began)
    return samples


def percentile(seconds: list[float], share: int) -> float:
    """Return a percentile in microseconds."""
    return float(np.percentile(seconds, share)) * 1e6


class Asker:
    """A bare keep-alive connection: prepared bytes out, one answer in."""

    def __init__(self, path: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.connect(str(path))
        self._buffer = bytearray(1 << 20)

    def ask(self, request: bytes) -> None:
        """Send, and read until Content-Length is satisfied."""
        self._sock.sendall(request)
        view, have, end = memoryview(self._buffer), 0, 0
        while not end or have < end:
            got = self._sock.recv_into(view[have:])
            if not got:
                raise ConnectionError("the daemon hung up")
            have += got
            head = -1 if end else self._buffer.find(b"\r\n\r\n", 0, have)
            if head >= 0:
                lower = bytes(view[:head]).lower()
                at = lower.index(b"\r\ncontent-length:") + 17
                end = head + 4 + int(lower[at:].split(b"\r\n", 1)[0])
        if not self._buffer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(bytes(view[:have]).decode(errors="replace"))


def binary_request(name: str, x: np.ndarray, model: str) -> bytes:
    """Encode an infer request with its tensor in binary."""
    tensor = {
        "name": name,
        "shape": x.shape,
        "datatype": "FP32",
        "parameters": {"binary_data_size": x.nbytes},
    }
    said = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    head = json.dumps(said).encode()
    length = f"Inference-Header-Content-Length: {len(head)}\r\n"
    return post(model, length, head + x.tobytes())


def json_request(name: str, x: np.ndarray, model: str) -> bytes:
    """Encode an infer request as JSON, 17 digits as Python writes them."""
    data = x.astype("f8").ravel().tolist()
    tensor = {"name": name, "shape": x.shape, "datatype": "FP32", "data": data}
    return post(model, "", json.dumps({"inputs": [tensor]}).encode())


def post(model: str, headers: str, body: bytes) -> bytes:
    """Put a head before a body."""
    head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: edged\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def model_name(size: str) -> str:
    """Name the model that takes tensors of a size."""
    return "mean-" + size.replace(" ", "").lower()


def mean_model(size: str) -> bytes:
    """Encode `y = mean of x over each channel`: as little work as a size allows."""
    shape = SHAPES[size]
    return onnx_files.model(
        [onnx_files.node("GlobalAveragePool", ["x"], ["y"])],
        [onnx_files.value_info("x", onnx_files.FLOAT, shape)],
        [onnx_files.value_info("y", onnx_files.FLOAT, (*shape[:2], 1, 1))],
    )


def install_mean(daemon: Daemon, size: str, *, seq: int = 1) -> None:
    """Install the model of a size."""
    shape = SHAPES[size]
    x = Input(name="x", datatype=Datatype.FP32, shape=shape)
    y = Output(name="y", datatype=Datatype.FP32, shape=(*shape[:2], 1, 1))
    files = bundle(
        mean_model(size),
        name=model_name(size),
        seq=seq,
        signature=Signature(inputs=(x,), outputs=(y,)),
    )
    folder = daemon.state.parent / f"{model_name(size)}-{seq}"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    daemon.install(folder)


# --- status ----------------------------------------------------------------------


def status() -> dict[str, float]:
    """Return `edgectl status` and a bare interpreter in ms, and their ratio."""
    commands = {
        "bare interpreter ms": [sys.executable, "-c", "pass"],
        "edgectl status ms": [sys.executable, "-m", "edged.cli", "status"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    with short_home() as home, running(home) as daemon:
        demo(daemon)
        environ = {**os.environ, "EDGED_CONTROL_SOCKET": str(daemon.control)}
        for _ in range(20):
            for name, command in commands.items():
                began = time.perf_counter()
                subprocess.run(
                    command, check=True, cwd=ROOT, env=environ, capture_output=True
                )
                taken[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(each) * 1e3 for name, each in taken.items()}
    bare, edgectl = medians.values()
    return {**medians, "ratio": edgectl / bare}


# --- installs --------------------------------------------------------------------


def installs(count: int) -> dict[str, float]:
    """Install releases one after the other while four clients ask."""
    load = Load()
    sizes = []
    with short_home() as home, running(home) as daemon:
        install_mean(daemon, "256 B")
        load.begin(daemon.data)
        time.sleep(1)
        first_switch = time.perf_counter()
        process = psutil.Process(daemon.process.pid)
        for seq in range(2, count + 2):
            install_mean(daemon, "256 B", seq=seq)
            sizes.append(process.memory_info().rss)
        load.end()
    before = [taken for began, taken in load.answers if began < first_switch]
    during = [taken for began, taken in load.answers if began >= first_switch]
    return {
        "installs": count,
        "answered": len(load.answers),
        "failed": len(load.failures),
        "memory, last to first": statistics.median(sizes[-5:])
        / statistics.median(sizes[:5]),
        "p99 before us": percentile(before, 99),
        "p99 during us": percentile(during, 99),
    }


class Load:
    """Four clients that ask until they are told to end.

    They live in a process of their own, or the installs of this one would slow them.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[float, float]] = []
        self.failures: list[str] = []
        context = multiprocessing.get_context("fork")
        self._over = context.Event()
        self._mine, self._theirs = context.Pipe()
        self._context = context

    def begin(self, path: Path) -> None:
        """Start asking."""
        self._process = self._context.Process(target=self._run, args=(path,))
        self._process.start()

    def end(self) -> None:
        """Stop asking."""
        self._over.set()
        self.answers, self.failures = json.loads(self._mine.recv_bytes())
        self._process.join()

    def _run(self, path: Path) -> None:
        body = binary_request("x", np.zeros(SHAPES["256 B"], "<f4"), "mean-256b")
        threads = [
            threading.Thread(target=self._ask, args=(path, body)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._theirs.send_bytes(json.dumps([self.answers, self.failures]).encode())

    def _ask(self, path: Path, body: bytes) -> None:
        asker = Asker(path)
        while not self._over.is_set():
            began = time.perf_counter()
            try:
                asker.ask(body)
            except (OSError, RuntimeError) as error:
                self.failures.append(str(error))
                asker = Asker(path)
            else:
                self.answers.append((began, time.perf_counter() - began))


if __name__ == "__main__":
    sys.exit(main())
