"""What the package is made of: complete, valid, and the same each time."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools import sbom, wheels


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Return the document as a reader sees it."""
    return dict(json.loads(sbom.PAGE.read_text()))


def test_the_document_is_fresh() -> None:
    """`make sbom` writes it; the same inputs give the same bytes."""
    assert sbom.page() == sbom.PAGE.read_text()


def test_it_is_valid_by_the_schema() -> None:
    """Of CycloneDX 1.6, strictly: no key that it does not have."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)

    assert validator.validate_str(sbom.PAGE.read_text()) is None


def test_it_has_every_wheel_with_hash_and_licence(told: dict[str, Any]) -> None:
    """Those of the lock that the package is built from, and no others."""
    parts = told["components"]
    bare = [part["name"] for part in parts if not part.get("licenses")]
    hashes = {one["content"] for part in parts for one in part["hashes"]}

    assert wheels.locked() == {part["name"]: part["version"] for part in parts}
    assert [] == bare
    assert wheels.LOCK.read_text().count("--hash=") == len(hashes)


def test_every_wheel_has_somebody_who_needs_it(told: dict[str, Any]) -> None:
    """A wheel that nobody needs should not be on a box."""
    needs = {one["ref"]: one.get("dependsOn", []) for one in told["dependencies"]}
    found, left = set(), ["edged"]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += needs[name]

    orphans = {part["bom-ref"] for part in told["components"]} - found

    assert set() == orphans
