"""The control API as an OpenAPI document, printed from the endpoint table.

`python -m edged.api.openapi > docs/reference/openapi.json`; a test keeps it fresh.
"""

import inspect
import sys
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from edged import __version__
from edged.api.problems import PROBLEM_JSON
from edged.wire.endpoint import Access, Body, Endpoint
from edged.wire.endpoints import TABLE
from edged.wire.messages import Problem

Json = dict[str, Any]  # a document that others specify
Row = Endpoint[msgspec.Struct, msgspec.Struct]

_REF = "#/components/schemas/{name}"


def document() -> Json:
    """Return the OpenAPI 3.1 document."""
    types = {row.answer for row in TABLE} | {row.request for row in TABLE} | {Problem}
    ordered = sorted(types, key=lambda kind: kind.__name__)
    components = _schemas(ordered)
    paths: Json = {}
    for row in TABLE:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edged control API",
            "version": __version__,
            "description": "HTTP/1.1 over the Unix socket /run/edged/control.sock.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost"}],
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items()))},
    }


def _schemas(types: Sequence[type[msgspec.Struct]]) -> Json:
    _, components = msgspec.json.schema_components(
        types,
        ref_template=_REF,
        schema_hook=lambda _kind: {"description": "Any JSON value."},  # `object`
    )
    for schema in components.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return components


_WHO = {
    Access.READ: "everybody",
    Access.DELIVER: "root, administrators, and the updater's user with a `source`,",
    Access.ADMIN: "root and administrators",
}


def _operation(row: Row) -> Json:
    operation: Json = {
        "summary": row.summary,
        "description": f"For {_WHO[row.access]} who can connect.",
        "x-access": row.access.value,
        "parameters": _parameters(row),
        "responses": {
            f"{HTTPStatus.OK.value}": _content("Done.", "application/json", row.answer),
            "default": _content("A problem.", PROBLEM_JSON, Problem),
        },
    }
    if row.body is Body.TAR:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/x-tar": {}},
        }
    elif row.body is Body.JSON:
        schema = {"$ref": _REF.format(name=row.request.__name__)}
        operation["requestBody"] = {
            "description": "Fields that the path gives may be left out.",
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(row: Row) -> list[Json]:
    """Return the fields that stand in the path, and those of a query."""
    properties: Json = _schemas([row.request])[row.request.__name__]["properties"]
    found = []
    for name, schema in properties.items():
        in_path = f"{{{name}}}" in row.path
        if in_path or row.body is not Body.JSON:
            place = "path" if in_path else "query"
            found.append(
                {"name": name, "in": place, "required": in_path, "schema": schema}
            )
    return found


def _content(description: str, kind: str, answer: type[msgspec.Struct]) -> Json:
    schema = {"$ref": _REF.format(name=answer.__name__)}
    return {"description": description, "content": {kind: {"schema": schema}}}


def text() -> str:
    """Return the document as the file has it."""
    raw = msgspec.json.encode(document(), order="sorted")
    return msgspec.json.format(raw, indent=2).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
