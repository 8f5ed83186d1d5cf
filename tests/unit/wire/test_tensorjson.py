"""Tensors as JSON: exact, in range, regular."""

import json

import numpy as np
import pytest

from edged.errors import EdgedError, InvalidRequest, TooLarge
from edged.wire import tensorjson
from edged.wire.tensors import Datatype


def read(text: str, datatype: Datatype, shape: tuple[int, ...]) -> np.ndarray:
    """Read the data of a document that has nothing else."""
    document = memoryview(f'{{"data": {text}}}'.encode())
    source = tensorjson.load(document, "the request")["data"]
    found = tensorjson.read_tensor(source, datatype, shape, "input 'x'")
    tensorjson.check_no_hidden_arrays(document, [found], 0, "the request")
    return found.tensor


@pytest.mark.parametrize("datatype", [Datatype.INT64, Datatype.UINT64])
def test_64_bit_integers_are_exact(datatype: Datatype) -> None:
    """Neither end of the range goes through a double."""
    limits = np.iinfo(datatype.numpy_name)
    numbers = [limits.min, limits.max, limits.max - 1]

    tensor = read(json.dumps(numbers), datatype, (3,))

    assert tensor.tolist() == numbers


@pytest.mark.parametrize(
    "datatype",
    [d for d in Datatype if np.dtype(d.numpy_name).kind in "iu"],
)
def test_integers_out_of_range_are_refused(datatype: Datatype) -> None:
    """One below the least and one above the greatest."""
    limits = np.iinfo(datatype.numpy_name)

    for number in (int(limits.min) - 1, int(limits.max) + 1):
        with pytest.raises(EdgedError, match="fit"):
            read(f"[{number}]", datatype, (1,))


@pytest.mark.parametrize(
    "text", ["[1.0]", "[1e2]", "[true]", "[null]", '["1"]', "[{}]"]
)
def test_integers_take_nothing_else(text: str) -> None:
    """A float is not rounded, a boolean not counted."""
    with pytest.raises(EdgedError, match="INT32 takes integers only"):
        read(text, Datatype.INT32, (1,))


def test_floats_take_integers() -> None:
    """`1` is as good as `1.0`; mixtures too."""
    tensor = read("[1, 2.5, -3, 18446744073709551615]", Datatype.FP64, (4,))

    assert tensor.tolist() == [1.0, 2.5, -3.0, 2.0**64]


def test_fp32_overflow_is_refused_and_its_greatest_value_is_not() -> None:
    """Nothing becomes infinite on the way in."""
    greatest = float(np.finfo(np.float32).max)

    assert read(f"[{greatest!r}]", Datatype.FP32, (1,))[0] == np.float32(greatest)
    with pytest.raises(EdgedError, match="does not fit in FP32"):
        read("[3.5e38]", Datatype.FP32, (1,))


