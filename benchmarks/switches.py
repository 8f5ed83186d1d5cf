"""A thousand switches under load: `python benchmarks/switches.py`.

Four clients ask without a pause while two releases take turns: one by OIP binary
through the express door, one by JSON, one by JSON through aiohttp, one by shared
memory. Counted are failed requests and wrong answers; told are p99 before and during,
memory after the last switch to after the first ones, and open file descriptors.

Half of them without probation; half with it, so that a predecessor stays resident at
every other switch. Nothing is tried: a proof that holds is used again.
"""

import argparse
import json
import multiprocessing
import os
import statistics
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

from benchmarks.serve import Asker, binary_request, json_request, percentile  # noqa: E402
from edged.client import Client, Control  # noqa: E402
from edged.wire.endpoints import USE  # noqa: E402
from edged.wire.messages import UseRequest  # noqa: E402
from edged.wire.release import Input, Output, Signature  # noqa: E402
from edged.wire.tensors import Datatype  # noqa: E402
from tests.data import onnx_files  # noqa: E402
from tests.fakes.box import bundle  # noqa: E402
from tests.fakes.daemon import Daemon, running, short_home  # noqa: E402

SMALL, LARGE = (1, 64), (1, 3, 224, 224)

#: Of memory, as a ratio; of descriptors: one or two are in flight at any time.
GROWTH, FDS = 1.10, 2


def main() -> int:
    """Switch, count, and return 1 if anybody failed."""
    parser = argparse.ArgumentParser(description="Switches under load.")
    parser.add_argument("--switches", type=int, default=1000)
    each = parser.parse_args().switches // 2
    return max(switched(each, probation) for probation in ("0ms", "10min"))


def switched(switches: int, probation: str) -> int:
    """Switch with that much probation; return 1 over a bar."""
    with short_home() as home:
        settings = home / "edged.yaml"
        settings.write_text(
            f"install: {{probation: {probation}}}\nserver: {{group: null}}\n"
        )
        with running(home, "--config", str(settings)) as daemon:
            for name, shape in (("small", SMALL), ("large", LARGE)):
                for seq in (1, 2):
                    install(daemon, name, shape, seq)
            load = Load(daemon.data)
            time.sleep(2)
            began = time.perf_counter()
            process = psutil.Process(daemon.process.pid)
            seen = [switch(daemon, n, process) for n in range(switches)]
            took_s = time.perf_counter() - began
            answers, failures = load.end()
    sizes, fds = zip(*seen, strict=True)
    before = [taken for at, taken in answers if at < began]
    during = [taken for at, taken in answers if at >= began]
    growth = statistics.median(sizes[-20:]) / statistics.median(sizes[20:40])
    more = statistics.median(fds[-20:]) - statistics.median(fds[:20])
    ratio = percentile(during, 99) / percentile(before, 99)
    print(
        f"probation {probation}: {switches} switches of two models in {took_s:.0f} s "
        f"under {len(during)} requests: {len(failures)} failed (bar 0), memory "
        f"{growth:.3f} (bar 1.10), {more:+g} fds (bar 2), "
        f"p99 {percentile(before, 99):.0f} us before, {percentile(during, 99):.0f} "
        f"us during: {ratio:.1f} times (aim 3, on a box with a core to spare)"
    )
    for failure in sorted(set(failures))[:5]:
        print(f"  {failure}")
    return 1 if failures or growth > GROWTH or more > FDS else 0


def switch(daemon: Daemon, number: int, process: psutil.Process) -> tuple[int, int]:
    """Make the other release of both models live; return memory and descriptors."""
    with Control(daemon.control) as control:
        for name in ("small", "large"):
            control.call(USE, UseRequest(name=name, seq=1 + number % 2))
    return int(process.memory_info().rss), int(process.num_fds())


def install(daemon: Daemon, name: str, shape: tuple[int, ...], seq: int) -> None:
    """Install `y = x`; each release has its own bytes."""
    files = bundle(
        onnx_files.unary(dims=shape),
        name=name,
        seq=seq,
        signature=Signature(
            inputs=(Input(name="x", datatype=Datatype.FP32, shape=shape),),
            outputs=(Output(name="y", datatype=Datatype.FP32, shape=shape),),
        ),
    )
    folder = daemon.state.parent / f"{name}-{seq}"
    folder.mkdir()
    for file, data in files.items():
        (folder / file).write_bytes(data)
    daemon.install(folder)


class Load:
    """Four clients in a process of their own."""

    def __init__(self, path: Path) -> None:
        context = multiprocessing.get_context("fork")
        self._path = path
        self._over = context.Event()
        self._mine, self._theirs = context.Pipe()
        self._answers: list[tuple[float, float]] = []
        self._failures: list[str] = []
        self._process = context.Process(target=self._run)
        self._process.start()

    def end(self) -> tuple[list[tuple[float, float]], list[str]]:
        """Stop asking; return when each answer came and took, and what failed."""
        self._over.set()
        answers, failures = json.loads(self._mine.recv_bytes())
        self._process.join()
        return answers, failures

    def _run(self) -> None:
        small = np.arange(64, dtype="<f4").reshape(SMALL)
        text = json_request("x", small, "small")
        odd = text.replace(b"Host: edged", b"Host: edged\r\nAccept-Encoding: gzip, br")
        large = np.ones(LARGE, "<f4")
        client = Client(self._path)

        def shared() -> None:
            answer = client.infer("large", {"x": large}).output
            if answer[0, 0, 0, 0] != 1 or answer.shape != LARGE:
                raise RuntimeError("a wrong answer")

        ways: list[Callable[[], Callable[[], None]]] = [
            lambda: self._bare(binary_request("x", small, "small")),
            lambda: self._bare(text),
            lambda: self._bare(odd),
            lambda: shared,
        ]
        threads = [threading.Thread(target=self._ask, args=(way,)) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._theirs.send_bytes(json.dumps([self._answers, self._failures]).encode())

    def _bare(self, body: bytes) -> Callable[[], None]:
        asker = Asker(self._path)
        return lambda: asker.ask(body)

    def _ask(self, way: Callable[[], Callable[[], None]]) -> None:
        ask = way()
        while not self._over.is_set():
            began = time.perf_counter()
            try:
                ask()
            except Exception as error:  # noqa: BLE001  # whatever it is, it failed
                self._failures.append(repr(error))
                ask = way()
            else:
                self._answers.append((began, time.perf_counter() - began))


if __name__ == "__main__":
    sys.exit(main())
