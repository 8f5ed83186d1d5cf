"""Inference bodies: what goes in comes out, and nothing but `EdgedError` escapes."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.errors import EdgedError, InvalidRequest, ProtocolError
from edged.wire import oip
from edged.wire.adapt import Preference
from edged.wire.oip_options import read_options
from edged.wire.tensors import Datatype, TensorSpec

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
NUMBERS = st.sampled_from(
    ["?", "u1", "<u2", "<u4", "<u8", "i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8"]
)


@st.composite
def tensors(draw: st.DrawFn) -> np.ndarray:
    """Return an array of any datatype and shape."""
    shape = draw(SHAPES)
    if draw(st.booleans()):
        return draw(hnp.arrays(draw(NUMBERS), shape))
    strings = draw(hnp.arrays(object, shape, elements=st.binary(max_size=9)))
    return np.asarray(strings, object)


NAMED = st.dictionaries(st.text(max_size=8), tensors(), max_size=4)


def joined(encoded: oip.Encoded) -> bytes:
    """Return the body as it would be sent."""
    body = b"".join(encoded.buffers)
    assert len(body) == encoded.content_length
    return body


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    """Check names, order, dtypes, shapes and every element."""
    assert list(left) == list(right)
    for name, array in left.items():
        assert (array.dtype, array.shape) == (right[name].dtype, right[name].shape)
        np.testing.assert_array_equal(array, right[name])


@given(NAMED, st.none() | st.text(max_size=9))
def test_requests_come_out_as_they_went_in(
    inputs: dict[str, np.ndarray], request_id: str | None
) -> None:
    """What the client writes, the server reads: every datatype, every shape."""
    encoded = oip.encode_request(
        inputs, outputs=["y"], id=request_id, parameters={"timeout": 7}
    )

    asked = oip.read_request(memoryview(joined(encoded)), encoded.json_bytes)

    same(inputs, asked.inputs)
    assert asked.id == request_id
    assert asked.options.timeout == 7
    assert asked.outputs == (oip.Wanted(name="y", binary=True),)


@given(NAMED, st.data())
def test_responses_come_out_as_they_went_in(
    outputs: dict[str, np.ndarray], data: st.DataObject
) -> None:
    """What the server writes, the client reads, wherever JSON can say it."""
    as_json = {
        name
        for name, array in outputs.items()
        if array.dtype != np.float16
        and (array.dtype.kind != "f" or np.isfinite(array).all())
        and array.dtype != object
        and data.draw(st.booleans())
    }

    encoded = oip.write_response(
        model="m",
        version="1",
        id="7",
        outputs=[
            oip.Output(name=n, tensor=a, binary=n not in as_json)
            for n, a in outputs.items()
        ],
        parameters={"edged_variant": "best"},
    )
    length = None if encoded.json_bytes is None else str(encoded.json_bytes)
    answered = oip.decode_response(joined(encoded), length)

    same(outputs, answered.outputs)
    assert (answered.model, answered.version, answered.id) == ("m", "1", "7")
    assert answered.parameters == {"edged_variant": "best"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["FP32", "BYTES", "BOOL", "INT8", "x", "y"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)


def often(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return mostly what belongs there, and anything else now and then."""
    return st.one_of(strategy, strategy, strategy, JSON)


