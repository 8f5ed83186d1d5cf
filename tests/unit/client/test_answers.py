"""Which outputs a client expects to be large."""

import numpy as np
import pytest

from edged.client.answers import MOST_CALLS, Answers
from edged.client.calls import InferOptions, Result
from edged.client.memory import SHARED_BYTES

X = {"x": np.zeros((1, 4), np.float32)}
LARGE, SMALL = np.zeros(SHARED_BYTES, np.uint8), np.zeros(4, np.uint8)


def result(version: str = "1", **outputs: np.ndarray) -> Result:
    """Return an answer."""
    return Result(model="m", version=version, outputs=outputs)


def learnt(**outputs: np.ndarray) -> Answers:
    """Return what is known after one answer."""
    answers = Answers()
    answers.learn("m", X, {}, result(**outputs))
    return answers


def test_large_outputs_are_expected_again() -> None:
    """With their sizes; the small ones are named, to be answered at all."""
    found = learnt(b=SMALL, a=LARGE).expected("m", X, {})

    assert found is not None
    assert (("b", "a"), {"a": SHARED_BYTES}) == (found.outputs, found.sizes)


def test_small_outputs_and_texts_are_not() -> None:
    """The body is for them."""
    texts = np.full(SHARED_BYTES, b"text", object)

    assert learnt(a=SMALL, b=texts).expected("m", X, {}) is None


@pytest.mark.parametrize(
    ("model", "x", "options"),
    [
        ("n", X["x"], {}),
        ("m", X["x"][:, :2], {}),
        ("m", X["x"].astype(np.float64), {}),
        ("m", X["x"], {"outputs": ["b"]}),
        ("m", X["x"], {"variant": "small"}),
        ("m", X["x"], {"version": "2"}),
        ("m", X["x"], {"classes": {"a": 1}}),
        ("m", X["x"], {"sequence_id": 7}),
    ],
)
def test_nothing_is_expected_of_another_call(
    model: str, x: np.ndarray, options: InferOptions
) -> None:
    """Another model, shape, datatype or choice; and a state is never asked twice."""
    answers = learnt(a=LARGE)
    answers.learn("m", X, {"sequence_id": 7}, result(a=LARGE))

    assert answers.expected(model, {"x": x}, options) is None


def test_another_release_is_learnt_anew() -> None:
    """It may have outputs that were not asked for."""
    answers = learnt(a=LARGE)
    found = answers.expected("m", X, {})
    new = result("2", a=LARGE, b=LARGE)

    assert found is not None
    assert (True, False) == (found.has(result("1", a=LARGE)), found.has(new))
    answers.forget("m", X, {})
    answers.learn("m", X, {}, new)
    again = answers.expected("m", X, {})
    assert again is not None
    assert ("a", "b") == again.outputs


def test_what_did_not_fit_is_not_expected_any_more() -> None:
    """Its size is not told by the shapes of its inputs."""
    answers = learnt(a=LARGE)

    answers.distrust("m", X, {})
    answers.learn("m", X, {}, result(a=LARGE))

    assert answers.expected("m", X, {}) is None


def test_what_is_known_is_bounded() -> None:
    """A caller with ever new shapes begins anew."""
    answers = Answers()

    for size in range(MOST_CALLS + 1):
        answers.learn("m", {"x": np.zeros(size)}, {}, result(a=LARGE))

    known = [
        size
        for size in range(MOST_CALLS + 1)
        if answers.expected("m", {"x": np.zeros(size)}, {})
    ]
    assert [MOST_CALLS] == known
