"""Candidates are what they say: whole releases whose files hold together."""

import hashlib
from pathlib import Path

import pytest

from edged.runtime import golden
from edged.store.manifest import read_manifest
from tests.fakes import candidates
from tests.fakes.candidates import GOLDEN, candidate


def test_a_candidate_is_a_whole_release(tmp_path: Path) -> None:
    """Its manifest reads, and names every file by its digest."""
    release = candidate(tmp_path / "new", {"net.onnx": candidates.double()})
    text = (release.path / "model.yaml").read_bytes()

    read = read_manifest(text, "model.yaml")

    assert (release.manifest, release.digest) == (
        read,
        hashlib.sha256(text).hexdigest(),
    )
    for name, entry in read.files.items():
        data = (release.path / name).read_bytes()
        assert (entry.sha256, entry.size) == (
            hashlib.sha256(data).hexdigest(),
            len(data),
        )
    assert 4 == golden.read(release.path / GOLDEN, read.signature).samples


@pytest.mark.parametrize("answers", [None, candidates.X])
def test_it_may_come_without_golden_answers(tmp_path: Path, answers: object) -> None:
    """Then there is no such file either."""
    release = candidate(
        tmp_path / "new",
        {"net.onnx": candidates.double()},
        answers=answers,  # type: ignore[arg-type]
    )

    assert (answers is not None) is (release.path / GOLDEN).exists()
