"""The public names."""

import pytest

import edged.client


@pytest.mark.parametrize("name", edged.client.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Imported when it is asked for."""
    found = getattr(edged.client, name)

    assert name == found.__name__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = edged.client.Nothing
