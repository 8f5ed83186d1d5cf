"""What a tensor of an ONNX file claims, held against what there is."""

from collections.abc import Sequence

import pytest

from edged.errors import BadModel
from edged.runtime.onnx_bounds import Piece, tensor
from edged.runtime.protobuf import Fields
from tests.data.onnx_files import FLOAT, INT64, STRING, external_tensor, field
from tests.data.onnx_files import tensor as written

INT4, BFLOAT16, COMPLEX128 = 22, 16, 15
_UNKNOWN = 99


def _read(data: bytes) -> Piece | None:
    return tensor(Fields("m.onnx", memoryview(data)), 0, len(data))


@pytest.mark.parametrize(
    "data",
    [
        written(field(9, bytes(16))),
        written(field(4, bytes(16))),
        written(*[b"\x25\0\0\0\0"] * 4),  # float_data, not packed
        written(field(7, b"\x01\x80\x01\x02\x03"), kind=INT64),
        written(*[field(7, 1)] * 4, kind=INT64),
        written(*[field(6, "")] * 4, kind=STRING),
        written(field(9, bytes(2)), dims=[3], kind=INT4),
        written(field(5, bytes(2)), dims=[3], kind=INT4),
        written(field(9, bytes(8)), kind=BFLOAT16),
        written(field(9, bytes(16)), dims=[], kind=COMPLEX128),
        written(dims=[0, 1 << 40]),
        written(kind=_UNKNOWN),
        field(1, b"\x02\x02") + field(2, FLOAT) + field(9, bytes(16)),  # packed dims
    ],
)
def test_a_tensor_that_holds_what_it_claims_is_taken(data: bytes) -> None:
    """In each of the ways to write one; a kind of tomorrow is the runtime's."""
    assert _read(data) is None


@pytest.mark.parametrize(
    "data",
    [
        written(field(9, bytes(15))),
        written(field(4, bytes(3))),
        written(),
        written(field(7, b"\x01\x02\x03"), kind=INT64),
        written(field(9, b"\0"), dims=[3], kind=INT4),
        written(field(5, b"\0"), dims=[3], kind=INT4),
        written(field(9, bytes(100)), dims=[1 << 30]),
        field(1, b"\x02\x03") + field(2, FLOAT) + field(9, bytes(16)),
    ],
)
def test_a_tensor_that_claims_more_than_it_holds_is_refused(data: bytes) -> None:
    """Before memory is set aside for it."""
    with pytest.raises(BadModel, match=r"elements, which take \d+ bytes, and holds"):
        _read(data)


def test_texts_are_counted() -> None:
    """An empty one is one."""
    with pytest.raises(BadModel, match="has 4 texts, and holds 3"):
        _read(written(*[field(6, "")] * 3, kind=STRING))


@pytest.mark.parametrize(
    "dims", [[(1 << 40) + 1], [1 << 20, 1 << 21], [0, 1 << 62], [2] * 1000]
)
def test_more_elements_than_anything_has_are_refused(dims: Sequence[int]) -> None:
    """Also where a zero would make them none: others multiply in another order."""
    with pytest.raises(BadModel, match="claims more than 1099511627776 elements"):
        _read(written(dims=dims))


def test_a_negative_dimension_is_refused() -> None:
    """Two of them make a positive size."""
    with pytest.raises(BadModel, match="negative dimension"):
        _read(written(dims=[(1 << 64) - 1]))


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({}, 16),
        ({"offset": "100"}, 116),
        ({"offset": "100", "length": "16"}, 116),
        ({"offset": "100", "length": "20"}, 120),
    ],
)
def test_a_tensor_elsewhere_tells_where_it_ends(more: dict[str, str], end: int) -> None:
    """By its length, else by what its elements take."""
    assert _read(external_tensor("w", "f", **more)) == Piece(
        tensor="w", location="f", end=end
    )


@pytest.mark.parametrize("number", ["", "-1", "+1", " 1", "1_0", "0x1", "1" * 20, "²"])
@pytest.mark.parametrize("key", ["offset", "length"])
def test_a_number_that_is_none_is_refused(key: str, number: str) -> None:
    """Each runtime would read its own into it."""
    with pytest.raises(BadModel, match=f"says {key} .* no number of bytes"):
        _read(external_tensor("w", "f", **{key: number}))


def test_a_length_below_what_the_elements_take_is_refused() -> None:
    """Whatever the file has behind it."""
    with pytest.raises(BadModel, match="take 16 bytes, and holds 15"):
        _read(external_tensor("w", "f", length="15"))


def test_two_locations_are_refused() -> None:
    """Runtimes disagree which one counts."""
    second = field(13, field(1, "location") + field(2, "g"))

    with pytest.raises(BadModel, match="says location twice"):
        _read(external_tensor("w", "f") + second)


def test_a_place_without_a_name_is_one() -> None:
    """It leads nowhere, which whoever looks there says."""
    piece = _read(written(field(14, 1)))

    assert piece == Piece(tensor="w", location="", end=16)
