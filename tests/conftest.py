"""Fixtures for every test."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Before any import of onnxruntime: its Linux wheel carries a telemetry client.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# A busy machine is no failure; pytest's own timeout bounds each test.
settings.register_profile("edged", deadline=None)
settings.load_profile("edged")

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"


def pytest_collection_finish() -> None:
    """Keep what was imported out of each collection, as the daemon does."""
    _freeze()


@pytest.fixture(autouse=True, scope="module")
def _light() -> Iterator[None]:
    """Keep what stays of each module out of the collections that follow.

    A closed release collects garbage, and the power cuts alone close a thousand: after
    some thousand tests each would walk a heap of half a gigabyte.
    """
    yield
    _freeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def models() -> Path:
    """Return the folder of real models, or skip where it is not beside the checkout."""
    if not MODELS.is_dir():
        pytest.skip(f"real models are not on this machine: no {MODELS}")
    return MODELS
