"""Plans: what is kept of a request, and when it is not believed."""

import gc
import math
import weakref

import msgspec
import numpy as np
import pytest

from edged.api.express_plan import MAX_KNOWN_BYTES, MAX_PLANS, Plan, Plans, plan_of
from edged.wire import oip
from edged.wire.tensors import Datatype
from tests.fakes.models import live_model, signature

X = np.arange(6, dtype="<f4").reshape(2, 3)
SIG = signature([("x", Datatype.FP32, (2, 3))], [("y", Datatype.FP32, (2, 3))])


def read(body: bytes, json_bytes: int | None) -> oip.Asked:
    """Read a body as the door does the first time."""
    return oip.read_request(memoryview(bytearray(body)), json_bytes)


def planned(
    *arrays: np.ndarray, **parameters: oip.Parameter
) -> tuple[Plan | None, bytes, int]:
    """Return a plan of a request, its body and where its JSON ends."""
    encoded = oip.encode_request(
        {f"x{n}": array for n, array in enumerate(arrays)}, parameters=parameters
    )
    body = b"".join(encoded.buffers)
    json_bytes = encoded.json_bytes or 0
    asked = read(body, json_bytes)
    return plan_of(asked, len(body) - json_bytes), body, json_bytes


def test_a_plan_reads_the_same_tensors_from_another_body() -> None:
    """Names, dtypes, shapes and places are kept, elements are not."""
    plan, body, json_bytes = planned(X, np.array([True, False]), np.array(7, "<i8"))
    assert plan is not None
    other = body[:json_bytes] + (X + 1).tobytes() + bytes([0, 1]) + bytes(8)

    got = plan.inputs(memoryview(bytearray(other)), json_bytes)

    assert got is not None
    assert ["x0", "x1", "x2"] == list(got)
    np.testing.assert_array_equal(X + 1, got["x0"])
    np.testing.assert_array_equal([False, True], got["x1"])
    np.testing.assert_array_equal(0, got["x2"])
    assert () == got["x2"].shape


def test_tensors_are_views_where_they_stand_aligned() -> None:
    """Copies are for the others."""
    plan, body, json_bytes = planned(X)
    assert plan is not None
    memory = np.zeros(len(body) + 128, np.uint8)
    start = -(memory.ctypes.data + json_bytes) % 64
    for shift in (0, 1):
        place = memory[start + shift : start + shift + len(body)]
        place[:] = np.frombuffer(body, np.uint8)

        got = plan.inputs(place.data, json_bytes)

        assert got is not None
        np.testing.assert_array_equal(X, got["x0"])
        assert (shift == 0) == np.shares_memory(got["x0"], memory)
        assert got["x0"].flags.aligned


@pytest.mark.parametrize("change", [-1, 1])
def test_a_body_of_another_size_is_not_as_planned(change: int) -> None:
    """It has to be read anew, which says what is wrong."""
    plan, body, json_bytes = planned(X)
    assert plan is not None

    assert (
        plan.inputs(memoryview((body + b"x")[: len(body) + change]), json_bytes) is None
    )


def test_a_bool_that_is_none_is_not_as_planned() -> None:
    """Elements are looked at every time."""
    plan, body, json_bytes = planned(np.array([True, False]))
    assert plan is not None

    assert plan.inputs(memoryview(body[:-1] + b"\2"), json_bytes) is None


def test_elements_in_the_json_and_strings_have_no_plan() -> None:
    """Neither the sizes nor the elements of such requests are fixed by their JSON."""
    in_json = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}]}'

    assert plan_of(read(in_json, None), 0) is None
    assert planned(np.array([b"a", b"bc"], object))[0] is None


@pytest.mark.parametrize("parameters", [{"sequence_id": 3}, {"sequence_start": True}])
def test_a_part_of_a_sequence_has_no_plan(parameters: dict[str, oip.Parameter]) -> None:
    """It goes to aiohttp, every time."""
    assert planned(X, **parameters)[0] is None


def test_a_plan_keeps_no_tensor_alive() -> None:
    """Else it would be somebody's data, and memory."""
    body = np.frombuffer(
        b"".join(oip.encode_request({"x": X}).buffers), np.uint8
    ).copy()
    json_bytes = oip.encode_request({"x": X}).json_bytes
    seen = weakref.ref(body)
    plan = plan_of(oip.read_request(body.data, json_bytes), X.nbytes)

    del body
    gc.collect()

    assert plan is not None
    assert seen() is None


def plans() -> Plans:
    """Return the plans of a live release."""
    return Plans(live_model("m", SIG, dict), 1 << 20)


