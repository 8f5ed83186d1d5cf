"""What the simulator's ladders cost, measured once: writes `ladders.json` beside it.

    python benchmarks/adapt/measure.py ../shared/models

Accuracies are those of the models' own pages: the share of 300 CIFAR-10 images for
mlperf-tiny-ic, the published top-1 on ImageNet for mobilenet-ladder.

Law: times are the lowest decile of many runs, for neighbours only ever add to them;
CPU time is of the whole process.
"""

import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is imported

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.adapt.ladders import (  # noqa: E402
    DATA,
    Measured,
    Profile,
    Profiles,
    Run,
)
from edged.runtime import backends  # noqa: E402
from edged.wire.release import BackendName  # noqa: E402

THREADS = (1, 2)
WARM_UP, RUNS = 20, 400

#: File and accuracy in percent, by ladder.
LADDERS: dict[str, tuple[tuple[str, float], ...]] = {
    "mlperf-tiny-ic": (
        ("resnet_large_int8.tflite", 81.33),
        ("resnet_large_float.tflite", 81.0),
        ("resnet_large_fp32.onnx", 81.0),
        ("resnet8_float.tflite", 74.67),
        ("resnet8_fp32.onnx", 74.67),
        ("resnet8_int8.tflite", 74.0),
    ),
    "mobilenet-ladder": (
        ("mobilenet_v2_1.0_224_fp32.onnx", 71.0),
        ("mobilenet_v2_1.0_224_quant.tflite", 71.0),
        ("mobilenet_v1_0.5_160_quant.tflite", 57.2),
        ("mobilenet_v1_0.25_128_fp32.onnx", 39.5),
        ("mobilenet_v1_0.25_128_quant.tflite", 39.5),
    ),
}


def main() -> int:
    """Measure every file with every number of threads."""
    models = Path(sys.argv[1])
    ladders = {
        name: tuple(_profile(models / name / file, percent) for file, percent in rows)
        for name, rows in LADDERS.items()
    }
    found = Profiles(
        command=shlex.join(["python", "benchmarks/adapt/measure.py", "MODELS"]),
        machine=f"{_cpu()}, {os.cpu_count()} cores, {platform.machine()}",
        runtimes={name: version(name) for name in ("onnxruntime", "ai-edge-litert")},
        ladders=ladders,
    )
    DATA.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return 0


def _profile(path: Path, percent: float) -> Profile:
    runs = tuple(_run(path, threads) for threads in THREADS)
    print(path.name, *(f"{run.wall.low_ms:.3f} ms" for run in runs))
    return Profile(
        id=path.name, accuracy=percent, file_bytes=path.stat().st_size, runs=runs
    )


def _run(path: Path, threads: int) -> Run:
    kind = BackendName.ONNX if path.suffix == ".onnx" else BackendName.LITERT
    loaded = backends.load(kind, path, threads=threads)
    try:
        feeds = {
            spec.name: np.ones(
                [max(1, dim) for dim in spec.shape], spec.datatype.numpy_name
            )
            for spec in loaded.inputs
        }
        wanted = tuple(spec.name for spec in loaded.outputs)
        walls, cpus = _times(lambda: loaded.run(feeds, wanted))
    finally:
        loaded.close()
    return Run(threads=threads, wall=_measured(walls), cpu=_measured(cpus))


def _times(run: Callable[[], object]) -> tuple[list[float], list[float]]:
    for _ in range(WARM_UP):
        run()
    walls, cpus = [], []
    for _ in range(RUNS):
        cpu_ns, wall_ns = time.process_time_ns(), time.perf_counter_ns()
        run()
        walls.append((time.perf_counter_ns() - wall_ns) / 1e6)
        cpus.append((time.process_time_ns() - cpu_ns) / 1e6)
    return walls, cpus


def _measured(values_ms: list[float]) -> Measured:
    cuts = statistics.quantiles(values_ms, n=100)
    return Measured(
        low_ms=round(cuts[9], 4),
        median_ms=round(cuts[49], 4),
        p95_ms=round(cuts[94], 4),
    )


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(named, "unknown CPU")


if __name__ == "__main__":
    sys.exit(main())