def fields(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects in which each field may be right, wrong or missing."""
    return st.fixed_dictionaries({}, optional={k: often(v) for k, v in known.items()})


PARAMETERS = fields(
    binary_data_size=st.integers(-1, 40),
    shared_memory_region=st.text(max_size=3),
    binary_data=st.booleans(),
    classification=st.integers(-1, 3),
)
REQUESTS = fields(
    id=st.text(max_size=3),
    parameters=fields(
        binary_data_output=st.booleans(),
        priority=st.integers(),
        timeout=st.integers(),
        sequence_id=st.integers() | st.text(max_size=3),
        triton_x=st.integers(),
    ),
    inputs=st.lists(
        fields(
            name=st.sampled_from(["x", "y"]),
            datatype=st.sampled_from([d.value for d in Datatype]),
            shape=st.lists(st.integers(-1, 3), max_size=3),
            parameters=PARAMETERS,
            data=st.lists(st.integers(-300, 300), max_size=9),
        ),
        max_size=3,
    ),
    outputs=st.lists(fields(name=st.just("y"), parameters=PARAMETERS), max_size=2),
)


BOOLS = {"name": "x", "datatype": "BOOL", "shape": [2], "data": [[True], True]}


@given(REQUESTS, st.binary(max_size=40), st.sampled_from(["in JSON", "behind it"]))
@example({"inputs": [BOOLS]}, b"", "in JSON")
def test_nearly_right_requests_raise_nothing_else(
    request_: Any, rest: bytes, where: str
) -> None:
    """Requests with wrong fields are refused or read, on either side."""
    text = json.dumps(request_).encode()
    length = len(text) if where == "behind it" else None

    for body, ends in ((text + rest, length), (text, None)):
        with suppress(EdgedError):
            oip.read_request(memoryview(body), ends)
        with suppress(ProtocolError):
            oip.decode_response(body, None if ends is None else str(ends))


@pytest.mark.parametrize(
    "header",
    [
        "0" * 5000,
        "9" * 5000,
        "0" * 20 + "999999",
        "11",
        "-1",
        "+1",
        "1_0",
        "٣",
        "",
        " 1",
    ],
)
def test_a_json_length_is_a_number_within_the_body(header: str) -> None:
    """Digits, at most nineteen, and what they say is compared whole."""
    with pytest.raises(InvalidRequest, match="it must be a number of bytes within"):
        oip.read_json_length(header, 10)


@pytest.mark.parametrize(("header", "ends"), [(None, None), ("0", 0), ("0010", 10)])
def test_a_json_length_tells_where_json_ends(
    header: str | None, ends: int | None
) -> None:
    """Without one it ends with the body; leading zeros are harmless."""
    assert ends == oip.read_json_length(header, 10)


@given(
    st.binary(max_size=200), st.none() | st.text(max_size=20) | st.integers().map(str)
)
def test_any_bytes_raise_nothing_else(body: bytes, header: str | None) -> None:
    """Arbitrary bytes under an arbitrary header are refused, or they are a request."""
    with suppress(EdgedError):
        ends = oip.read_json_length(header, len(body))
        oip.read_request(memoryview(body), ends)


@given(
    st.binary(max_size=64),
    st.sampled_from(Datatype),
    st.lists(st.integers(-1, 5), max_size=4),
)
def test_any_raw_body_raises_nothing_else(
    body: bytes, datatype: Datatype, shape: list[int]
) -> None:
    """A body without JSON is the one input, or it is refused."""
    spec = TensorSpec(name="x", datatype=datatype, shape=tuple(shape))
    with suppress(EdgedError):
        asked = oip.read_raw_request(memoryview(body), spec)

        assert spec.admits(asked.inputs["x"].shape)
        assert asked.options.binary_data_output


def test_raw_bytes_are_one_element() -> None:
    """A BYTES input without JSON has no length before it."""
    spec = TensorSpec(name="x", datatype=Datatype.BYTES, shape=(1,))

    asked = oip.read_raw_request(memoryview(b"\1\0\0\0"), spec)

    assert asked.inputs["x"].tolist() == [b"\1\0\0\0"]


def test_raw_body_fills_the_one_free_dimension() -> None:
    """Its size follows from the body's; two of them cannot be known."""
    body = memoryview(bytes(24))
    one = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 3))
    two = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, -1))

    assert oip.read_raw_request(body, one).inputs["x"].shape == (2, 3)
    with pytest.raises(InvalidRequest, match="2 of its dimensions are free"):
        oip.read_raw_request(body, two)


def asking(**fields_: Any) -> oip.Asked:
    """Read a request without inputs."""
    return oip.read_request(
        memoryview(json.dumps({"inputs": [], **fields_}).encode()), None
    )


