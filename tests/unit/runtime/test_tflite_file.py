"""What a TensorFlow Lite file says that its interpreter does not."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import BadModel
from edged.runtime import flatbuffer
from edged.runtime.tflite_file import read
from tests.data import onnx_files, tflite_files

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a model."""

    def written(data: bytes) -> Path:
        path = tmp_path / "m.tflite"
        path.write_bytes(data)
        return path

    return written


@pytest.mark.parametrize(
    ("data", "tensors", "resources"),
    [
        (tflite_files.adder(), False, False),
        (tflite_files.recurrent(), True, False),
        (tflite_files.accumulator(), False, True),
    ],
)
def test_both_kinds_of_variables_are_seen(
    write: Write, data: bytes, *, tensors: bool, resources: bool
) -> None:
    """A tensor that keeps its value, and operators on a resource."""
    facts = read(write(data))

    assert (tensors, resources) == (facts.variable_tensors, facts.resource_variables)


def test_the_exporters_names_are_read(write: Write) -> None:
    """A signature names the tensors of the main graph."""
    data = tflite_files.named_adder(input_name="samples", output_name="score")

    assert read(write(data)).aliases == {
        "serving_default_args_0:0": "samples",
        "StatefulPartitionedCall:0": "score",
    }


def test_an_onnx_file_is_refused(write: Write) -> None:
    """The wrong suffix gets the right advice."""
    with pytest.raises(BadModel, match="not a TensorFlow Lite file") as caught:
        read(write(onnx_files.adder()))

    assert ".onnx" in caught.value.hint


def test_an_empty_or_missing_file_says_so(write: Write, tmp_path: Path) -> None:
    """Both are a sentence, not a traceback."""
    with pytest.raises(BadModel, match="the file is empty"):
        read(write(b""))
    with pytest.raises(BadModel, match="No such file"):
        read(tmp_path / "absent.tflite")


def test_a_tensorflow_operator_is_told(write: Write) -> None:
    """The interpreter alone only says that it is unresolved."""
    path = write(tflite_files.custom_op().replace(b"AcmeMagic", b"FlexErfcX"))

    with pytest.raises(BadModel, match="FlexErfcX needs TensorFlow's Flex delegate"):
        read(path)


def test_tables_that_all_lead_to_one_do_not_multiply(write: Write) -> None:
    """16 KB, two thousand subgraphs, each with the same two thousand tensors."""
    path = write(tflite_files.knot(2000))
    before = time.process_time()

    with pytest.raises(BadModel, match="refer to each other more than 500000 times"):
        read(path)

    assert time.process_time() - before < 2.5


def test_names_that_all_lead_to_one_do_not_multiply(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long texts are work as well, and memory."""
    whole = tflite_files.named_adder(input_name="i" * 6400, output_name="o")
    monkeypatch.setattr(flatbuffer, "MAX_STEPS", 100)

    with pytest.raises(BadModel, match="more than 100 times"):
        read(write(whole))


WHOLE = tflite_files.accumulator()


@given(length=st.integers(1, len(WHOLE) - 1))
def test_no_prefix_does_more_than_raise_bad_model(
    length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A truncated copy is told as one."""
    path = tmp_path_factory.getbasetemp() / "cut.tflite"
    path.write_bytes(WHOLE[:length])

    with suppress(BadModel):
        read(path)


@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8
    )
)
def test_no_change_of_bytes_does_more_than_raise_bad_model(
    changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Offsets are an attacker's to choose."""
    data = bytearray(WHOLE)
    for index, value in changes:
        data[index] = value
    path = tmp_path_factory.getbasetemp() / "changed.tflite"
    path.write_bytes(data)

    with suppress(BadModel):
        read(path)
