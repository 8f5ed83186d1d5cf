"""onnxruntime's telemetry stays off."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data import onnx_files

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from edged.runtime import backends
from edged.wire.release import BackendName

loaded = backends.load(BackendName.ONNX, Path(sys.argv[1]), threads=1)
loaded.run({"x": np.ones((1, 4), np.float32)}, ("y",))
loaded.close()
"""


def test_a_model_leaves_no_file_and_opens_no_network_socket(tmp_path: Path) -> None:
    """Neither while it is loaded and run nor when the process ends.

    The environment says nothing about telemetry: the code alone turns it off.
    """
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: apt install strace")
    model, home, log = tmp_path / "m.onnx", tmp_path / "home", tmp_path / "log"
    model.write_bytes(onnx_files.adder())
    home.mkdir()
    environment = {"HOME": str(home), "PYTHONPATH": ":".join(sys.path)}

    subprocess.run(
        [
            *(strace, "-f", "-e", "trace=socket,connect", "-o", str(log)),
            *(sys.executable, "-c", PROGRAM, str(model)),
        ],
        check=True,
        env=environment,
    )

    sockets = [line for line in log.read_text().splitlines() if "AF_INET" in line]
    assert [] == sockets
    assert [] == list(home.rglob("*"))
