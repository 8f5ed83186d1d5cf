"""Fixtures for every test."""

import gc
import os
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
    """Keep what was imported out of each collection, as the daemon does.

    A closed release collects garbage: over all that 4,500 tests have imported that
    takes 0.1 s, and the power cuts close a thousand.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def models() -> Path:
    """Return the folder of real models, or skip where it is not beside the checkout."""
    if not MODELS.is_dir():
        pytest.skip(f"real models are not on this machine: no {MODELS}")
    return MODELS