@pytest.mark.parametrize("text", ["[NaN]", "[1, -Infinity]", '{"a": nan}', "[1, inf]"])
def test_numbers_that_json_does_not_have_are_named(text: str) -> None:
    """The way out is binary data."""
    with pytest.raises(InvalidRequest, match="NaN and infinities") as caught:
        read(text, Datatype.FP32, (1,))

    assert "binary_data_size" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[1, 2, 3, 4]", (2, 2)),
        ("[[1, 2], [3, 4]]", (2, 2)),
        ("[[[1], [2]], [[3], [4]]]", (2, 2, 1)),
        ("[1]", ()),
        ("[]", (0,)),
        ("[]", (0, 3)),
        ("[[], []]", (2, 0)),
        ("[]", (2, 0)),
    ],
)
def test_flat_and_nested_data_give_the_shape(text: str, shape: tuple[int, ...]) -> None:
    """Both forms of the protocol, empty tensors and scalars included."""
    for datatype in (Datatype.FP32, Datatype.INT8):
        assert read(text, datatype, shape).shape == shape
    strings = text.translate({ord(c): f'"{c}"' for c in "1234"})
    assert read(strings, Datatype.BYTES, shape).shape == shape
    truths = text.translate({ord(c): "true" for c in "1234"})
    assert read(truths, Datatype.BOOL, shape).shape == shape


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[[1, 2], [3]]", (2, 2)),
        ("[[1, 2], 3, 4]", (2, 2)),
        ("[1, [2, 3], 4]", (4,)),
        ("[1, [2]]", (2,)),
        ("[[1], 2]", (2,)),
        ("[[1, [2]], [3, 4]]", (2, 2)),
        ("[[[1], 2], [3, 4]]", (2, 2)),
        ("[[1, 2], [3, []]]", (2, 2)),
        ("[[1], [2]]", (2,)),
        ("[[1, 2, 3, 4]]", (2, 2)),
        ("[[]]", (0,)),
        ("[[1, 2]]", (2, 1)),
    ],
)
@pytest.mark.parametrize("datatype", [Datatype.FP32, Datatype.BYTES, Datatype.BOOL])
def test_ragged_data_is_refused(
    datatype: Datatype, text: str, shape: tuple[int, ...]
) -> None:
    """Data that flattens to the right count is refused where it nests wrongly."""
    digit = {Datatype.BYTES: '"{}"', Datatype.BOOL: "true"}.get(datatype, "{}")
    written = text.translate({ord(c): digit.format(c) for c in "1234"})

    with pytest.raises(EdgedError):
        read(written, datatype, shape)


def test_brackets_in_strings_are_no_arrays() -> None:
    """A `[` in text costs a second look and nothing else."""
    tensor = read('["[", "[["]', Datatype.BYTES, (2,))

    assert tensor.tolist() == [b"[", b"[["]


def test_json_has_a_limit() -> None:
    """Over it nothing is parsed."""
    text = memoryview(bytes(tensorjson.MAX_JSON_BYTES + 1))

    with pytest.raises(TooLarge, match="67108865 bytes, the limit is 67108864"):
        tensorjson.load(text, "the request")


def test_json_values_have_a_limit() -> None:
    """The greatest number is read to the last; more would need too much memory."""
    most = tensorjson.MAX_JSON_VALUES
    text = "[" + "1," * (most - 1) + "7]"

    assert read(text, Datatype.UINT8, (most,))[-1] == 7
    with pytest.raises(TooLarge, match="over 4194304 values"):
        read(text.replace("7]", "7,7,7]"), Datatype.UINT8, (most + 2,))


@pytest.mark.parametrize("depth", [1_000, 5_000, 500_000])
def test_deep_json_is_refused(depth: int) -> None:
    """However deep, it is told and nothing overflows."""
    with pytest.raises(EdgedError):
        read("[" * depth + "]" * depth, Datatype.FP32, (1,))


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([[1.5, -0.0]]), "[1.5,-0.0]"),
        (np.array([2**64 - 1], np.uint64), "[18446744073709551615]"),
        (np.array([True, False]), "[true,false]"),
        (np.array([b"a", "\u00fc"], object), '["a","\u00fc"]'),
        (np.array(7, np.int8), "[7]"),
        (np.empty((0, 2), np.float32), "[]"),
    ],
)  # fmt: skip
def test_tensors_are_written_flat(array: np.ndarray, text: str) -> None:
    """Row-major, exact, as JSON has it."""
    assert bytes(tensorjson.write_tensor(array, "output 'y'")).decode() == text


@pytest.mark.parametrize(
    "array",
    [
        np.array([np.nan], np.float32),
        np.array([-np.inf]),
        np.array([1], np.float16),
        np.array([b"\xff"], object),
    ],
)
def test_what_json_cannot_say_is_refused(array: np.ndarray) -> None:
    """The hint tells how to ask for it."""
    with pytest.raises(InvalidRequest) as caught:
        tensorjson.write_tensor(array, "output 'y'")

    assert '"binary_data": true' in caught.value.hint
