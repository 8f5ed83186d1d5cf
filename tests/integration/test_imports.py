"""What is imported when, in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What `edgectl status` must not wait for.
HEAVY = {
    "PIL",
    "aiohttp",
    "ai_edge_litert",
    "asyncio",
    "numpy",
    "onnxruntime",
    "psutil",
    "simdjson",
    "ssl",
    "tflite_runtime",
}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement loads."""
    program = f"{statement}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import edged.cli.main", "import edged.wire.endpoints", "import edged.client"],
)
def test_the_callers_side_starts_light(statement: str) -> None:
    """A command that asks one question loads no runtime, no array, no event loop."""
    actual = loaded_by(statement)

    assert set() == HEAVY & actual


def test_the_daemon_loads_no_runtime_before_a_model_needs_it() -> None:
    """A box with LiteRT models alone never pays for onnxruntime."""
    actual = loaded_by("import edged.daemon")

    assert set() == {"onnxruntime", "ai_edge_litert", "tflite_runtime"} & actual


def test_the_daemon_loads_no_signatures_before_a_source_needs_them() -> None:
    """A box that nobody updates over a network does not pay for them."""
    actual = loaded_by("import edged.daemon")

    assert set() == {"tuf", "securesystemslib", "cryptography"} & actual


def test_the_daemon_loads_nothing_heavy_for_little() -> None:
    """Each of these holds half a megabyte or more, for one small question."""
    actual = loaded_by("import edged.daemon")

    assert set() == {"importlib.metadata", "zoneinfo"} & actual
