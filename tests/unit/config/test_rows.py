"""The table of settings: no field is left out, and keys are as people write them."""

from edged.config.rows import SECTIONS, SETTINGS


def test_every_field_of_every_section_is_a_setting() -> None:
    """A field without an annotation would be a setting that nobody can write."""
    fields = [
        (section, field)
        for section, struct in SECTIONS.items()
        for field in struct.__struct_fields__
    ]

    found = [(row.section, row.field) for row in SETTINGS if row.section]

    assert fields == found


def test_keys_are_kebab_case() -> None:
    """As an administrator writes them."""
    keys = [row.key for row in SETTINGS]

    assert "server.head-timeout" in keys
    assert all("_" not in key for key in keys)
