"""What a model may be called in a request."""

import msgspec
import pytest

from edged.wire.names import Name


@pytest.mark.parametrize("name", ["digits", "a", "0", "a.b_c-d", "a" * 64])
def test_a_name_is_taken(name: str) -> None:
    """Lower case, digits, and three signs that are harmless in a path."""
    assert name == msgspec.convert(name, Name)


@pytest.mark.parametrize("name", ["", "..", ".a", "a/b", "A", "a\n", "a" * 65, "é"])
def test_what_could_lead_out_of_a_folder_is_no_name(name: str) -> None:
    """Nor what a shell or a log would misread."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, Name)
