"""Overload and fairness, as ratios in one run: `python benchmarks/overload.py`.

- overload: clients offer three times what the model can answer, each request with a
  deadline. Of those let in, how many were answered in time? What does a refusal cost,
  and does memory stay flat?
- fairness: one greedy client keeps forty requests in flight, one modest client has
  one. How long does the modest one wait, in runs, against being alone?
- health: how long does `GET /v2/health/live` take while a large model runs without a
  pause, against an idle daemon?

The model is a chain of matrix products, as long as it takes to run for some
milliseconds: real runs of onnxruntime, no sleeping.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.serve import Asker, percentile, post  # noqa: E402
from edged.wire.release import Input, Output, Signature  # noqa: E402
from edged.wire.tensors import Datatype  # noqa: E402
from tests.data import onnx_files  # noqa: E402
from tests.fakes.box import bundle  # noqa: E402
from tests.fakes.daemon import Daemon, running, short_home  # noqa: E402

SIDE = 96
HEALTH = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Overload and fairness.")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each part")
    seconds = parser.parse_args().seconds
    with short_home() as home, running(home) as daemon:
        install(daemon, "work", products=250)
        run_s = alone(daemon, 30)
        print(f"one run takes {run_s * 1e3:.1f} ms alone")
        overload(daemon, run_s, seconds)
        fairness(daemon, run_s, seconds)
        install(daemon, "large", products=4000)
        health(daemon, seconds)


# --- parts -----------------------------------------------------------------------


def overload(daemon: Daemon, run_s: float, seconds: float) -> None:
    """Offer three times the capacity, with a deadline of twelve runs."""
    workers = max(1, len(os.sched_getaffinity(0)))
    offered = 3 * workers / run_s
    clients = 24
    body = request("work", timeout_us=int(12 * run_s * 1e6))
    process = psutil.Process(daemon.process.pid)
    paced(daemon, body, clients=clients, rate=offered, seconds=seconds / 4)
    before = process.memory_info().rss
    outcomes = paced(daemon, body, clients=clients, rate=offered, seconds=seconds)
    after = process.memory_info().rss
    answered = [o for o in outcomes if o.status == 200]
    early = [o for o in outcomes if "in time" in o.text or "wait already" in o.text]
    late = [o for o in outcomes if "deadline passed" in o.text]
    let_in = len(answered) + len(late)
    print(
        f"overload: offered {len(outcomes) / seconds:.0f}/s, answered "
        f"{len(answered) / seconds:.0f}/s, refused at once {len(early)}, "
        f"let in and answered in time {100 * len(answered) / max(1, let_in):.2f} % "
        f"(bar 99), a refusal takes p50 "
        f"{percentile([o.taken_s for o in early] or [0.0], 50):.0f} us, "
        f"memory {after / before:.3f}"
    )


def fairness(daemon: Daemon, run_s: float, seconds: float) -> None:
    """Let one process flood and another ask one at a time."""
    body = request("work")
    lone = [timed(Asker(daemon.data), body) for _ in range(20)]
    over = threading.Event()
    pid = os.fork()
    if pid == 0:  # the greedy peer is a process of its own
        flood(daemon.data, body, seconds + 2)
        os._exit(0)
    time.sleep(1)
    asker, waits = Asker(daemon.data), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        waits.append(timed(asker, body))
    over.set()
    os.waitpid(pid, 0)
    alone_s, beside_s = statistics.median(lone), statistics.median(waits)
    print(
        f"fairness: a modest client waits {beside_s / alone_s:.1f} times as long as "
        f"alone beside a flood of 40 (without fairness about {40 / 2:.0f})"
    )
    print(f"          p50 {beside_s * 1e3:.1f} ms, one run {run_s * 1e3:.1f} ms")


def health(daemon: Daemon, seconds: float) -> None:
    """Ask for health while a large model runs."""
    idle = [timed(Asker(daemon.data), HEALTH) for _ in range(300)]
    over = threading.Event()
    body = request("large")

    def run() -> None:
        busy = Asker(daemon.data)
        while not over.is_set():
            busy.ask(body)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.5)
    loaded = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        loaded.append(timed(Asker(daemon.data), HEALTH))
        time.sleep(0.002)
    over.set()
    thread.join()
    print(
        f"health: p99 {percentile(loaded, 99) / 1e3:.2f} ms while a large model runs "
        f"(bar 5), {percentile(idle, 99) / 1e3:.2f} ms idle"
    )


# --- clients ---------------------------------------------------------------------


class Outcome:
    """What became of one request."""

    def __init__(self, status: int, text: str, taken_s: float) -> None:
        self.status = status
        self.text = text
        self.taken_s = taken_s


def paced(
    daemon: Daemon, body: bytes, *, clients: int, rate: float, seconds: float
) -> list[Outcome]:
    """Send at a fixed rate, whatever comes back."""
    outcomes: list[Outcome] = []
    pause_s = clients / rate
    end = time.monotonic() + seconds

    def run(number: int) -> None:
        asker = Asker(daemon.data)
        due = time.monotonic() + pause_s * number / clients
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            due += pause_s
            began = time.perf_counter()
            try:
                asker.ask(body)
                status, text = 200, ""
            except RuntimeError as error:
                status, text = 503, str(error)
            outcomes.append(Outcome(status, text, time.perf_counter() - began))

    each(clients, run)
    return outcomes


def flood(path: Path, body: bytes, seconds: float) -> None:
    """Keep forty requests in flight."""
    end = time.monotonic() + seconds

    def run(_number: int) -> None:
        asker = Asker(path)
        while time.monotonic() < end:
            try:
                asker.ask(body)
            except RuntimeError:
                time.sleep(0.01)

    each(40, run)


def each(count: int, run: Callable[[int], None]) -> None:
    """Run in so many threads."""
    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def timed(asker: Asker, body: bytes) -> float:
    """Return the seconds of one answer."""
    began = time.perf_counter()
    asker.ask(body)
    return time.perf_counter() - began


def alone(daemon: Daemon, count: int) -> float:
    """Return the median seconds of a run, nobody else asking."""
    asker, body = Asker(daemon.data), request("work")
    return statistics.median(timed(asker, body) for _ in range(count))


def request(model: str, *, timeout_us: int | None = None) -> bytes:
    """Encode a request of one matrix."""
    tensor = {
        "name": "x",
        "shape": [SIDE, SIDE],
        "datatype": "FP32",
        "parameters": {"binary_data_size": SIDE * SIDE * 4},
    }
    more = {} if timeout_us is None else {"timeout": timeout_us}
    said = {"inputs": [tensor], "parameters": {"binary_data_output": True, **more}}
    head = json.dumps(said).encode()
    length = f"Inference-Header-Content-Length: {len(head)}\r\n"
    return post(model, length, head + np.zeros((SIDE, SIDE), "<f4").tobytes())


def install(daemon: Daemon, name: str, *, products: int) -> None:
    """Install `y = x · x · … · x`, its mean by row."""
    names = ["x", *(f"t{n}" for n in range(products))]
    nodes = [onnx_files.node("MatMul", [a, "x"], [b]) for a, b in pairwise(names)]
    nodes.append(onnx_files.node("ReduceMean", [names[-1]], ["y"]))
    files = bundle(
        onnx_files.model(
            nodes,
            [onnx_files.value_info("x", onnx_files.FLOAT, (SIDE, SIDE))],
            [onnx_files.value_info("y", onnx_files.FLOAT, (1, 1))],
        ),
        name=name,
        signature=Signature(
            inputs=(Input(name="x", datatype=Datatype.FP32, shape=(SIDE, SIDE)),),
            outputs=(Output(name="y", datatype=Datatype.FP32, shape=(1, 1)),),
        ),
    )
    folder = daemon.state.parent / name
    folder.mkdir()
    for file, data in files.items():
        (folder / file).write_bytes(data)
    daemon.install(folder)


if __name__ == "__main__":
    main()
