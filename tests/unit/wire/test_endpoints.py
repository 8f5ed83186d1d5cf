"""The control API's table."""

import re

import msgspec
import pytest

from edged.wire.endpoint import Access, Body, Endpoint
from edged.wire.endpoints import TABLE

Row = Endpoint[msgspec.Struct, msgspec.Struct]
every_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.path)


@every_row
def test_only_a_post_has_an_effect(row: Row) -> None:
    """A GET may be repeated by any client, so it needs no right and has no body."""
    is_get = row.method == "GET"

    assert row.method in {"GET", "POST"}
    assert is_get == (row.body is Body.NONE)
    assert not (is_get and row.access is not Access.READ)


@every_row
def test_a_path_parameter_is_a_field_of_the_request(row: Row) -> None:
    """The client moves the field into the path, the server back."""
    named = set(re.findall(r"{(\w+)}", row.path))

    assert named <= set(row.request.__struct_fields__)


@every_row
def test_a_request_is_strict_and_an_answer_tolerant(row: Row) -> None:
    """A misspelt field is an error; a newer daemon may say more."""
    actual = [
        kind.__struct_config__.forbid_unknown_fields
        for kind in (row.request, row.answer)
    ]

    assert [True, False] == actual


@every_row
def test_an_answer_names_its_schema(row: Row) -> None:
    """`edgectl --json` prints it, and scripts rely on it."""
    fields = msgspec.structs.fields(row.answer)
    schema = next(field.default for field in fields if field.name == "schema")

    assert re.fullmatch(r"edged\.[a-z.]+/[1-9]", schema)


def test_rows_differ() -> None:
    """No two rows have the same method and path."""
    ways = [(row.method, row.path) for row in TABLE]

    assert len(TABLE) == len(set(ways))
