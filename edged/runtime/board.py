"""What a measurement depends on beside the model: the CPU, and the runtimes' versions.

Law: no runtime is imported to tell its version. Read once; neither changes while a
process lives.
Source: /proc/cpuinfo; "Recording installed projects" of the Python packaging
specifications, by which `NAME-VERSION.dist-info` says both. What is installed otherwise
importlib.metadata knows; it holds 0.8 MB, which an idle daemon can do without.
"""

import hashlib
import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from edged.wire.proofs import Board
from edged.wire.release import BackendName

#: Packages that can load a backend's files, the one that is taken first.
_PACKAGES = {
    BackendName.ONNX: ("onnxruntime",),
    BackendName.LITERT: ("ai-edge-litert", "tflite-runtime"),
}

#: Lines of /proc/cpuinfo that name the CPU on x86, and on Arm.
_NAMES = ("model name", "CPU implementer", "CPU part", "CPU variant")
#: What a kernel of a runtime is chosen by.
_FEATURES = ("flags", "Features")


def board(backends: Iterable[BackendName], *, proc: Path = Path("/proc")) -> Board:
    """Describe this board, for releases that need these backends."""
    runtimes = {}
    for backend in sorted(set(backends), key=lambda each: each.value):
        for package in _PACKAGES[backend]:
            version = _version(package)
            if version is not None:
                runtimes[package] = version
                break
    return Board(runtimes=runtimes, cpu=_cpu(proc))


@lru_cache
def _version(package: str) -> str | None:
    start = f"{package.replace('-', '_')}-"
    for folder in map(Path, filter(None, sys.path)):
        found = folder.glob(f"{start}*.dist-info") if folder.is_dir() else ()
        for one in found:
            return one.name.removeprefix(start).removesuffix(".dist-info")
    from importlib import metadata  # noqa: PLC0415  # see above

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@lru_cache
def _cpu(proc: Path) -> str:
    first: dict[str, str] = {}
    for line in (proc / "cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        first.setdefault(key.strip(), value.strip())
    name = " ".join(first[key] for key in _NAMES if key in first)
    features = " ".join(first.get(key, "") for key in _FEATURES)
    short = hashlib.sha256(features.encode()).hexdigest()[:8]
    cores = len(os.sched_getaffinity(0))
    return f"{name or os.uname().machine}, {cores} cores, features {short}"
