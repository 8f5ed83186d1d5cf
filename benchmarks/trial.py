"""A trial beside live load, and the way back: `python benchmarks/trial.py`.

- trial: one client asks a model without a pause while a newcomer to its name is
  tried, several times. What is the p99 of its answers meanwhile, as a multiple of that
  before, in the same run? For a tiny model, and for MobileNetV2 on 1x3x224x224 where
  its file is beside the checkout.
- back: a release in probation is rolled back while its predecessor is resident. How
  long from the call until the predecessor has answered?

The client is a process of its own; both read the same monotonic clock.

The same is measured beside a neighbour that does nothing but loop, as far back as a
trial steps: what a trial costs on top of that is its own doing. It has no bar: where
cores sleep between requests, such a neighbour makes a tiny model's answers quicker.
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.bars import Bar, flat, hold, table  # noqa: E402
from benchmarks.serve import percentile  # noqa: E402
from edged.client import Client, Control  # noqa: E402
from edged.host.spawn import Bounds, Child  # noqa: E402
from edged.store.bundle import pack  # noqa: E402
from edged.wire.changes import Change, ChangeRequest, Step  # noqa: E402
from edged.wire.endpoints import CHANGE, INSTALL, ROLLBACK  # noqa: E402
from edged.wire.messages import InstallRequest, ModelName  # noqa: E402
from edged.wire.release import Input, Output, Signature  # noqa: E402
from edged.wire.tensors import Datatype  # noqa: E402
from tests.data import onnx_files  # noqa: E402
from tests.fakes.box import bundle  # noqa: E402
from tests.fakes.daemon import Daemon, running, short_home  # noqa: E402

MOBILENET = (
    ROOT.parent / "shared/models/mobilenet-ladder/mobilenet_v2_1.0_224_fp32.onnx"
)

#: A neighbour's load would count as ours.
_QUIET = "p99 on a machine with other work"

#: Before each trial: as long as it takes to see a p99.
_BEFORE_S = 2.0


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A model of which there are as many releases as one likes.

    Attributes:
        model: encodes it; releases differ in their number alone.
    """

    name: str
    model: Callable[[], bytes]
    x: tuple[str, tuple[int, ...]]
    y: tuple[str, tuple[int, ...]]

    def release(self, home: Path, seq: int) -> Path:
        """Write a release."""
        fp32 = Datatype.FP32
        signature = Signature(
            inputs=(Input(name=self.x[0], datatype=fp32, shape=self.x[1]),),
            outputs=(Output(name=self.y[0], datatype=fp32, shape=self.y[1]),),
        )
        files = bundle(self.model(), name=self.name, seq=seq, signature=signature)
        folder = home / f"{self.name}-{seq}"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return folder


