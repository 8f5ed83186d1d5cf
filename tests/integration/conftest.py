"""Daemons for tests, each in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.daemon import ROOT, Daemon, running, short_home


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a folder with a short path."""
    with short_home() as made:
        yield made


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    """Return a running daemon without a model."""
    with running(home) as started:
        yield started


@pytest.fixture(scope="session")
def heldout() -> tuple[np.ndarray, np.ndarray]:
    """Return the demo's held-out images as the model takes them, and their labels."""
    with np.load(ROOT / "demo" / "heldout.npz") as data:
        images = (data["images"] / np.float32(255)).astype("<f4")
        return images.reshape(-1, 1, 1, 8, 8), data["labels"]
