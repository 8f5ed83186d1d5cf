"""A peer flips an index in shared memory while the model looks it up: a program.

Exits 0 after so many seconds; dies by a signal if an index is used that was not the
one that was checked.

    python gather_race.py SECONDS [view]

With `view` the model runs on the peer's own memory, as large floats do: on x86-64 it
dies by SIGSEGV within a second.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np

from edged.errors import EdgedError
from edged.host.peer import Peer
from edged.runtime.onnx import OnnxModel
from edged.serve.regions import Regions
from edged.wire.oip import Place, SharedTensor
from edged.wire.oip_regions import Registration
from edged.wire.tensors import Datatype
from tests.data import onnx_files

COUNT = 1 << 16
BYTES = 8 * COUNT
FAR = 1 << 40

#: What the peer runs: a good index, a bad one, as fast as it can.
PEER = f"""
import mmap, os, sys
parent = os.getppid()
memory = memoryview(mmap.mmap(int(sys.argv[1]), {BYTES})).cast("q")
while os.getppid() == parent:
    for at in range(0, {COUNT}, 997):
        memory[at] = {FAR}
        memory[at] = 1
"""


def race(seconds: float, *, viewed: bool) -> tuple[int, int]:
    """Run the model on what the peer holds; return answers and refusals."""
    model = _gather()
    fd = os.memfd_create("race", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, BYTES)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    me, regions = Peer(pid=os.getpid(), uid=os.getuid(), gid=0), Regions()
    regions.register(me, "", "r", Registration(key="fd:0", byte_size=BYTES), [fd])
    place = Place(region="r", offset=0, size=BYTES)
    indices = SharedTensor(datatype=Datatype.INT64, shape=(COUNT,), place=place)
    slot = regions.slot(me, place, "input 'i'")
    view = np.frombuffer(slot._memory.view(0, BYTES) or b"", np.int64)
    table = np.arange(4, dtype=np.float32)
    peer = subprocess.Popen([sys.executable, "-c", PEER, str(fd)], pass_fds=[fd])
    answers = refusals = 0
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            index = view if viewed else slot.tensor(indices, "input 'i'", [])
            try:
                model.run({"x": table, "i": index}, ("y",))
                answers += 1
            except EdgedError:
                refusals += 1
    finally:
        peer.kill()
        peer.wait()
    return answers, refusals


def _gather() -> OnnxModel:
    """Return y = x[i]."""
    data = onnx_files.model(
        [onnx_files.node("Gather", ["x", "i"], ["y"])],
        [
            onnx_files.value_info("x", onnx_files.FLOAT, [4]),
            onnx_files.value_info("i", onnx_files.INT64, ["N"]),
        ],
        [onnx_files.value_info("y", onnx_files.FLOAT, ["N"])],
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gather.onnx"
        path.write_bytes(data)
        return OnnxModel(path, threads=1)


if __name__ == "__main__":
    print(*race(float(sys.argv[1]), viewed="view" in sys.argv))  # noqa: T201
