"""A box with a stateless and a stateful model for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.box import Box, bundle, totals


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """Return a box with a stateless and a stateful model."""
    made = Box(tmp_path)
    await made.start()
    await made.install(bundle())
    await made.install(totals())
    yield made
    made.close()
