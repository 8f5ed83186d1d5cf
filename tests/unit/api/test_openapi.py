"""The OpenAPI file is what the table says."""

import json
from pathlib import Path

from edged.api import openapi
from edged.wire.endpoints import TABLE

FILE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "openapi.json"


def test_the_committed_file_is_fresh() -> None:
    """`python -m edged.api.openapi > docs/reference/openapi.json` makes it so."""
    assert openapi.text() == FILE.read_text()


def test_every_row_is_described_with_its_access() -> None:
    """Also the ones that somebody adds tomorrow."""
    document = json.loads(openapi.text())

    described = {
        (method.upper(), path, operation["x-access"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert {(r.method, r.path, r.access.value) for r in TABLE} == described


def test_every_reference_leads_somewhere() -> None:
    """A reader's tool follows them."""
    document = json.loads(openapi.text())

    names = set(document["components"]["schemas"])
    referred = {
        part.partition('"')[0] for part in openapi.text().split("#/components/schemas/")
    } - {openapi.text().partition("#/components/schemas/")[0].partition('"')[0]}
    assert set() == {name for name in referred if name not in names}


def test_path_and_query_are_told_apart() -> None:
    """`name` of an install is optional and in the query."""
    document = json.loads(openapi.text())

    install = document["paths"]["/v1/install"]["post"]["parameters"]
    model = document["paths"]["/v1/models/{name}"]["get"]["parameters"]
    assert ("query", False) == (install[0]["in"], install[0]["required"])
    assert [("name", "path", True)] == [
        (one["name"], one["in"], one["required"]) for one in model
    ]
