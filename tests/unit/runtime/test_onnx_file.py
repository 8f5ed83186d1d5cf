"""Which other files an ONNX file names."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import BadModel
from edged.runtime import protobuf
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
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 10)

    with pytest.raises(BadModel, match="more than 10 fields"):
        external_files(write(onnx_files.adder()))


def test_many_fields_take_no_memory(write: Write) -> None:
    """A list of them took seventy times the file's size."""
    path = write(onnx_files.field(7, b"\x0a\x00" * 100_000))
    tracemalloc.start()
    try:
        external_files(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 100_000


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({}, 15),
        ({"offset": "1"}, 16),
        ({"offset": "4096", "length": "16"}, 4096),
        ({"length": "17"}, 16),
        ({"offset": "9223372036854775807"}, 16),
    ],
)
def test_a_tensor_that_ends_behind_its_file_is_refused(
    write: Write, more: dict[str, str], size: int
) -> None:
    """A runtime would map what is not there, and die of it later."""
    path = write(onnx_files.with_external_tensor("w.bin", **more))
    (path.parent / "w.bin").write_bytes(bytes(size))

    with pytest.raises(BadModel, match=rf"tensor 'w' ends at byte \d+.*has {size}$"):
        external_files(path)


def test_a_tensor_that_ends_with_its_file_is_taken(write: Write) -> None:
    """Behind an offset, with and without a length."""
    tensors = [
        onnx_files.external_tensor("v", "w.bin", offset="4096", length="16"),
        onnx_files.external_tensor("w", "w.bin", offset="4112", checksum="x"),
    ]
    path = write(onnx_files.model([], [], [], tensors=tensors))
    (path.parent / "w.bin").write_bytes(bytes(4128))

    assert external_files(path) == ("w.bin",)


def test_an_address_in_memory_is_no_file(write: Write) -> None:
    """Whatever lies there under that name."""
    path = write(onnx_files.with_external_tensor("*/_ORT_MEM_ADDR_/*"))
    (path.parent / "*" / "_ORT_MEM_ADDR_").mkdir(parents=True)
    (path.parent / "*" / "_ORT_MEM_ADDR_" / "*").write_bytes(bytes(16))

    with pytest.raises(BadModel, match="that is an address in memory"):
        external_files(path)


def test_a_second_graph_is_refused(write: Write) -> None:
    """A parser would merge the two into one that nobody has looked at."""
    with pytest.raises(BadModel, match="field 7 of a Model is there twice"):
        external_files(write(onnx_files.adder() + onnx_files.field(7, b"")))


def test_a_tensor_in_two_halves_is_refused(write: Write) -> None:
    """Neither of them claims too much."""
    halves = onnx_files.field(5, onnx_files.field(1, 1 << 39)) * 2
    node = onnx_files.node("Constant", [], ["y"], halves)

    with pytest.raises(BadModel, match="field 5 of a Attribute is there twice"):
        external_files(write(onnx_files.model([node], [], [])))


@pytest.mark.parametrize("version", [0, 1 << 31, (1 << 64) - 1])
def test_an_opset_that_never_was_is_refused(write: Write, version: int) -> None:
    """Zero, negative, or beyond all counting."""
    with pytest.raises(BadModel, match="an opset has no version"):
        external_files(write(onnx_files.unary(opset=version)))


def test_an_opset_of_next_year_is_the_runtimes_to_refuse(write: Write) -> None:
    """Its sentence says which it has."""
    assert external_files(write(onnx_files.unary(opset=999))) == ()


@pytest.mark.parametrize("dims", [(1 << 41,), (1 << 21, 1 << 20)])
def test_a_sparse_tensor_of_any_size_is_refused(
    write: Write, dims: tuple[int, ...]
) -> None:
    """A runtime makes it dense."""
    sparse = b"".join(onnx_files.field(3, dim) for dim in dims)
    graph = onnx_files.field(7, onnx_files.field(15, sparse))

    with pytest.raises(BadModel, match="more than 1099511627776 elements"):
        external_files(write(graph))


@given(data=st.binary(min_size=1, max_size=200))
def test_no_bytes_do_more_than_raise_bad_model(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a file holds."""
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(data)

    with suppress(BadModel):
        external_files(path)
