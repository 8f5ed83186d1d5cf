"""What a publisher is told."""

import msgspec
import pytest

from edged.publish import documents


@pytest.mark.parametrize(
    "kind",
    [
        documents.Added,
        documents.Changed,
        documents.Published,
        documents.Pushed,
        documents.Verified,
    ],
)
def test_a_document_says_which_it_is(kind: type[msgspec.Struct]) -> None:
    """By a schema of its own, with a number."""
    fields = {field.name: field.default for field in msgspec.structs.fields(kind)}

    name, _, number = str(fields["schema"]).partition("/")

    assert ("edged.", "1") == (name[:6], number)


def test_no_two_documents_have_one_schema() -> None:
    """A script tells them apart by it."""
    kinds = [
        kind
        for kind in vars(documents).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and "schema" in kind.__struct_fields__
    ]

    schemas = {
        field.default
        for kind in kinds
        for field in msgspec.structs.fields(kind)
        if field.name == "schema"
    }

    assert len(kinds) == len(schemas) == 5
