"""What a proof depends on: CPU and runtime versions, by captured /proc/cpuinfo."""

import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from edged.runtime.board import _version, board
from edged.wire.release import BackendName

CORES = len(os.sched_getaffinity(0))
INTEL = """processor : 0
model name : Intel(R) N100
flags : fpu avx2

processor : 1
model name : Intel(R) N100
flags : fpu avx2
"""
PI5 = """processor : 0
Features : fp asimd asimddp
CPU implementer : 0x41
CPU variant : 0x4
CPU part : 0xd0b
"""


def cpu(folder: Path, text: str) -> str:
    """Describe the CPU of a captured file."""
    folder.mkdir()
    (folder / "cpuinfo").write_text(text)
    return board((), proc=folder).cpu


def test_a_cpu_is_named_by_model_cores_and_features(tmp_path: Path) -> None:
    """On x86 by its name, on Arm by its part."""
    assert cpu(tmp_path / "a", INTEL).startswith(
        f"Intel(R) N100, {CORES} cores, features "
    )
    assert cpu(tmp_path / "b", PI5).startswith(
        f"0x41 0xd0b 0x4, {CORES} cores, features "
    )


@pytest.mark.parametrize(
    ("before", "after"), [("avx2", "avx2 avx512_vnni"), ("N100", "N200")]
)
def test_another_cpu_is_another_board(tmp_path: Path, before: str, after: str) -> None:
    """Kernels of a runtime are chosen by features: another one may answer."""
    other = cpu(tmp_path / "b", INTEL.replace(before, after))

    assert cpu(tmp_path / "a", INTEL) != other


def test_the_same_cpu_is_the_same_board(tmp_path: Path) -> None:
    """What changes from second to second is not asked."""
    assert cpu(tmp_path / "a", INTEL) == cpu(tmp_path / "b", INTEL + "cpu MHz : 1\n")


def test_only_the_runtimes_that_are_needed_are_told() -> None:
    """An upgrade of the other one proves nothing anew."""
    found = board([BackendName.ONNX, BackendName.ONNX]).runtimes

    assert {"onnxruntime": metadata.version("onnxruntime")} == found


def test_a_version_is_that_of_the_package_s_own_metadata() -> None:
    """The folder's name and what is in it say the same."""
    _version.cache_clear()

    for package in ("onnxruntime", "ai-edge-litert", "no-such-runtime"):
        try:
            expected = metadata.version(package)
        except metadata.PackageNotFoundError:
            expected = None
        assert expected == _version(package)


def test_a_package_without_such_a_folder_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an old tool installed it."""
    egg = tmp_path / "onnxruntime-1.2.3.egg-info"
    egg.write_text("Metadata-Version: 2.1\nName: onnxruntime\nVersion: 1.2.3\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    _version.cache_clear()

    found = _version("onnxruntime")

    _version.cache_clear()
    assert "1.2.3" == found
