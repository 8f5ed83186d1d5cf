"""Machines for the tests: one of each Debian, booted once for a module."""

from collections.abc import Iterator

import pytest

from tests.system.images import PYTHONS, image
from tests.system.machine import Machine, booted, needs


@pytest.fixture(scope="session", autouse=True)
def _bootable() -> None:
    """Skip where no machine can be booted."""
    if why := needs():
        pytest.skip(why)


@pytest.fixture(scope="module", params=PYTHONS)
def bare(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Boot a Debian that never heard of edged."""
    with booted([image(request.param)]) as machine:
        yield machine
