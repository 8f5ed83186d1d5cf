"""What kind of box this is."""

import os
import sys
from pathlib import Path

import pytest

from edged.adapt.device import device
from edged.adapt.sensors import Sensors
from edged.wire.adapt import Device
from tests.fakes.board import Board

KIB = 1 << 10


def described(root: Path, affinity: int = 64) -> Device:
    """Return what edged says of a box."""
    return device(Sensors(root).read(), root=root, affinity=affinity)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pi5-idle", ("Raspberry Pi 5 Model B Rev 1.0", 4, 8255504 * KIB, "unknown")),
        ("laptop", ("LENOVO 20KHCTO1WW", 8, 16266844 * KIB, "battery")),
        ("vm", ("", 2, 24619004 * KIB, "unknown")),
        ("container", ("", 1, 256 << 20, "unknown")),
    ],
)
def test_a_box_is_described(
    name: str, expected: tuple[str, int, int, str], tmp_path: Path
) -> None:
    """By its board, its cores and memory that we may use, and its power."""
    Board(name, tmp_path)

    found = described(tmp_path)

    assert expected == (found.board, found.cores, found.memory_bytes, found.power)
    assert os.uname().machine == found.arch
    assert found.readings


def test_cores_that_we_may_not_use_do_not_count(tmp_path: Path) -> None:
    """By affinity, and by a quota: one and a half is one."""
    board = Board("pi5-idle", tmp_path)
    bound = described(tmp_path, affinity=3).cores
    unit = "/sys/fs/cgroup/system.slice/edged.service"
    board.set(f"{unit}/cpu.max", "150000 100000")

    limited = described(tmp_path).cores

    assert (3, 1) == (bound, limited)


def test_a_box_that_shows_nothing_is_still_described(tmp_path: Path) -> None:
    """With nothing known."""
    found = described(tmp_path, affinity=2)

    assert ("", "", 2, 0, "unknown") == (
        found.board,
        found.cpu,
        found.cores,
        found.memory_bytes,
        found.power,
    )


def test_providers_are_what_is_handed_in(tmp_path: Path) -> None:
    """No runtime is imported to know them."""
    Board("pi5-idle", tmp_path)
    before = {name for name in sys.modules if "onnxruntime" in name}

    found = device(
        Sensors(tmp_path).read(),
        root=tmp_path,
        runtimes={"onnxruntime": "1.32.0"},
        providers={"onnxruntime": ("CPUExecutionProvider",)},
    )

    assert {"onnxruntime": "1.32.0"} == found.runtimes
    assert {"onnxruntime": ("CPUExecutionProvider",)} == found.providers
    assert before == {name for name in sys.modules if "onnxruntime" in name}


def test_this_machine_is_described() -> None:
    """Whatever it is."""
    found = device(Sensors().read())

    assert 1 <= found.cores <= len(os.sched_getaffinity(0))
    assert found.memory_bytes > 0
