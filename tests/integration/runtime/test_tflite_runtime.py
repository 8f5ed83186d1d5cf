"""LiteRT's forerunner, where only that is installed: its own venv, numpy below 2."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edged.runtime import backends
from edged.wire.release import BackendName
from tests.data import tflite_files

ROOT = Path(__file__).resolve().parents[3]

NEEDS = ["tflite-runtime==2.14.0", "numpy<2", "msgspec"]

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
from edged.errors import EdgedError
from edged.runtime import backends
from edged.wire.release import BackendName

def load(name):
    path = Path(sys.argv[1]) / name
    return backends.load(BackendName.LITERT, path, threads=1)

def total(model):
    return float(model.run({"x": np.ones((1, 4), np.float32)}, ("y",))["y"][0, 0])

digits = load("digits.tflite")
spec, output = digits.inputs[0], digits.outputs[0]
pixels = np.load(Path(sys.argv[1]) / "stored.npy")
stored = digits.run({spec.name: pixels}, (output.name,))[output.name]

counting = load("accumulator.tflite")
counted = [total(counting), total(counting)]
counting.reset()
try:
    load("custom.tflite")
except EdgedError as error:
    refused = error.message

print(json.dumps({
    "versions": backends.versions(),
    "quantization": [*digits.quantization],
    "stored": stored.tolist(),
    "counted": [*counted, total(counting)],
    "refused": refused,
}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a venv that has tflite-runtime alone."""
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime has no wheel for Python 3.12 and later")
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=60)
    python = venv / "bin" / "python"
    fetched = subprocess.run(
        [str(python), "-m", "pip", "install", "-q", "--only-binary=:all:", *NEEDS],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if fetched.returncode != 0:
        reason = (fetched.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"pip cannot fetch tflite-runtime: {reason}")
    return python


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_forerunner_answers_alike(python: Path, tmp_path: Path) -> None:
    """The demo's int8 file gives the same numbers; state and errors work too."""
    demo = (ROOT / "demo" / "digits" / "digits_int8.tflite").read_bytes()
    (tmp_path / "digits.tflite").write_bytes(demo)
    (tmp_path / "accumulator.tflite").write_bytes(tflite_files.accumulator())
    (tmp_path / "custom.tflite").write_bytes(tflite_files.custom_op())
    here = backends.load(BackendName.LITERT, tmp_path / "digits.tflite", threads=1)
    shape = [max(1, dim) for dim in here.inputs[0].shape]
    pixels = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    np.save(tmp_path / "stored.npy", pixels)

    done = subprocess.run(
        [str(python), "-c", PROGRAM, str(tmp_path)],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    there = json.loads(done.stdout)
    output = here.outputs[0].name
    stored = here.run({here.inputs[0].name: pixels}, (output,))[output]
    assert there["versions"] == {"tflite-runtime": "2.14.0"}
    assert there["quantization"] == [*here.quantization]
    assert np.abs(np.array(there["stored"]) - stored.astype(int)).max() <= 1
    assert there["counted"] == [1, 2, 1]
    assert "unresolved custom op: AcmeMagic" in there["refused"]
