"""What the verbs of `edgectl publish` share."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Publish = Callable[..., tuple[int, str, str]]


def test_the_folder_is_this_one_by_default(
    edgectl: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with git."""
    monkeypatch.chdir(tmp_path)

    code, out, _ = edgectl("publish", "init")

    assert (0, True) == (code, (tmp_path / "repository").is_dir())
    assert f"boxes need {tmp_path}/repository" in out


def test_keys_may_be_on_a_stick(publish: Publish, repo: Path, tmp_path: Path) -> None:
    """And nowhere else."""
    shutil.move(repo / "keys", tmp_path / "stick")

    without = publish("renew")
    found = publish("renew", "--keys", tmp_path / "stick")

    assert (1, 0) == (without[0], found[0])


def test_what_waits_is_in_the_document_too(publish: Publish, repo: Path) -> None:
    """A script need not read what is said to people."""
    shutil.rmtree(repo / "keys")

    _, out, err = publish("sign", "targets", "--json")

    (waiting,) = json.loads(out)["settled"]["waiting"]
    assert ("targets", 2, 0, 1) == (
        waiting["role"],
        waiting["version"],
        waiting["signatures"],
        waiting["threshold"],
    )
    assert "" == err
