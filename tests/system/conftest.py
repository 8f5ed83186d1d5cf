"""Machines for the tests: one of each Debian with edged, and one without."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.box import Box, installed
from tests.system.images import PYTHONS, image
from tests.system.machine import Machine, booted, needs
from tests.system.program import program


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


@pytest.fixture(scope="session")
def boxes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Box]]:
    """Return the machine of a suite with edged in it; each is booted once."""
    found: dict[str, Box] = {}
    with ExitStack() as stack:

        def box(suite: str) -> Box:
            if suite not in found:
                work: Path = tmp_path_factory.mktemp(suite)
                layers = [program(suite, work), image(suite)]
                machine = stack.enter_context(booted(layers))
                found[suite] = installed(machine)
            return found[suite]

        yield box


@pytest.fixture(params=PYTHONS)
def box(request: pytest.FixtureRequest, boxes: Callable[[str], Box]) -> Box:
    """Return a machine that serves the demo's model, as each test finds it."""
    box = boxes(request.param)
    box.mend()
    return box
