"""Which other files an ONNX file names."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import BadModel
from edged.runtime import onnx_file
from edged.runtime.onnx_file import external_files
from tests.data import onnx_files, tflite_files

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a model into a folder of its own."""
    folder = tmp_path / "release"
    folder.mkdir()

    def written(data: bytes) -> Path:
        path = folder / "m.onnx"
        path.write_bytes(data)
        return path

    return written


def test_a_model_with_its_tensors_inside_names_none(write: Write) -> None:
    """The usual case."""
    assert external_files(write(onnx_files.adder())) == ()


def test_files_beside_the_model_are_named(write: Write) -> None:
    """Below the folder counts as beside."""
    path = write(onnx_files.with_external_tensor("parts/w.bin"))
    (path.parent / "parts").mkdir()
    (path.parent / "parts" / "w.bin").write_bytes(bytes(16))

    assert external_files(path) == ("parts/w.bin",)


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../w.bin", "a/../../w.bin", "", "w\0.bin"]
)
def test_names_that_leave_the_folder_are_refused(write: Write, location: str) -> None:
    """Whether or not such a file exists."""
    path = write(onnx_files.with_external_tensor(location))
    (path.parent.parent / "w.bin").write_bytes(bytes(16))

    with pytest.raises(BadModel, match="it keeps tensors in"):
        external_files(path)


def test_a_link_on_the_way_is_refused(write: Write, tmp_path: Path) -> None:
    """To a file and to a folder, inside or outside."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "w.bin").write_bytes(bytes(16))
    path = write(onnx_files.with_external_tensor("parts/w.bin"))
    (path.parent / "parts").symlink_to(tmp_path / "secret")

    with pytest.raises(BadModel, match="a link is on the way there"):
        external_files(path)


def test_a_missing_file_is_told(write: Write) -> None:
    """A bare model that needs a second file says which."""
    with pytest.raises(BadModel, match=r"'w\.bin', and no such file is beside it"):
        external_files(write(onnx_files.with_external_tensor("w.bin")))


@pytest.mark.parametrize("depth", [0, 1, 8])
def test_tensors_inside_nested_graphs_are_found(write: Write, depth: int) -> None:
    """An attribute's tensor of a graph in an attribute hides nothing."""
    path = write(onnx_files.with_hidden_external_tensor("/etc/shadow", depth=depth))

    with pytest.raises(BadModel, match="/etc/shadow"):
        external_files(path)


def test_bottomless_nesting_is_refused(write: Write) -> None:
    """A hundred levels of messages, as in protobuf's own parsers."""
    path = write(onnx_files.with_hidden_external_tensor("w", depth=40))

    with pytest.raises(BadModel, match="nest deeper than 100"):
        external_files(path)


def test_a_truncated_file_says_so(write: Write) -> None:
    """Every proper prefix is refused, with the byte where it breaks off."""
    data = onnx_files.adder()

    for length in range(1, len(data) - 10):
        with pytest.raises(BadModel, match="not a whole ONNX file"):
            external_files(write(data[:length]))


def test_an_empty_or_missing_file_says_so(write: Write, tmp_path: Path) -> None:
    """Both are a sentence, not a traceback."""
    with pytest.raises(BadModel, match="the file is empty"):
        external_files(write(b""))
    with pytest.raises(BadModel, match="No such file"):
        external_files(tmp_path / "absent.onnx")


def test_a_tflite_file_is_recognised(write: Write) -> None:
    """The wrong suffix gets the right advice."""
    with pytest.raises(BadModel, match="this is a TensorFlow Lite file") as caught:
        external_files(write(tflite_files.adder()))

    assert "litert" in caught.value.hint


def test_the_number_of_fields_is_bounded(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a billion empty fields ends early."""
    monkeypatch.setattr(onnx_file, "MAX_FIELDS", 10)

    with pytest.raises(BadModel, match="more than 10 fields"):
        external_files(write(onnx_files.adder()))


def test_many_fields_take_no_memory(write: Write) -> None:
    """A list of them took seventy times the file's size."""
    path = write(b"\x3a\x00" * 100_000)
    tracemalloc.start()
    try:
        external_files(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 100_000


@given(data=st.binary(min_size=1, max_size=200))
def test_no_bytes_do_more_than_raise_bad_model(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a file holds."""
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(data)

    with suppress(BadModel):
        external_files(path)
