"""What the pages say to type: their Python, run as it stands against a real daemon."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.daemon import DEMO, ROOT, Daemon, running, short_home

HOW_TO = ROOT / "docs" / "how-to"


@pytest.fixture(scope="module")
def box() -> Iterator[Daemon]:
    """Return a daemon that serves the demo."""
    with short_home() as home, running(home) as daemon:
        daemon.install()
        yield daemon


def blocks(page: Path) -> list[str]:
    """Return a page's Python, block by block."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def typed(script: str, *, at: Path, box: Daemon) -> str:
    """Return what a script prints."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "EDGED_SOCKET": str(box.data)}
    done = subprocess.run(
        [sys.executable, "-"],
        input=script,
        cwd=at,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_reads_its_first_digit(box: Daemon) -> None:
    """The first held-out image is a zero."""
    (script,) = re.findall(
        r"python <<'END'\n(.*?)END\n", (ROOT / "README.md").read_text(), re.DOTALL
    )

    actual = typed(script, at=ROOT, box=box)

    assert actual == "0\n"


def test_the_bundle_script_makes_a_release_that_goes_live(
    box: Daemon, tmp_path: Path
) -> None:
    """Made of the demo's files, it proves itself; the page's other script measures."""
    make, measure = blocks(HOW_TO / "make-a-bundle.md")
    shutil.copy(DEMO / "digits_fp32.onnx", tmp_path / "my_fp32.onnx")
    shutil.copy(DEMO / "digits_int8.tflite", tmp_path / "my_int8.tflite")
    shutil.copy(DEMO / "labels.txt", tmp_path)
    shutil.copy(DEMO.parent / "heldout.npz", tmp_path)

    typed(make, at=tmp_path, box=box)
    changed = box.install(tmp_path / "my-bundle")
    said = [line.split() for line in typed(measure, at=tmp_path, box=box).splitlines()]

    assert (changed.text, changed.warnings) == ("my-model 1.0.0 (seq 1) is live", ())
    assert [variant for variant, _ in said] == ["fp32", "int8"]
    assert all(float(accuracy) > 0.98 for _, accuracy in said)


@pytest.mark.parametrize("name", ["call-from-python.md", "use-a-stock-client.md"])
def test_a_clients_page_runs_from_top_to_end(
    box: Daemon, tmp_path: Path, name: str
) -> None:
    """All blocks together are one program."""
    script = "\n".join(blocks(HOW_TO / name))

    printed = typed(script, at=tmp_path, box=box).splitlines()

    assert printed[0] == "4"  # what the model sees in an empty image
