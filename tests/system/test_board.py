"""edged on a board with little memory, and a kernel that bounds it for real."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.system import board
from tests.system.board import Said
from tests.system.box import UNITS, in_the_box_of, installed
from tests.system.images import image
from tests.system.machine import booted

pytestmark = pytest.mark.timeout(1200)

#: Rows of four floats: 400 MB at once, in a model of a few bytes.
ROWS = 25_000_000
#: Memory of the smallest board that is promised to serve the demo.
BOARD_MB = 512
#: Exits with 0 where every layer of a trial's confinement is in force.
CONFINE = """import os, sys
sys.path.insert(0, "/usr/lib/edged/site")
from pathlib import Path
from edged.host.confine import confine
told = confine([Path("/usr")], memory_bytes=1 << 30)
os._exit(0 if told.seccomp and told.landlock else 3)
"""
INFER = "edgectl infer digits /srv/three.png"
KILLED = "dmesg | grep -i 'killed process'"
STEPS = {
    "infer": INFER,
    "wide": "edgectl install /srv/wide",
    "after": "edgectl status",
    "confined": "systemctl start confined || journalctl -u confined",
    # A limit as an administrator writes it.
    "limit": "systemctl set-property --runtime edged MemoryMax=256M"
    f" && systemctl restart edged && {INFER}",
    "limited-wide": "edgectl install /srv/wide",
    "limited-after": "edgectl status",
    "unharmed": f"{KILLED}; systemctl show -P NRestarts edged",
    # One that it cannot live with: the kernel ends it, and callers wait for the next.
    "kill": "systemctl set-property --runtime edged MemoryMax=40M;"
    f" for i in 1 2 3 4 5; do {INFER} --repeat 20 --timeout 3; {KILLED} && break; done",
    "again": "systemctl set-property --runtime edged MemoryMax=256M;"
    f" {INFER} --timeout 60; systemctl show -P NRestarts edged",
    "oom": "journalctl -u edged -o cat _PID=1 | grep -i oom",
}


@pytest.fixture(scope="module")
def said(
    packages: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Said]:
    """Do all of it on one board."""
    if why := board.needs():
        pytest.skip(why)
    suite, work = "bookworm", tmp_path_factory.mktemp("board")
    with booted([image(suite)]) as machine:
        box = installed(machine, packages(suite))
        box.machine.put(_wide(work / "wide"), "/srv/wide")
        unit = box.run("cat", "/usr/lib/systemd/system/edged.service").stdout
        box.write("/srv/confine.py", CONFINE)
        confined = in_the_box_of(unit, "/usr/bin/python3 -BIS /srv/confine.py")
        box.write("/etc/systemd/system/confined.service", confined)
        box.run("systemctl", "stop", *UNITS)
        board.prepare(machine.root, STEPS)
        disk = board.disk(machine.root, work)
    return board.boot(disk, BOARD_MB)


def _wide(folder: Path) -> Path:
    """Write a bundle that is small on disk and needs 400 MB for an answer."""
    shape = onnx_files.tensor(
        onnx_files.field(9, struct.pack("<2q", ROWS, 4)), dims=(2,), kind=7, name="rows"
    )
    axes = (
        onnx_files.field(1, "axes") + onnx_files.field(8, 0) + onnx_files.field(20, 7)
    )
    model = onnx_files.model(
        [
            onnx_files.node("Expand", ["x", "rows"], ["all"]),
            onnx_files.node("ReduceMax", ["all"], ["y"], axes),
        ],
        [onnx_files.value_info("x", onnx_files.FLOAT, (1, 4))],
        [onnx_files.value_info("y", onnx_files.FLOAT, (1, 4))],
        tensors=[shape],
    )
    folder.mkdir()
    for name, data in bundle(model, name="wide").items():
        (folder / name).write_bytes(data)
    return folder


def test_the_demo_is_served_in_little_memory(said: dict[str, Said]) -> None:
    """512 MB of a board, and 256 MB of a service on it."""
    for step in ("infer", "limit"):
        assert said[step].text.startswith("digits 1.0.0"), said[step]
        assert "3" == said[step].text.splitlines()[1].split()[-1]
    for step in ("after", "limited-after"):
        assert (True, 0) == (said[step].text.startswith("OK"), said[step].status)


@pytest.mark.parametrize("step", ["wide", "limited-wide"])
def test_what_does_not_fit_is_refused_with_numbers(
    said: dict[str, Said], step: str
) -> None:
    """And nothing is killed for it."""
    text = " ".join(said[step].text.split())

    assert said[step].status != 0
    found = re.search(r"it needs more than the (\d+) MB that there are", text)
    assert found is not None, text
    assert 50 < int(found[1]) < BOARD_MB
    assert ["0"] == said["unharmed"].text.split()


def test_every_layer_of_a_trial_is_in_force_in_the_unit(said: dict[str, Said]) -> None:
    """Landlock, too, which its filter of system calls has to name."""
    assert ("", 0) == (said["confined"].text.strip(), said["confined"].status)


def test_a_daemon_that_the_kernel_killed_comes_back(said: dict[str, Said]) -> None:
    """Its callers are answered by the next one."""
    assert "(edged)" in said["kill"].text
    assert said["oom"].text
    assert said["again"].text.startswith("digits 1.0.0")
    assert int(said["again"].text.split()[-1]) > 0
