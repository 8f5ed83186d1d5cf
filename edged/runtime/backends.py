"""Who loads what: the one place that knows every runtime.

Law: a runtime package is imported when the first model needs it, never earlier.
"""

import sys
from contextlib import suppress
from pathlib import Path

from edged.errors import BadModel
from edged.runtime.base import Loaded
from edged.runtime.memory import trim
from edged.wire.release import BackendName

#: What to install, by backend.
_PACKAGE = {
    BackendName.ONNX: "onnxruntime",
    BackendName.LITERT: "ai-edge-litert",
}

#: The backend that a file's suffix stands for.
SUFFIXES = {".onnx": BackendName.ONNX, ".tflite": BackendName.LITERT}

_RUNTIMES = ("onnxruntime", "ai_edge_litert", "tflite_runtime")


def load(backend: BackendName, path: Path, *, threads: int) -> Loaded:
    """Load a model file. Blocks; any thread.

    Args:
        backend: the runtime for this file.
        path: the file; files that it refers to stand beside it.
        threads: for one run, at least 1.

    Raises:
        BadModel: the file is missing, damaged, not of this kind or beyond what the
            runtime can do, or the runtime is not installed.
    """
    loaded = _load(backend, path, threads)
    # Parsing leaves up to twice the file's size in free heap pages.
    trim()
    return loaded


def warm(backend: BackendName) -> None:
    """Import a backend's runtime ahead of its first model, if it is there."""
    with suppress(ImportError):
        match backend:
            case BackendName.ONNX:
                import edged.runtime.onnx  # noqa: PLC0415  # see law
            case BackendName.LITERT:
                import edged.runtime.litert  # noqa: F401, PLC0415  # see law


def versions() -> dict[str, str]:
    """Return the version of every runtime that is imported, by package name."""
    return {
        name.replace("_", "-"): str(sys.modules[name].__version__)
        for name in _RUNTIMES
        if name in sys.modules
    }


def _load(backend: BackendName, path: Path, threads: int) -> Loaded:
    try:
        match backend:
            case BackendName.ONNX:
                from edged.runtime.onnx import OnnxModel  # noqa: PLC0415  # see law

                return OnnxModel(path, threads=threads)
            case BackendName.LITERT:
                from edged.runtime.litert import (  # noqa: PLC0415  # see law
                    LitertModel,
                )

                return LitertModel(path, threads=threads)
    except ImportError as error:
        package = _PACKAGE[backend]
        raise BadModel(
            f"cannot load {path.name}: {package} is not usable here: {error}",
            hint=f"pip install {package}",
        ) from error
