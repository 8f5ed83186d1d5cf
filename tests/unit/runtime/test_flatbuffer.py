"""The tables of a flatbuffers file, without a schema."""

import mmap
import struct
from collections.abc import Iterator

import pytest

from edged.runtime import flatbuffer
from edged.runtime.flatbuffer import Table, TooMuch, Work

#: A vtable of one field at 0, its table at 8, and a vector of two numbers at 16.
DATA = struct.pack("<3HxxiIIii", 6, 8, 4, 8, 4, 2, -1, 7)


@pytest.fixture
def data() -> Iterator[mmap.mmap]:
    """Return a map of the file."""
    with mmap.mmap(-1, len(DATA)) as data:
        data.write(DATA)
        yield data


def test_a_vector_of_numbers_is_read(data: mmap.mmap) -> None:
    """With its sign; an absent one is empty."""
    table = Table(data, 8, Work())

    assert ((-1, 7), (), 2, 0) == (
        table.numbers(0),
        table.numbers(1),
        table.count(0),
        table.count(1),
    )


def test_a_vector_beyond_the_end_is_refused(data: mmap.mmap) -> None:
    """Whatever it says of its length."""
    struct.pack_into("<I", data, 16, 3)

    with pytest.raises(struct.error):
        Table(data, 8, Work()).numbers(0)


def test_numbers_are_work(data: mmap.mmap, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tables may lead to one long vector."""
    monkeypatch.setattr(flatbuffer, "MAX_STEPS", 100)
    struct.pack_into("<I", data, 16, 10_000)

    with pytest.raises(TooMuch):
        Table(data, 8, Work()).numbers(0)