def test_outputs_are_json_unless_said_otherwise() -> None:
    """`binary_data` of an output overrides `binary_data_output` of the request."""
    outputs = [
        {"name": "a"},
        {"name": "b", "parameters": {"binary_data": True}},
        {"name": "c", "parameters": {"binary_data": False}},
    ]

    plainly = asking(outputs=outputs).outputs
    in_binary = asking(outputs=outputs, parameters={"binary_data_output": True}).outputs

    assert [wanted.binary for wanted in plainly or ()] == [False, True, False]
    assert [wanted.binary for wanted in in_binary or ()] == [True, True, False]


def test_no_outputs_asks_for_all() -> None:
    """An empty list is as good as none."""
    assert asking(outputs=[]).outputs is None
    assert asking().outputs is None


REGION = {"shared_memory_region": "r", "shared_memory_byte_size": 8}


def test_an_output_in_shared_memory_says_where() -> None:
    """binary_data false beside it is what the stock client always says."""
    said = {**REGION, "shared_memory_offset": 64, "binary_data": False}

    wanted = asking(outputs=[{"name": "y", "parameters": said}]).outputs

    place = oip.Place(region="r", offset=64, size=8)
    assert wanted == (oip.Wanted(name="y", binary=False, place=place),)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"binary_data": True}, "also wanted as binary_data"),
        ({"classification": 1}, "also wanted as classification"),
        ({"shared_memory_byte_size": None}, "needs shared_memory_byte_size"),
        ({"shared_memory_region": None}, "need a shared_memory_region"),
    ],
)
def test_an_output_in_shared_memory_is_nothing_else(said: Any, told: str) -> None:
    """What the protocol forbids beside a region is refused."""
    parameters = {k: v for k, v in {**REGION, **said}.items() if v is not None}

    with pytest.raises(InvalidRequest, match=told):
        asking(outputs=[{"name": "y", "parameters": parameters}])


def test_an_input_in_shared_memory_is_told_apart() -> None:
    """It is described, not read; the body may hold others beside it."""
    given_ = {"name": "a", "datatype": "FP32", "shape": [2], "parameters": REGION}
    text = msgspec.json.encode({"inputs": [given_]})

    asked = oip.read_request(memoryview(text), None)

    expected = oip.SharedTensor(
        datatype=Datatype.FP32,
        shape=(2,),
        place=oip.Place(region="r", offset=0, size=8),
    )
    assert ({}, {"a": expected}) == (asked.inputs, asked.shared)


def test_a_placed_output_is_described_only() -> None:
    """Name, datatype and shape: its elements are where the caller wanted them."""
    tensor = np.zeros((2, 3), np.float32)

    encoded = oip.write_response(
        model="m",
        version="1",
        id=None,
        outputs=[oip.Output(name="y", tensor=tensor, binary=True, placed=True)],
    )

    said = msgspec.json.decode(b"".join(encoded.buffers))["outputs"]
    assert encoded.json_bytes is None
    assert said == [{"name": "y", "datatype": "FP32", "shape": [2, 3]}]


def placed_answer() -> tuple[bytes, str]:
    """Return an answer with `a` elsewhere, `b` in the body and `c` elsewhere."""
    tensor = np.arange(6, dtype=np.int32).reshape(2, 3)
    encoded = oip.write_response(
        model="m",
        version="1",
        id=None,
        outputs=[
            oip.Output(name=name, tensor=tensor, binary=True, placed=name != "b")
            for name in "abc"
        ],
    )
    return joined(encoded), str(encoded.json_bytes)


def test_placed_outputs_are_copied_from_where_they_lie() -> None:
    """In the answer's order, whatever comes into that memory later."""
    memory = bytearray(np.arange(10, 18, dtype="<i4").tobytes())
    view = memoryview(memory)

    answered = oip.decode_response(*placed_answer(), {"a": view, "c": view[4:]})
    memory[:] = bytes(len(memory))

    assert {
        "a": [[10, 11, 12], [13, 14, 15]],
        "b": [[0, 1, 2], [3, 4, 5]],
        "c": [[11, 12, 13], [14, 15, 16]],
    } == {name: output.tolist() for name, output in answered.outputs.items()}
    assert ["a", "b", "c"] == list(answered.outputs)


