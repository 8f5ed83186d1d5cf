"""Tensors as bytes: views where possible, refusals that say the size."""

import numpy as np
import pytest

from edged.errors import InvalidTensor
from edged.wire import tensorbytes
from edged.wire.tensors import Datatype


def aligned(data: bytes, offset: int = 0) -> memoryview:
    """Return memory that begins `offset` bytes behind a multiple of 64."""
    room = np.empty(len(data) + 128, np.uint8)
    start = (-room.ctypes.data) % 64 + offset
    room[start : start + len(data)] = np.frombuffer(data, np.uint8)
    return room[start : start + len(data)].data


def test_aligned_numbers_are_a_view() -> None:
    """Nothing is copied: the tensor sees what is written to the body later."""
    body = aligned(np.arange(6, dtype="<f4").tobytes())

    tensor = tensorbytes.read_tensor(body, Datatype.FP32, (2, 3), "input 'x'")
    body[0:4] = np.array([9], "<f4").tobytes()

    np.testing.assert_array_equal(tensor, [[9, 1, 2], [3, 4, 5]])


def test_misaligned_numbers_are_copied_straight() -> None:
    """At an odd address a copy is made, aligned and equal."""
    numbers = np.arange(6, dtype="<f8")

    tensor = tensorbytes.read_tensor(
        aligned(numbers.tobytes(), 1), Datatype.FP64, (6,), "input 'x'"
    )

    assert tensor.flags.aligned
    np.testing.assert_array_equal(tensor, numbers)


def test_written_numbers_are_the_arrays_own_memory() -> None:
    """A contiguous array is handed out, not copied."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)

    buffer = tensorbytes.tensor_buffer(array)

    assert np.shares_memory(np.frombuffer(buffer, np.uint8), array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.arange(12, dtype="<i4").reshape(4, 3)[::2],
        np.arange(6, dtype="<i4").reshape(3, 2).T,
    ],
    ids=["big-endian", "strided", "transposed"],
)
def test_other_layouts_are_written_row_major_little_endian(array: np.ndarray) -> None:
    """Whatever the array's layout, the bytes are the protocol's."""
    assert bytes(tensorbytes.tensor_buffer(array)) == array.astype("<i4").tobytes()


def test_scalar_and_empty_arrays_are_written() -> None:
    """A scalar has one element's bytes, an empty array none."""
    assert len(tensorbytes.tensor_buffer(np.array(1.5))) == 8
    assert len(tensorbytes.tensor_buffer(np.empty((0, 3)))) == 0


def test_strings_of_numpys_own_kinds_are_bytes() -> None:
    """`U` and `S` arrays count as BYTES; text becomes UTF-8."""
    for array in (np.array(["\u00fc"]), np.array(["\u00fc".encode()])):
        assert tensorbytes.datatype_of(array.dtype) is Datatype.BYTES
        assert tensorbytes.tensor_buffer(array) == b"\2\0\0\0\xc3\xbc"


@pytest.mark.parametrize("dtype", [np.complex64, np.dtype("M8[s]"), np.dtype("f4,i4")])
def test_dtypes_outside_the_protocol_are_refused(dtype: object) -> None:
    """Complex numbers, dates and structs have no datatype."""
    with pytest.raises(InvalidTensor, match="no such datatype"):
        tensorbytes.datatype_of(np.dtype(dtype))


def test_objects_that_are_no_text_are_refused() -> None:
    """An object array holds bytes or str."""
    with pytest.raises(InvalidTensor, match="one is float"):
        tensorbytes.tensor_buffer(np.array([b"a", 1.5], object))


@pytest.mark.parametrize(
    ("chunk", "count", "text"),
    [
        (b"\1\0\0", 1, "at least 4 bytes, 3 came"),
        (b"\2\0\0\0a", 1, "element 0 is 2 bytes long by its prefix, 1 are left"),
        (b"\1\0\0\0a\1\0\0", 2, "at least 8 bytes|ends before the length of element 1"),
        (b"\0\0\0\0a", 1, "1 bytes are left after its 1 elements"),
    ],
)
def test_strings_that_do_not_add_up_are_refused(
    chunk: bytes, count: int, text: str
) -> None:
    """Each way to lie about lengths has its sentence."""
    with pytest.raises(InvalidTensor, match=text):
        tensorbytes.read_tensor(
            memoryview(chunk), Datatype.BYTES, (count,), "input 'x'"
        )


@pytest.mark.parametrize(
    "shape", [(-1,), (2**31,), (2**20, 2**20), (0, 2**20, 2**20), (1,) * 33]
)
def test_shapes_that_no_runtime_takes_are_refused(shape: tuple[int, ...]) -> None:
    """Negative, huge and overlong shapes, empty ones included."""
    with pytest.raises(InvalidTensor):
        tensorbytes.check_shape(shape, "input 'x'")


def test_bool_is_zero_or_one() -> None:
    """Any other byte would be neither true nor false for a runtime."""
    with pytest.raises(InvalidTensor, match="a byte of 0 or 1, 255 came"):
        tensorbytes.read_tensor(
            memoryview(b"\0\1\xff"), Datatype.BOOL, (3,), "input 'x'"
        )
