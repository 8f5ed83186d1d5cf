"""Memory goes back."""

import subprocess
import sys
from pathlib import Path

import pytest

LOOP = """
import sys
from pathlib import Path
import numpy as np
from edged.runtime import backends
from edged.runtime.memory import give_back
from edged.wire.release import BackendName

def resident_kb():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])

path, backend = Path(sys.argv[1]), BackendName(sys.argv[2])
sizes = []
for _ in range(30):
    loaded = backends.load(backend, path, threads=1)
    feeds = {
        spec.name: np.zeros([max(1, d) for d in spec.shape], spec.datatype.numpy_name)
        for spec in loaded.inputs
    }
    loaded.run(feeds, tuple(spec.name for spec in loaded.outputs))
    loaded.close()
    give_back()
    sizes.append(resident_kb())
print(*sizes)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "backend"),
    [
        ("mobilenet-ladder/mobilenet_v2_1.0_224_fp32.onnx", "onnx"),
        ("mobilenet-ladder/mobilenet_v2_1.0_224_quant.tflite", "litert"),
    ],
)
def test_thirty_rounds_hold_memory(models: Path, file: str, backend: str) -> None:
    """Load, run, close, thirty times: resident memory stays within 10 %.

    Without a trim the second round is already 12 to 25 % over the first.
    """
    done = subprocess.run(
        [sys.executable, "-c", LOOP, str(models / file), backend],
        check=True,
        capture_output=True,
        text=True,
    )

    sizes = [int(size) for size in done.stdout.split()]
    assert len(sizes) == 30
    assert max(sizes) <= 1.1 * sizes[0], sizes
