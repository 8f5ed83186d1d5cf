"""The real daemon, a real ladder and real neighbours that take its core.

One core for the daemon and the burners, so that what they do to each other does not
hang on what else the machine does.
"""

import collections
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from edged.client import Client, Control
from edged.errors import DeadlineExceeded, TimedOut
from edged.wire.adapt import ForceRequest, Strategy
from edged.wire.endpoints import STRATEGY_FORCE
from edged.wire.release import BackendName, Input, Output, Signature, Variant
from edged.wire.tensors import Datatype
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.daemon import Daemon, running, short_home

ROWS, WIDTH = 16, 512
#: Products of each variant: a sixth of the cost, and an eightieth.
LADDER = {"big": 240, "mid": 40, "small": 3}
#: So many burn the core; then so many more, until a deadline by its usual answers bears
#: the best no more: this machine may be busy to begin with.
BURNERS, STEPS = 6, 6
#: Most of a round: other work of this machine may make any answer late.
ROUND, MOST = 20, 12
#: A second each is usual, and four until a better variant is tried again; a stream
#: waits longer with each try that was in vain, and other work may make it so.
BUSY_S, CALM_S = 3.0, 40.0
X = np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype("<f4")


def ladder() -> dict[str, bytes]:
    """Return a bundle of three variants that answer the same."""
    files = {f"{name}.onnx": onnx_files.chain(n) for name, n in LADDER.items()}
    shape = (ROWS, WIDTH)
    return bundle(
        files["big.onnx"],
        name="m",
        file="big.onnx",
        extra=files,
        signature=Signature(
            inputs=(Input(name="x", datatype=Datatype.FP32, shape=shape),),
            outputs=(Output(name="y", datatype=Datatype.FP32, shape=shape),),
        ),
        variants=tuple(
            Variant(id=name, backend=BackendName.ONNX, file=f"{name}.onnx")
            for name in LADDER
        ),
    )


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Let what is started meanwhile run on one core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def burning(core: int, burners: int) -> Iterator[None]:
    """Burn a core with so many processes that never rest."""
    with on_core(core):
        burning = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(burners)
        ]
    try:
        yield
    finally:
        for burner in burning:
            burner.kill()
            burner.wait()


def installed(daemon: Daemon, folder: Path) -> None:
    """Bring the ladder in; hold the strategy, whatever else this machine has to do."""
    folder.mkdir()
    for name, data in ladder().items():
        (folder / name).write_bytes(data)
    daemon.install(folder)
    with Control(daemon.control) as control:
        control.call(STRATEGY_FORCE, ForceRequest(strategy=Strategy.NORMAL))


class Stream:
    """One caller, and who answered it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.within_s = 10.0
        self.late = 0

    def ask(self, times: int, *, every_s: float = 0.02) -> collections.Counter[str]:
        """Ask so often; return how often each variant answered in time."""
        found: collections.Counter[str] = collections.Counter()
        for _ in range(times):
            try:
                result = self._client.infer(
                    "m", X, timeout_s=self.within_s, explain=True
                )
            except (DeadlineExceeded, TimedOut):
                self.late += 1
                found["late"] += 1
            else:
                assert result.explained is not None
                found[result.explained.variant] += 1
                np.testing.assert_allclose(result.output, X, rtol=1e-3, atol=1e-3)
            time.sleep(every_s)
        return found

    def until(self, *names: str, within_s: float) -> collections.Counter[str]:
        """Ask without a pause until these give most answers, or for so long."""
        end = time.monotonic() + within_s
        found = self.ask(ROUND)
        while sum(found[name] for name in names) < MOST and time.monotonic() < end:
            found = self.ask(ROUND)
        return found

    def usual_s(self) -> float:
        """Return what an answer of the best takes now, at most times."""
        taken = []
        for _ in range(20):
            began = time.perf_counter()
            self._client.infer("m", X, timeout_s=30.0, variant="big")
            taken.append(time.perf_counter() - began)
        return float(np.percentile(taken, 90))


@pytest.mark.timeout(120)
def test_neighbours_cost_accuracy_and_not_answers() -> None:
    """A busy core: lighter answers in time; a quiet one: the best again."""
    core = max(os.sched_getaffinity(0))
    with short_home() as home, on_core(core), running(home) as daemon:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        installed(daemon, home / "bundle")
        with daemon.client() as client:
            stream = Stream(client)
            stream.within_s = 4 * stream.usual_s()
            calm = stream.until("big", within_s=CALM_S)
            with ExitStack() as burners:
                for _ in range(STEPS):
                    burners.enter_context(burning(core, BURNERS))
                    busy = stream.until("mid", "small", within_s=BUSY_S)
                    if busy["mid"] + busy["small"] >= MOST:
                        break
            after = stream.until("big", within_s=CALM_S)

    assert calm["big"] >= MOST, calm
    assert busy["mid"] + busy["small"] >= MOST, busy
    assert after["big"] >= MOST, after
