"""Fixtures for every test."""

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


@pytest.fixture(scope="session")
def models() -> Path:
    """Return the folder of real models, or skip where it is not beside the checkout."""
    if not MODELS.is_dir():
        pytest.skip(f"real models are not on this machine: no {MODELS}")
    return MODELS
