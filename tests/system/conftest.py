"""Machines for the tests: one of each Debian with edged, and one without."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.box import Box, installed
from tests.system.images import PYTHONS, image
from tests.system.machine import Machine, booted, needs
from tests.system.package import package


@pytest.fixture(scope="session", autouse=True)
def _bootable() -> None:
    """Skip where no machine can be booted; a check that would test nothing fails."""
    if why := needs():
        (pytest.fail if "CI" in os.environ else pytest.skip)(why)


@pytest.fixture(scope="module", params=PYTHONS)
def bare(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Boot a Debian that never heard of edged."""
    with booted([image(request.param)]) as machine:
        yield machine


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the package for a suite and this machine; each is built once."""
    folder = tmp_path_factory.mktemp("packages")
    asked = ("dpkg", "--print-architecture")
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return lambda suite: package(suite, done.stdout.strip(), folder)


@pytest.fixture(scope="session")
def boxes(packages: Callable[[str], Path]) -> Iterator[Callable[[str], Box]]:
    """Return the machine of a suite with edged in it; each is booted once."""
    found: dict[str, Box] = {}
    with ExitStack() as stack:

        def box(suite: str) -> Box:
            if suite not in found:
                machine = stack.enter_context(booted([image(suite)]))
                found[suite] = installed(machine, packages(suite))
            return found[suite]

        yield box


@pytest.fixture(params=PYTHONS)
def box(request: pytest.FixtureRequest, boxes: Callable[[str], Box]) -> Box:
    """Return a machine that serves the demo's model, as each test finds it."""
    box = boxes(request.param)
    box.mend()
    return box