TINY = Subject(
    name="tiny",
    model=lambda: onnx_files.unary(dims=(1, 64)),
    x=("x", (1, 64)),
    y=("y", (1, 64)),
)
LARGE = Subject(
    name="large",
    model=MOBILENET.read_bytes,
    x=("input", (1, 3, 224, 224)),
    y=("logits_prob", (1, 1001)),
)


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One answer: when it was asked for and had, by the monotonic clock; from whom."""

    asked_s: float
    had_s: float
    version: str


def main() -> int:
    """Measure, print, and return 1 if a figure is over its bar."""
    parser = argparse.ArgumentParser(description="A trial beside live load.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, as in CI")
    quick = parser.parse_args().quick
    figures: dict[str, object] = {}
    bars: list[Bar] = []
    for subject in (TINY, *([LARGE] if MOBILENET.exists() else [])):
        figures[subject.name] = measured(subject, rounds=2 if quick else 6)
        bars += [
            Bar(figure=f"{subject.name}  p99, trial to before", most=2.0, quiet=_QUIET),
            Bar(figure=f"{subject.name}  back, worst ms", most=50.0, quiet=_QUIET),
            Bar(figure=f"{subject.name}  failed", most=0),
        ]
    held = hold(flat(figures), quick=quick, bars=bars)
    print(table(flat(figures), held))
    return int(not all(each.ok for each in held.values()))


def measured(subject: Subject, *, rounds: int) -> dict[str, float]:
    """Try a newcomer, let it serve, and go back from it; again and again."""
    before, neighbour, during = [], [], []
    calls = []
    with short_home() as home, running(home) as daemon:
        daemon.install(subject.release(home, 1))
        with asking(daemon, subject) as answers:
            time.sleep(1)
            for seq in range(2, rounds + 2):
                start_s = time.monotonic()
                time.sleep(_BEFORE_S)
                before.append((start_s, time.monotonic()))
                with looping():
                    start_s = time.monotonic()
                    time.sleep(_BEFORE_S)
                    neighbour.append((start_s, time.monotonic()))
                began_s = time.monotonic()
                proved_s = tried(daemon, subject.release(home, seq))
                during.append((began_s, proved_s))
                calls.append(time.monotonic())
                with Control(daemon.control) as control:
                    control.call(ROLLBACK, ModelName(name=subject.name))
                shutil.rmtree(home / f"{subject.name}-{seq}")
            time.sleep(1)
    had, failures = answers
    usual, looped, beside = (
        [a.had_s - a.asked_s for a in had if any(f <= a.had_s < t for f, t in spans)]
        for spans in (before, neighbour, during)
    )
    backs = [
        min(a.had_s for a in had if a.asked_s >= call and a.version == "1.1") - call
        for call in calls
    ]
    return {
        "answers beside a trial": len(beside),
        "failed": len(failures),
        "p50 before us": percentile(usual, 50),
        "p50 neighbour us": percentile(looped, 50),
        "p50 beside us": percentile(beside, 50),
        "p99 before us": percentile(usual, 99),
        "p99 neighbour us": percentile(looped, 99),
        "p99 beside us": percentile(beside, 99),
        "p99, trial to before": percentile(beside, 99) / percentile(usual, 99),
        "p99, trial to neighbour": percentile(beside, 99) / percentile(looped, 99),
        "a trial takes s": float(np.median([end - start for start, end in during])),
        "back, median ms": float(np.median(backs)) * 1e3,
        "back, worst ms": max(backs) * 1e3,
    }


@contextmanager
def looping() -> Iterator[None]:
    """Let a process loop, as far back as a trial steps."""
    child = Child(
        (sys.executable, "-c", "while True: pass"),
        stdin=b"",
        env={},
        bounds=Bounds(seconds=60.0),
    )
    try:
        yield
    finally:
        child.kill()
        child.wait()


def tried(daemon: Daemon, path: Path) -> float:
    """Install a release; return when it was proved, once it is in probation."""
    with Control(daemon.control) as control:
        request = InstallRequest(wait=False)
        change = control.call(INSTALL, request, body=pack(path)).change
        if change is None:
            raise RuntimeError(f"{path} is live already")
        proved_s, seen = 0.0, follow(control, change, None)
        while seen.last.step is not Step.PROBATION:
            if seen.is_over:
                raise RuntimeError(seen.last.why)
            if not proved_s and Step.ARMED in {each.step for each in seen.steps}:
                proved_s = time.monotonic()
            seen = follow(control, change, seen)
    return proved_s or time.monotonic()


def follow(control: Control, change: int, seen: Change | None) -> Change:
    """Wait until there is more to a change than was seen."""
    steps, doing = (len(seen.steps), seen.doing) if seen else (0, "")
    request = ChangeRequest(id=change, steps=steps, doing=doing, wait_s=30.0)
    return control.call(CHANGE, request)


@contextmanager
def asking(
    daemon: Daemon, subject: Subject
) -> Iterator[tuple[list[Answer], list[str]]]:
    """Let a client ask; what it had is there when the block is left."""
    context = multiprocessing.get_context("fork")
    over, (mine, theirs) = context.Event(), context.Pipe()

    def run() -> None:
        answers: list[Answer] = []
        failures: list[str] = []
        x = {subject.x[0]: np.zeros(subject.x[1], "<f4")}
        with Client(daemon.data) as client:
            while not over.is_set():
                asked_s = time.monotonic()
                try:
                    version = client.infer(subject.name, x).version
                except Exception as error:  # noqa: BLE001  # whatever it is, it failed
                    failures.append(repr(error))
                else:
                    answers.append(Answer(asked_s, time.monotonic(), version))
        theirs.send_bytes(msgspec.json.encode((answers, failures)))

    process = context.Process(target=run)
    process.start()
    had: tuple[list[Answer], list[str]] = ([], [])
    try:
        yield had
    finally:
        over.set()
        found = msgspec.json.decode(
            mine.recv_bytes(), type=tuple[list[Answer], list[str]]
        )
        process.join()
        had[0].extend(found[0])
        had[1].extend(found[1])


if __name__ == "__main__":
    sys.exit(main())
