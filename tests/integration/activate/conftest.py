"""A box for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.box import Box
from tests.fakes.files import RecordingFiles


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """Return a started box whose disk can be told to fail."""
    made = Box(tmp_path, files=RecordingFiles())
    await made.start()
    yield made
    made.close()
