"""Requests that people read."""

import json
import shlex

import numpy as np
import pytest

from edged.cli.oipjson import curl, request
from edged.errors import InvalidTensor
from edged.wire.release import Input, Signature
from edged.wire.tensors import Datatype


def signature(datatype: Datatype = Datatype.FP32) -> Signature:
    """Return a model that takes one input."""
    taken = Input(name="x", datatype=datatype, shape=(-1,))
    return Signature(inputs=(taken,), outputs=())


def test_a_request_says_what_the_protocol_asks_for() -> None:
    """Name, datatype, shape, data; numbers in the fewest digits."""
    body = request({"x": np.array([0.1, 2], np.float32)}, signature())

    assert json.loads(body) == {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [0.1, 2.0]}]
    }


def test_a_variant_and_a_preference_are_parameters() -> None:
    """As the client has them."""
    inputs = {"x": np.zeros(1, np.float32)}

    named = json.loads(request(inputs, signature(), variant="int8"))
    wished = json.loads(request(inputs, signature(), preference="economy"))

    assert {"edged_variant": "int8"} == named["parameters"]
    assert {"edged_preference": "economy"} == wished["parameters"]


def test_texts_are_strings() -> None:
    """BYTES go as JSON strings."""
    body = request({"x": np.array([b"a"], object)}, signature(Datatype.BYTES))

    assert ["a"] == json.loads(body)["inputs"][0]["data"]


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (np.array([np.nan], np.float32), Datatype.FP32),
        (np.array([b"\xff"], object), Datatype.BYTES),
    ],
)
def test_what_json_cannot_say_is_refused(array: np.ndarray, datatype: Datatype) -> None:
    """NaN and bytes that are no text."""
    with pytest.raises(InvalidTensor, match="as JSON"):
        request({"x": array}, signature(datatype))


def test_a_small_request_is_one_line_of_shell() -> None:
    """A quote in it does not end the word."""
    (line,) = curl('{"a":"it\'s"}', socket="/run/a b.sock", model="m/x")

    assert shlex.split(line) == [
        "curl",
        "-sS",
        "--unix-socket",
        "/run/a b.sock",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"a":"it\'s"}',
        "http://localhost/v2/models/m%2Fx/infer",
    ]


def test_a_large_request_comes_through_standard_input() -> None:
    """The kernel's limit of one word is not met."""
    body = '{"a":' + "1" * 200_000 + "}"

    first, second, last = curl(body, socket="/s", model="m")

    assert (True, body, "END") == (
        first.endswith("--data-binary @- http://localhost/v2/models/m/infer <<'END'"),
        second,
        last,
    )
