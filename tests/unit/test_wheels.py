"""What the Debian package holds is what everything else was tested with."""

import re
from pathlib import Path

import edged
from tools import licences, wheels

ROOT = Path(__file__).resolve().parents[2]


def test_the_lock_pins_what_the_constraints_pin() -> None:
    """`python3 -m tools.wheels lock` was run after the last `make pins`."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if "==" in line)
    constraints = {re.sub(r"[-_.]+", "-", name): pin for name, pin in pins.items()}

    strays = {
        name: version
        for name, version in wheels.locked().items()
        if constraints.get(name) != version
    }

    assert {} == strays


def test_the_lock_has_all_that_edged_needs() -> None:
    """A need that pyproject.toml got is in the package, too."""
    names = {re.split(r"[^A-Za-z0-9_.-]", need)[0] for need in wheels.needs()}

    missing = {name.lower() for name in names} - set(wheels.locked())

    assert set() == missing


def test_every_wheel_has_its_hash() -> None:
    """Nothing comes into the package by its name alone."""
    lines = [line for line in wheels.LOCK.read_text().splitlines() if "==" in line]

    assert [] == [line for line in lines if " --hash=sha256:" not in line]


def test_the_terms_of_every_wheel_are_told() -> None:
    """debian/copyright speaks of the versions that the lock has, and of no other."""
    told = re.findall(
        r"^ (\S+) (\S+)\. See", licences.COPYRIGHT.read_text(), re.MULTILINE
    )
    named = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in told}

    assert wheels.locked() == named


def test_the_package_has_the_version_of_the_program() -> None:
    """The changelog's first line and `edgectl version` say the same."""
    first = (ROOT / "debian/changelog").read_text().partition("\n")[0]

    assert first.startswith(f"edged ({edged.__version__}) ")
