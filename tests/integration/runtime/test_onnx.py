"""ONNX files on the real onnxruntime."""

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edged.errors import BadModel, InvalidTensor
from edged.runtime.onnx import OnnxModel
from edged.wire.tensors import Datatype, TensorSpec
from tests.data import onnx_files, tflite_files

#: TensorProto.DataType by protocol name.
KINDS = {
    Datatype.FP32: 1,
    Datatype.UINT8: 2,
    Datatype.INT8: 3,
    Datatype.UINT16: 4,
    Datatype.INT16: 5,
    Datatype.INT32: 6,
    Datatype.INT64: 7,
    Datatype.BYTES: 8,
    Datatype.BOOL: 9,
    Datatype.FP16: 10,
    Datatype.FP64: 11,
    Datatype.UINT32: 12,
    Datatype.UINT64: 13,
}


def load(folder: Path, data: bytes, *, threads: int = 1) -> OnnxModel:
    """Load a model from its bytes."""
    path = folder / "m.onnx"
    path.write_bytes(data)
    return OnnxModel(path, threads=threads)


@pytest.mark.parametrize("datatype", list(Datatype))
def test_every_datatype_passes_through(tmp_path: Path, datatype: Datatype) -> None:
    """What goes in comes out, zero-size tensors too."""
    model = load(tmp_path, onnx_files.unary(kind=KINDS[datatype], dims=["N", 2]))
    if datatype is Datatype.BYTES:
        x = np.array([[b"ab", "é".encode()], [b"", b"x"]], object)
    else:
        x = np.array([[0, 1], [1, 0]], datatype.numpy_name)

    full = model.run({"x": x}, ("y",))["y"]
    empty = model.run({"x": x[:0]}, ("y",))["y"]

    assert model.inputs == (TensorSpec(name="x", datatype=datatype, shape=(-1, 2)),)
    assert (full.dtype, full.tolist()) == (x.dtype, x.tolist())
    assert empty.shape == (0, 2)


def test_a_run_for_nothing_gives_nothing(tmp_path: Path) -> None:
    """The runtime itself takes an empty list for all outputs."""
    model = load(tmp_path, onnx_files.unary(dims=["N", 2]))

    assert {} == model.run({"x": np.zeros((1, 2), "<f4")}, ())


def test_bytes_that_are_no_utf8_are_the_callers_to_change(tmp_path: Path) -> None:
    """The runtime's binding knows text only."""
    model = load(tmp_path, onnx_files.unary(kind=onnx_files.STRING, dims=["N"]))

    with pytest.raises(InvalidTensor, match="UTF-8"):
        model.run({"x": np.array([b"\xff"], object)}, ("y",))


def test_an_input_is_used_in_place(tmp_path: Path) -> None:
    """256 MiB that nobody has touched stay untouched: no copy reads them."""
    data = onnx_files.model(
        [onnx_files.node("Shape", ["x"], ["y"])],
        [onnx_files.value_info("x", onnx_files.FLOAT, ["N"])],
        [onnx_files.value_info("y", onnx_files.INT64, [1])],
    )
    model = load(tmp_path, data)
    x = np.zeros(2**26, np.float32)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    answer = model.run({"x": x}, ("y",))["y"]

    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert answer.tolist() == [2**26]
    assert grown_kb < 2**10 * 50


def test_an_answer_is_the_callers_own(tmp_path: Path) -> None:
    """Later runs do not change it, and it may be written to."""
    model = load(tmp_path, onnx_files.adder())

    first = model.run({"x": np.ones((1, 4), np.float32)}, ("y",))["y"]
    model.run({"x": np.zeros((1, 4), np.float32)}, ("y",))
    first += 1

    assert first.tolist() == [[3, 3, 3, 3]]


def test_unaligned_input_is_read_right(tmp_path: Path) -> None:
    """A tensor may start at any byte of a request's body."""
    model = load(tmp_path, onnx_files.adder(dims=["N"]))
    body = b"!" + np.arange(1000, dtype=np.float32).tobytes()
    x = np.frombuffer(body, np.float32, offset=1)

    answer = model.run({"x": x}, ("y",))["y"]

    assert np.array_equal(np.arange(0, 2000, 2), answer)


def test_many_threads_may_run_one_model(tmp_path: Path) -> None:
    """Each gets the answer to its own question."""
    model = load(tmp_path, onnx_files.adder())

    def ask(value: int) -> float:
        x = np.full((64, 4), value, np.float32)
        return float(model.run({"x": x}, ("y",))["y"][0, 0])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(200)))

    assert model.concurrent
    assert answers == [2 * value for value in range(200)]


def test_threads_do_not_spin_when_idle(tmp_path: Path) -> None:
    """A pool of four that has worked costs nothing afterwards."""
    model = load(tmp_path, onnx_files.adder(), threads=4)
    x = np.ones((100_000, 4), np.float32)
    model.run({"x": x}, ("y",))

    before_s = time.process_time()
    time.sleep(0.2)
    used_s = time.process_time() - before_s

    assert used_s < 0.02