def test_plans_are_of_one_release() -> None:
    """A switch makes new ones, and the old release is not held."""
    live = live_model("m", SIG, dict)
    kept = Plans(live, 1 << 20)
    same = kept.are_of(live)
    other = kept.are_of(live_model("m", SIG, dict))
    seen = weakref.ref(live)

    del live
    gc.collect()

    assert (True, False) == (same, other)
    assert seen() is None


def test_plans_are_bounded() -> None:
    """A client who never repeats itself, or sends a long JSON, fills no memory."""
    kept = plans()
    _, body, json_bytes = planned(X)
    asked = read(body, json_bytes)

    for number in range(3 * MAX_PLANS):
        kept.keep(str(number).encode(), asked, X.nbytes)
    known = len(kept)
    kept.keep(b"x" * (MAX_KNOWN_BYTES + 1), asked, X.nbytes)

    assert 0 < known <= MAX_PLANS
    assert known == len(kept)


def test_limits_are_the_releases() -> None:
    """As the other door has them."""
    kept = plans()

    assert kept.binary_limit == kept.json_limit == 64 * 1024 + 32 * math.prod(X.shape)


def test_answers_of_another_kind_begin_anew() -> None:
    """Shapes may differ from answer to answer of one plan."""
    plan, _, _ = planned(X)
    assert plan is not None
    plan.know({"y": X}, b"begin", 5)
    assert plan.known is not None

    same = plan.known.fits({"y": X + 1})
    others = [
        plan.known.fits({"y": X.T}),
        plan.known.fits({"y": X.astype("<f8")}),
        plan.known.fits({"y": X, "z": X}),
        plan.known.fits({"y": np.asfortranarray(X)}),
    ]

    assert same
    assert [False] * 4 == others


@pytest.mark.parametrize(
    "output", [np.array([b"x"], object), np.zeros(2, ">f4"), np.zeros((4, 4))[:, 1]]
)
def test_answers_that_are_not_sent_from_memory_are_not_known(
    output: np.ndarray,
) -> None:
    """They are written by the codec, every time."""
    plan, _, _ = planned(X)
    assert plan is not None

    plan.know({"y": output}, b"begin", 5)

    assert plan.known is None


def test_only_binary_answers_begin_alike() -> None:
    """JSON, classes and explanations differ from one answer to the next."""
    asked = msgspec.structs.replace(
        read(
            b"".join(oip.encode_request({"x": X}).buffers),
            oip.encode_request({"x": X}).json_bytes,
        )
    )
    ways = {
        (True, 0): True,
        (False, 0): False,
        (True, 2): False,
    }
    found = {}
    for binary, classes in ways:
        wanted = oip.Wanted(name="y", binary=binary, classes=classes)
        plan = plan_of(msgspec.structs.replace(asked, outputs=(wanted,)), X.nbytes)
        assert plan is not None
        found[binary, classes] = plan.is_plain
    explained, _, _ = planned(X, edged_explain=True)
    assert explained is not None

    assert ways == found
    assert not explained.is_plain


def in_json(*outputs: oip.Wanted) -> Plan:
    """Return the plan of a request in JSON that wants these outputs; all for none."""
    return Plan(oip.Asked(inputs={}, outputs=outputs or None), (), 0)


def answered(tensor: np.ndarray) -> bytes:
    """Write an answer in JSON."""
    output = oip.Output(name="y", tensor=tensor, binary=False)
    encoded = oip.write_response(
        model="m", version="1", id='"data":[', outputs=[output]
    )
    return bytes(encoded.buffers[0])


def test_a_known_answer_is_written_with_other_elements() -> None:
    """The same bytes as written as a whole; whatever the id looks like."""
    plan = in_json()
    plan.know_text({"y": X}, answered(X))

    assert plan.known_text is not None
    assert answered(X + 1) == plan.known_text.write({"y": X + 1})


def test_an_answer_of_another_kind_is_not_the_known_one() -> None:
    """Its shape and its datatype are said in the text."""
    plan = in_json()
    plan.know_text({"y": X}, answered(X))

    assert plan.known_text is not None
    assert plan.known_text.write({"y": X.astype("<f8")}) is None
    assert plan.known_text.write({"y": X[np.newaxis]}) is None


@pytest.mark.parametrize(
    ("plan", "tensor"),
    [
        (in_json(), np.array([b"a]", b"b"], object)),  # may hold brackets
        (in_json(oip.Wanted(name="y", binary=False, classes=1)), X),
    ],
)
def test_answers_that_are_not_numbers_as_they_are_have_no_known_text(
    plan: Plan, tensor: np.ndarray
) -> None:
    """Strings, and classes in the place of what the model said."""
    plan.know_text({"y": tensor}, answered(tensor))

    assert plan.known_text is None
