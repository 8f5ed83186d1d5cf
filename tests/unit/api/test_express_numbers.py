"""Texts that are known but for their numbers say what the whole text says."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.api.express_numbers import cut, only_array
from edged.errors import EdgedError
from edged.wire import oip
from edged.wire.tensorbytes import Array


def text_of(data: str, datatype: str = "FP32", shape: str = "[2]") -> bytes:
    """Write a request by hand."""
    tensor = f'"name":"x","datatype":"{datatype}","shape":{shape},"data" : [{data}]'
    return f'{{"id":"7","inputs":[{{{tensor}}}],"outputs":[{{"name":"y"}}]}}'.encode()


def read(text: bytes) -> oip.Asked:
    """Read all of a text."""
    return oip.read_request(memoryview(text), None)


def by_frame(text: bytes, known: bytes) -> dict[str, Array] | None:
    """Read a text by what is known of another."""
    numbers, found, frame = only_array(known, read(known)), cut(text), cut(known)
    assert numbers is not None
    assert found is not None
    assert frame is not None
    assert found[0] == frame[0]
    return numbers.read(found[1])


@given(
    data=st.text(alphabet='0123456789.,-+eE "[]{}nul\\', max_size=12)
    | st.lists(
        st.floats(width=32)
        | st.integers(-(2**66), 2**66)
        | st.sampled_from([None, True, "1", [1], {}, 1e300]),
        max_size=3,
    ).map(lambda values: json.dumps(values)[1:-1]),
    datatype=st.sampled_from(["FP32", "FP64", "INT8", "UINT64", "INT64"]),
)
def test_a_known_text_is_read_as_a_whole_one(data: str, datatype: str) -> None:
    """Whatever stands for the numbers: the same tensor, or left to the other reader."""
    text, known = text_of(data, datatype), text_of("1, 2", datatype)
    found = cut(text)
    if found is None or found[0] != cut(known)[0]:  # type: ignore[index]
        return  # another frame: not by this one
    try:
        expected = read(text).inputs["x"]
    except EdgedError:
        assert by_frame(text, known) is None
        return

    got = by_frame(text, known)

    assert got is not None
    assert (expected.dtype, expected.shape) == (got["x"].dtype, got["x"].shape)
    np.testing.assert_array_equal(expected, got["x"])


@pytest.mark.parametrize(
    "text",
    [
        text_of("[1, 2]", shape="[1,2]"),  # nested
        text_of("true, false", "BOOL"),
        text_of('"a", "b"', "BYTES"),
        text_of("", shape="[0]"),
        text_of("1, 2").replace(b'"id":"7"', b'"id":"\\n"'),  # escapes: not looked into
        text_of("1, 2").replace(b'"id":"7"', b'"id":"data"'),  # the word twice
        text_of("1, 2").replace(b'"id":"7"', b'"more":{"data":[3,4]}'),
        text_of("1, 2")
        .replace(b'"data"', b'"d\\u0061ta"')
        .replace(b'"id":"7"', b'"more":{"data":[1,2]}'),
    ],
)
def test_a_text_that_could_say_more_is_not_kept(text: bytes) -> None:
    """Its numbers may not be all that changes, or not be where they seem."""
    assert only_array(text, read(text)) is None


@pytest.mark.parametrize("text", [b"", b'"data"', b'{"data":[', b'{"inputs":[1'])
def test_a_text_without_an_array_is_not_cut(text: bytes) -> None:
    """There is nothing to know it by."""
    assert cut(text) is None


def test_it_says_what_it_reads() -> None:
    """For people."""
    text = text_of("1, 2")

    assert "FP32[2] in JSON" == repr(only_array(text, read(text)))
