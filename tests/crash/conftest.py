"""What all crash tests need: a heap that is cheap to look through."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _frozen() -> Iterator[None]:
    """Leave what earlier tests hold out of every collection.

    A release collects garbage when it closes, and the explorer closes hundreds: after
    some thousand tests each would walk a heap of half a gigabyte.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
