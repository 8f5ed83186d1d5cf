"""The trial's program, run as a program."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from edged.activate.task import Task
from edged.activate.trial import COMMAND
from edged.wire.proofs import VariantProof
from tests.fakes import candidates, hostile
from tests.fakes.candidates import candidate
from tests.fakes.daemon import ROOT
from tests.fakes.hostile import Kind

ENV = {
    "PYTHONPATH": os.pathsep.join((str(ROOT), *filter(None, sys.path))),
    "OPENBLAS_NUM_THREADS": "1",
}


def task(folder: Path) -> bytes:
    """Write the task to try the only variant of a release."""
    asked = Task(
        release=str(folder), variant="net", threads=(1,), memory_bytes=400_000_000
    )
    return msgspec.json.encode(asked) + b"\n"


def started(command: tuple[str, ...] = COMMAND) -> subprocess.Popen[bytes]:
    """Start the program."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=ENV, bufsize=0
    )


def test_it_reads_a_task_and_writes_one_proof(tmp_path: Path) -> None:
    """And ends with 0."""
    candidate(tmp_path / "new", {"net.onnx": candidates.double()})

    with started() as child:
        assert child.stdin and child.stdout  # noqa: PT018
        child.stdin.write(task(tmp_path / "new"))
        answer = child.stdout.read()

    found = msgspec.json.decode(answer, type=VariantProof)
    assert ("net", None, 0) == (found.id, found.problem, child.returncode)


def test_what_a_runtime_prints_is_not_its_answer(tmp_path: Path) -> None:
    """Standard output of the model's code is standard error of ours."""
    candidate(tmp_path / "new", {"net.onnx": candidates.double()})

    with started(hostile.command(Kind.CHATTER)) as child:
        assert child.stdin and child.stdout and child.stderr  # noqa: PT018
        child.stdin.write(task(tmp_path / "new"))
        answer, said = child.stdout.read(), child.stderr.read()

    assert "net" == json.loads(answer)["id"]
    assert b"garbage" in said


@pytest.mark.parametrize("kind", [Kind.LOOP, Kind.STUCK, Kind.SLEEP])
def test_it_ends_when_whoever_started_it_is_gone(tmp_path: Path, kind: Kind) -> None:
    """Its standard input ends, whatever it does meanwhile; see also `host.spawn`."""
    candidate(tmp_path / "new", {"net.onnx": candidates.double()})

    with started(hostile.command(kind)) as child:
        assert child.stdin
        child.stdin.write(task(tmp_path / "new"))
        time.sleep(1.0)  # until it is at its work
        assert child.poll() is None
        child.stdin.close()
        status = child.wait(10)

    assert status in (-9, os.EX_UNAVAILABLE)


def test_without_a_task_it_ends(tmp_path: Path) -> None:
    """Whoever started it died before."""
    found = subprocess.run(
        COMMAND, input=b"", capture_output=True, env=ENV, check=False, cwd=tmp_path
    )

    assert (1, b"") == (found.returncode, found.stdout)


def test_a_manifest_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    """It is said in the proof, as of any fault."""
    release = candidate(tmp_path / "new", {"net.onnx": candidates.double()})
    (release.path / "model.yaml").write_text("format: 1\nname: [")

    with started() as child:
        assert child.stdin and child.stdout  # noqa: PT018
        child.stdin.write(task(release.path))
        answer = child.stdout.read()

    assert "model.yaml" in json.loads(answer)["problem"]
