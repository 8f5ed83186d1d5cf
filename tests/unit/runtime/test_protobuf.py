"""The fields of a protobuf message, without a schema."""

import pytest

from edged.errors import BadModel
from edged.runtime import protobuf
from edged.runtime.protobuf import Field, Fields, Wire


def _split(data: bytes) -> list[Field]:
    return list(Fields("m.onnx", memoryview(data)).split(0, len(data)))


def test_every_way_to_write_a_value_is_split() -> None:
    """A varint's value, and where the others begin and end."""
    data = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x1d1234" + b"\x2112345678"

    assert _split(data) == [
        (1, Wire.VARINT, 150, 3),
        (2, Wire.LENGTH, 5, 8),
        (3, Wire.FIXED32, 9, 13),
        (4, Wire.FIXED64, 14, 22),
    ]


def test_a_value_of_ten_bytes_keeps_64_bits() -> None:
    """A negative number is written so."""
    ((_, _, value, _),) = _split(b"\x08" + b"\xff" * 9 + b"\x7f")

    assert value == (1 << 64) - 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x08\x80",
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x0a\x02a",
        b"\x0d123",
        b"\x091234567",
        b"\x02\x00",
        b"\x0b",
        b"\x0f",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    """It breaks off, has a field 0, or a wire type that ONNX never uses."""
    with pytest.raises(BadModel, match="not a whole ONNX file"):
        _split(data)


def test_a_tag_beyond_32_bits_is_refused() -> None:
    """Protobuf's parser would cut it to field 7, and see a graph that we did not."""
    with pytest.raises(BadModel, match="not a whole ONNX file"):
        _split(b"\xba\x80\x80\x80\x10\x00")


def test_a_message_ends_where_it_says() -> None:
    """A value that leaves it is none, even where the file goes on."""
    with pytest.raises(BadModel, match="breaks off"):
        list(Fields("m", memoryview(b"\x0a\x02ab")).split(0, 3))


def test_packed_numbers_count_as_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand of them are as much work as fields are."""
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 3)
    fields = Fields("m", memoryview(bytes(4)))

    with pytest.raises(BadModel, match="more than 3 fields"):
        list(fields.packed(0, 4))