def test_a_placed_output_that_was_not_asked_for_is_no_answer() -> None:
    """And neither is one that is larger than its place."""
    memory = memoryview(bytearray(24))

    for placed in ({"a": memory}, {"a": memory, "c": memory[:20]}):
        with pytest.raises(ProtocolError, match="output 'c'"):
            oip.decode_response(*placed_answer(), placed)


def test_an_output_is_asked_for_where_it_shall_lie() -> None:
    """The others come in the body."""
    place = oip.Place(region="r", offset=64, size=8)

    encoded = oip.encode_request({}, outputs=["y", "z"], places={"z": place})
    asked = oip.read_request(memoryview(joined(encoded)), encoded.json_bytes)

    assert (
        oip.Wanted(name="y", binary=True),
        oip.Wanted(name="z", binary=True, place=place),
    ) == asked.outputs


def test_sequence_ids_are_numbers_or_text() -> None:
    """Both forms of the protocol are known."""
    for given_ in (5, "five"):
        assert asking(parameters={"sequence_id": given_}).options.sequence_id == given_


def test_of_a_key_that_comes_twice_the_first_counts() -> None:
    """What is checked under a key is what is used under it."""
    text = (
        b'{"inputs": [{"name": "x", "name": "y", "shape": [1], "datatype": "INT8",'
        b' "data": [1], "data": [[2]]}], "inputs": []}'
    )

    asked = oip.read_request(memoryview(text), None)

    assert asked.inputs["x"].tolist() == [1]


def test_unknown_fields_are_passed_over() -> None:
    """A newer client may say more, however deep."""
    more = {"new": [[[{"deep": [1]}]]]}
    given_ = {"name": "x", "shape": [1], "datatype": "INT8", "data": [1], **more}

    asked = oip.read_request(
        memoryview(json.dumps({"inputs": [given_], **more}).encode()), None
    )

    assert asked.inputs["x"].tolist() == [1]


def test_a_name_may_not_come_twice() -> None:
    """Which of the two would be meant cannot be known."""
    given_ = {"name": "x", "shape": [1], "datatype": "INT8", "data": [1]}

    with pytest.raises(InvalidRequest, match="input 'x' comes twice"):
        asking(inputs=[given_, given_])


def test_binary_parts_begin_aligned() -> None:
    """The JSON is padded, so that tensors behind it can be viewed."""
    for name in ("x", "a longer name", "n" * 70):
        encoded = oip.encode_request({name: np.zeros(3, np.float64)})

        assert (encoded.json_bytes or 1) % oip.ALIGNMENT == 0


def test_body_without_binary_has_no_length_header() -> None:
    """Only JSON: the header is left out and the type says so."""
    output = oip.Output(name="y", tensor=np.zeros(1), binary=False)

    encoded = oip.write_response(model="m", version="1", id=None, outputs=[output])

    assert encoded.json_bytes is None
    assert encoded.content_type == "application/json"
    assert b'"id"' not in joined(encoded)
    assert b'"parameters"' not in joined(encoded)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"edged_preference": "cheap"}, "'cheap', it must be performance, balanced, e"),
        ({"edged_preference": 1}, "edged_preference is '1'"),
        ({"edged_min_accuracy": 1.5}, "edged_min_accuracy"),
        ({"edged_min_accuracy": "high"}, "edged_min_accuracy"),
    ],
)
def test_a_wish_that_nobody_knows_is_refused(
    said: dict[str, oip.Parameter], match: str
) -> None:
    """With what there is; a misspelt one is no wish for the usual."""
    with pytest.raises(InvalidRequest, match=match):
        read_options(said)


def test_a_wish_is_read() -> None:
    """A whole number is an accuracy, too."""
    options = read_options({"edged_preference": "economy", "edged_min_accuracy": 1})

    assert (Preference.ECONOMY, 1.0) == (
        options.edged_preference,
        options.edged_min_accuracy,
    )
