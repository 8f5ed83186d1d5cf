"""What msgspec raises for bytes that are no document."""

import msgspec
import pytest

from edged.wire.names import Trust
from edged.wire.unreadable import UNREADABLE


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (str, b'"\xff"'),
        (dict[str, str], b'{"\xff": "a"}'),
        (str, b"1"),
        (str, b'"a'),
        (str, b""),
        (Trust, b'"nobody"'),
        (object, b"[" * 100_000),
    ],
)
def test_bytes_that_are_no_document_are_all_caught(kind: type, data: bytes) -> None:
    """Whatever is wrong with them."""
    with pytest.raises(UNREADABLE):
        msgspec.json.decode(data, type=kind)