def test_external_data_beside_the_model_is_used(tmp_path: Path) -> None:
    """Large models keep their weights in a second file."""
    (tmp_path / "w.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())

    model = load(tmp_path, onnx_files.with_external_tensor("w.bin"))

    x = np.ones(4, np.float32)
    assert model.run({"x": x}, ("y",))["y"].tolist() == [1, 2, 3, 4]


WHOLE = onnx_files.adder()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (WHOLE[: len(WHOLE) // 2], "not a whole ONNX file: it breaks off"),
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "not a whole ONNX file"),
        (tflite_files.adder(), "this is a TensorFlow Lite file"),
        (onnx_files.unary("Nope"), "No Op registered for Nope"),
        (onnx_files.unary(opset=99), "pset 99"),
        (onnx_files.sequence_output(), "'y' is a seq(tensor(float))"),
        (onnx_files.with_external_tensor("../w"), "outside its own folder"),
    ],
)
def test_a_file_that_cannot_serve_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], data: bytes, why: str
) -> None:
    """One sentence and one next step, and the runtime prints nothing."""
    with pytest.raises(BadModel) as caught:
        load(tmp_path, data)

    assert caught.value.message.startswith("cannot load m.onnx: ")
    assert why in caught.value.message
    assert "\n" not in caught.value.message
    assert ("", "") == capfd.readouterr()


def test_a_run_that_fails_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An index out of bounds is an exception and no noise."""
    gather = onnx_files.model(
        [onnx_files.node("Gather", ["t", "x"], ["y"])],
        [
            onnx_files.value_info("t", onnx_files.FLOAT, [2]),
            onnx_files.value_info("x", onnx_files.INT64, ["N"]),
        ],
        [onnx_files.value_info("y", onnx_files.FLOAT, ["N"])],
    )
    model = load(tmp_path, gather)
    feeds = {"t": np.zeros(2, np.float32), "x": np.int64([5])}

    with pytest.raises((BadModel, InvalidTensor), match="out of data bounds"):
        model.run(feeds, ("y",))

    assert ("", "") == capfd.readouterr()


def test_a_shape_that_the_graph_does_not_take_is_the_callers(tmp_path: Path) -> None:
    """The message is the runtime's, without its framing."""
    model = load(tmp_path, onnx_files.adder())

    with pytest.raises(InvalidTensor) as caught:
        model.run({"x": np.zeros((1, 5), np.float32)}, ("y",))

    assert "Got: 5 Expected: 4" in caught.value.message
    assert "ONNXRuntimeError" not in caught.value.message


def test_an_output_is_computed_where_it_is_wanted(tmp_path: Path) -> None:
    """The very array is the answer; other outputs are fresh."""
    data = onnx_files.model(
        [
            onnx_files.node("Neg", ["x"], ["y"]),
            onnx_files.node("Abs", ["x"], ["z"]),
        ],
        [onnx_files.value_info("x", onnx_files.FLOAT, [2, 3])],
        [
            onnx_files.value_info("y", onnx_files.FLOAT, [2, 3]),
            onnx_files.value_info("z", onnx_files.FLOAT, [2, 3]),
        ],
    )
    model = load(tmp_path, data)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    target = np.full((2, 3), 9, np.float32)

    answers = model.run({"x": x}, ("z", "y"), {"y": target})

    assert answers["y"] is target
    assert (["z", "y"], x.tolist()) == (list(answers), answers["z"].tolist())
    assert np.array_equal(target, -x)


@pytest.mark.parametrize(
    "target",
    [np.zeros((2, 4), np.float32), np.zeros((1, 4), np.float64)],
    ids=["shape", "dtype"],
)
def test_an_output_that_may_not_fit_is_fresh(
    tmp_path: Path, target: np.ndarray
) -> None:
    """Only what the graph promises is bound; the wish is not an error."""
    free = load(tmp_path, onnx_files.unary("Neg", dims=["N", 4]))
    x = np.ones((1, 4), np.float32)
    fixed = load(tmp_path, onnx_files.unary("Neg", dims=[1, 4]))

    for model in (free, fixed):
        answer = model.run({"x": x}, ("y",), {"y": target})["y"]

        assert answer is not target
        assert answer.tolist() == (-x).tolist()
    assert not target.any()


def test_text_beside_a_target_is_answered(tmp_path: Path) -> None:
    """Strings cannot be bound; the model runs as ever."""
    data = onnx_files.model(
        [
            onnx_files.node("Neg", ["x"], ["y"]),
            onnx_files.node("Identity", ["s"], ["t"]),
        ],
        [
            onnx_files.value_info("x", onnx_files.FLOAT, [1]),
            onnx_files.value_info("s", onnx_files.STRING, [1]),
        ],
        [
            onnx_files.value_info("y", onnx_files.FLOAT, [1]),
            onnx_files.value_info("t", onnx_files.STRING, [1]),
        ],
    )
    model = load(tmp_path, data)
    feeds = {"x": np.ones(1, np.float32), "s": np.array([b"a"], object)}

    answers = model.run(feeds, ("y", "t"), {"y": np.zeros(1, np.float32)})

    assert ([-1], [b"a"]) == (answers["y"].tolist(), answers["t"].tolist())
