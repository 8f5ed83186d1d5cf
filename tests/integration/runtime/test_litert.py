"""TensorFlow Lite files on the real LiteRT."""

from pathlib import Path

import numpy as np
import pytest

from edged.errors import BadModel, InvalidTensor
from edged.runtime.base import Quantization
from edged.runtime.litert import LitertModel
from edged.wire.tensors import Datatype, TensorSpec
from tests.data import onnx_files, tflite_files


def load(folder: Path, data: bytes) -> LitertModel:
    """Load a model from its bytes."""
    path = folder / "m.tflite"
    path.write_bytes(data)
    return LitertModel(path, threads=1)


def ones(*shape: int) -> dict[str, np.ndarray]:
    """Feed ones to `x`."""
    return {"x": np.ones(shape, np.float32)}


def test_a_file_is_described_in_its_own_terms(tmp_path: Path) -> None:
    """Names, stored dtypes, free dimensions and quantisation."""
    data = tflite_files.adder(dynamic=True, stored=np.int8, quantization=(0.5, 3))

    model = load(tmp_path, data)

    assert model.inputs == (
        TensorSpec(name="x", datatype=Datatype.INT8, shape=(-1, 4)),
    )
    assert model.quantization["y"] == Quantization(scale=0.5, zero_point=3)
    assert (False, False) == (model.stateful, model.concurrent)


def test_an_answer_is_the_callers_own(tmp_path: Path) -> None:
    """Later runs do not change it."""
    model = load(tmp_path, tflite_files.adder())

    first = model.run(ones(1, 4), ("y",))["y"]
    model.run({"x": np.zeros((1, 4), np.float32)}, ("y",))

    assert first.tolist() == [[2, 2, 2, 2]]


def test_a_free_batch_follows_the_input(tmp_path: Path) -> None:
    """Up, down and back again."""
    model = load(tmp_path, tflite_files.adder(dynamic=True))

    shapes = [model.run(ones(n, 4), ("y",))["y"].shape for n in (1, 3, 3, 2, 1)]

    assert [(1, 4), (3, 4), (3, 4), (2, 4), (1, 4)] == shapes


def test_a_batch_that_the_graph_refuses_breaks_nothing(tmp_path: Path) -> None:
    """The caller is told, and the next request is answered."""
    model = load(tmp_path, tflite_files.reshaper())

    with pytest.raises(InvalidTensor, match=r"x \[3, 2, 2\]: its graph") as caught:
        model.run(ones(3, 2, 2), ("y",))

    assert caught.value.hint == "send x [1, 2, 2]"
    assert model.run(ones(1, 2, 2), ("y",))["y"].tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize(
    ("data", "width"),
    [(tflite_files.accumulator(), 4), (tflite_files.recurrent(), 1)],
    ids=["resource variable", "variable tensor"],
)
def test_state_is_kept_until_it_is_reset(
    tmp_path: Path, data: bytes, width: int
) -> None:
    """Both kinds of variables count on, and both forget."""
    model = load(tmp_path, data)

    counted = [model.run(ones(1, width), ("y",))["y"][0, 0] for _ in range(3)]
    model.reset()
    again = model.run(ones(1, width), ("y",))["y"][0, 0]

    assert model.stateful
    assert [1, 2, 3] == counted
    assert again == 1


def test_the_runtimes_own_reset_forgets_too_little(tmp_path: Path) -> None:
    """Why `reset` starts over: this fails on the day that it need not any more."""
    model = load(tmp_path, tflite_files.accumulator())

    model.run(ones(1, 4), ("y",))
    model._interpreter.reset_all_variables()

    assert model.run(ones(1, 4), ("y",))["y"][0, 0] == 2


def test_two_outputs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """The format does not promise unique names."""
    model = load(tmp_path, tflite_files.twins())

    answers = model.run({"x": np.full((1, 4), 3, np.float32)}, ("y", "y#2"))

    assert [6, 9] == [answers["y"][0, 0], answers["y#2"][0, 0]]


def test_bytes_pass_as_they_are(tmp_path: Path) -> None:
    """Zeros and broken UTF-8 included."""
    model = load(tmp_path, tflite_files.text())

    answer = model.run({"x": np.array([b"a\0c", b"\xff"], object)}, ("y",))["y"]

    assert (answer.dtype, answer.tolist()) == (object, [[b"a\0c"], [b"\xff"]])


WHOLE = tflite_files.adder()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (WHOLE[: len(WHOLE) // 2], "truncated or damaged"),
        (b"", "the file is empty"),
        (onnx_files.adder(), "not a TensorFlow Lite file"),
        (tflite_files.custom_op(), "unresolved custom op: AcmeMagic"),
    ],
)
def test_a_file_that_cannot_serve_says_why(
    tmp_path: Path, data: bytes, why: str
) -> None:
    """One sentence and one next step."""
    with pytest.raises(BadModel) as caught:
        load(tmp_path, data)

    assert caught.value.message.startswith("cannot load m.tflite: ")
    assert why in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_an_output_is_copied_to_where_it_is_wanted(tmp_path: Path) -> None:
    """The very array is the answer, run after run."""
    model = load(tmp_path, tflite_files.adder())
    target = np.zeros((1, 4), np.float32)

    answers = [model.run(ones(1, 4), ("y",), {"y": target})["y"] for _ in range(2)]

    assert all(answer is target for answer in answers)
    assert target.tolist() == [[2, 2, 2, 2]]


def test_an_output_that_does_not_fit_is_fresh(tmp_path: Path) -> None:
    """The wish is not an error."""
    model = load(tmp_path, tflite_files.adder(dynamic=True))
    target = np.zeros((1, 4), np.float32)

    answer = model.run(ones(2, 4), ("y",), {"y": target})["y"]

    assert ((2, 4), False) == (answer.shape, target.any())
