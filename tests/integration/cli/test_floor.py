"""A model in this process, from the store of a real daemon."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edged.cli import floor
from edged.client import Control
from edged.errors import BadRelease, NotPermitted, UnknownVariant
from edged.wire.endpoints import MODEL
from edged.wire.messages import ModelDetail, ModelName
from tests.fakes.daemon import Daemon

X = np.linspace(0, 1, 64, dtype="<f4").reshape(1, 1, 8, 8)


@pytest.fixture
def detail(box: Daemon) -> ModelDetail:
    """Return what the daemon says about its model."""
    with Control(box.control) as control:
        return control.call(MODEL, ModelName(name="digits"))


@pytest.mark.parametrize("variant", ["fp32", "int8", "int8-litert"])
def test_it_answers_as_the_daemon_does(
    box: Daemon, detail: ModelDetail, variant: str
) -> None:
    """The same file, the same conversion."""
    with box.client() as client:
        expected = client.infer("digits", X, variant=variant).output

    opened = floor.opened(box.state, detail, variant, threads=1)
    found = opened.run({"image": X})
    opened.close()

    np.testing.assert_array_equal(expected, found["probabilities"])


def test_a_rung_that_is_not_there_is_told(box: Daemon, detail: ModelDetail) -> None:
    """By its name."""
    with pytest.raises(UnknownVariant, match="'nix'"):
        floor.opened(box.state, detail, "nix", threads=1)


def test_another_store_is_told(home: Path, detail: ModelDetail) -> None:
    """`--state-dir` of another daemon has no such release."""
    with pytest.raises(BadRelease):
        floor.opened(home, detail, "fp32", threads=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_loads_no_file_of_another_user(
    box: Daemon, home: Path, detail: ModelDetail
) -> None:
    """A parser's bug would be root's."""
    shutil.copytree(box.state, home / "s", symlinks=True)
    for path in (home / "s").rglob("*.onnx"):
        os.chown(path, 12345, 12345)

    with pytest.raises(NotPermitted) as refusal:
        floor.opened(home / "s", detail, "fp32", threads=1)

    assert "sudo -u '#12345' edgectl bench digits" == refusal.value.hint
