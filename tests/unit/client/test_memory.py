"""Where a client's inputs lie: in the body, in scratch, or where they were made."""

import gc
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edged.client.memory import KEPT_SCRATCH, SHARED_BYTES, Block, Memory
from edged.errors import BadRegion, InvalidTensor
from edged.wire.oip import SharedTensor
from edged.wire.tensors import Datatype

MANY = SHARED_BYTES // 4


def large(value: float = 1) -> np.ndarray:
    """Return an array that is just large enough to be shared."""
    return np.full((4, MANY // 4), value, np.float32)


def content(block: Block, tensor: object, dtype: type = np.float32) -> np.ndarray:
    """Read what the daemon would read, through the descriptor."""
    assert isinstance(tensor, SharedTensor)
    raw = os.pread(block.fd, tensor.place.size, tensor.place.offset)
    return np.frombuffer(raw, dtype).reshape(tensor.shape)


def mappings() -> int:
    """Count mapped blocks of this process."""
    gc.collect()
    return Path("/proc/self/maps").read_text().count("memfd:edged-client")


def test_small_inputs_and_text_go_in_the_body() -> None:
    """A copy through the socket costs less than naming a region."""
    inputs = {
        "x": np.zeros(MANY - 1, np.float32),
        "s": np.full(SHARED_BYTES, b"text", object),
    }

    lent = Memory().lend(inputs)

    assert all(lent.inputs[name] is array for name, array in inputs.items())
    assert (None, []) == (lent.scratch, lent.blocks)


def test_large_inputs_are_copied_into_one_block() -> None:
    """Each at an offset that the daemon may use in place."""
    odd = np.full((8, MANY // 4 - 1), 3, np.float32)
    inputs = {"a": odd, "b": large(2), "c": np.zeros(1, np.int8)}

    lent = Memory().lend(inputs)

    (block,) = lent.blocks
    a, b = lent.inputs["a"], lent.inputs["b"]
    assert lent.inputs["c"] is inputs["c"]
    assert isinstance(a, SharedTensor)
    assert isinstance(b, SharedTensor)
    assert (Datatype.FP32, (8, MANY // 4 - 1)) == (a.datatype, a.shape)
    assert (0, 0) == (a.place.offset % 64, b.place.offset % 64)
    np.testing.assert_array_equal(content(block, a), inputs["a"])
    np.testing.assert_array_equal(content(block, b), inputs["b"])


@pytest.mark.parametrize("array", [large().T, large().astype(">f4")])
def test_any_layout_is_copied_right(array: np.ndarray) -> None:
    """Transposed or of the other byte order."""
    lent = Memory().lend({"x": array})

    np.testing.assert_array_equal(content(lent.blocks[0], lent.inputs["x"]), array)


def test_an_array_in_shared_memory_is_sent_where_it_lies() -> None:
    """And so is a contiguous part of it."""
    memory = Memory()
    frames = memory.empty((3, MANY))
    frames[:] = [[1], [2], [3]]

    lent = memory.lend({"x": frames, "y": frames[2]})

    whole, part = lent.inputs["x"], lent.inputs["y"]
    assert lent.scratch is None
    assert isinstance(part, SharedTensor)
    assert (2 * SHARED_BYTES, SHARED_BYTES) == (part.place.offset, part.place.size)
    np.testing.assert_array_equal(content(lent.blocks[0], whole), frames)


@pytest.mark.parametrize(
    "view", [lambda frames: frames.T, lambda frames: frames.view(">f4")]
)
def test_what_is_not_laid_out_as_it_is_sent_is_copied(
    view: Callable[[np.ndarray], np.ndarray],
) -> None:
    """It lies in shared memory, in the wrong order of elements or of bytes."""
    memory = Memory()
    frames = memory.empty((2, MANY))
    frames[:] = np.arange(2 * MANY).reshape(2, MANY)
    array = view(frames)

    lent = memory.lend({"x": array})

    assert lent.scratch is not None
    np.testing.assert_array_equal(content(lent.scratch, lent.inputs["x"]), array)


@pytest.mark.parametrize("shape", [5, (2, 3), (), (0, 4)])
def test_an_array_has_the_shape_and_type_that_was_asked_for(
    shape: int | tuple[int, ...],
) -> None:
    """One number, several, none, and empty ones; it may be written to."""
    array = Memory().empty(shape, np.int16)
    array[...] = 7

    expected = np.full(shape, 7, np.int16)
    assert (expected.shape, expected.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(array, expected)


def test_what_the_protocol_cannot_carry_is_refused() -> None:
    """At once, not when it is sent."""
    with pytest.raises(InvalidTensor, match="complex"):
        Memory().empty(4, np.complex64)


def test_memory_goes_with_the_last_view_of_an_array() -> None:
    """The mapping, the descriptor, and the region by the next call."""
    memory, before = Memory(), mappings()
    array = memory.empty((2, MANY))
    memory.lend({"x": array}).blocks[0].registered = True
    part = array[1]

    del array
    while_used = mappings() - before
    del part

    assert (1, 0) == (while_used, mappings() - before)
    (call,) = memory.unregistrations()
    assert call.target.endswith("/unregister")
    assert memory.unregistrations() == ()


def test_scratch_is_used_again() -> None:
    """By one call at a time; a few are kept."""
    memory = Memory()
    calls = [memory.lend({"x": large()}) for _ in range(KEPT_SCRATCH + 1)]
    names = {lent.blocks[0].name for lent in calls}
    for lent in calls:
        lent.blocks[0].registered = True
        memory.take_back(lent)

    again = memory.lend({"x": large()})

    assert len(names) == KEPT_SCRATCH + 1
    assert again.blocks[0].name in names
    assert again.unknown() == ()
    assert len(memory.unregistrations()) == 1


def test_scratch_that_is_too_small_is_left_for_others() -> None:
    """A larger input gets a larger block."""
    memory = Memory()
    small = memory.lend({"x": large()})
    memory.take_back(small)

    lent = memory.lend({"x": np.concatenate([large(1), large(2)])})

    assert small.blocks != lent.blocks
    assert lent.blocks[0].size >= 2 * SHARED_BYTES


def test_blocks_are_told_to_the_daemon_once() -> None:
    """And once more after it has forgotten them."""
    memory = Memory()
    lent = memory.lend({"x": large(), "y": memory.empty(MANY)})
    unknown = lent.unknown()
    for block in unknown:
        block.registered = True
    memory.take_back(lent)

    again = memory.lend({"x": large()})
    assert again.unknown() == ()
    memory.restart()  # while a call is on its way
    assert again.unknown() == tuple(again.blocks)
    assert set(again.blocks) < set(unknown)


def test_a_daemon_without_memory_gets_everything_in_the_body() -> None:
    """Once that is known, nothing is copied for it."""
    memory = Memory()
    inputs = {"x": large()}
    lent = memory.lend(inputs)

    lent.send_plain()
    memory.usable = False

    assert lent.inputs["x"] is inputs["x"]
    assert memory.lend(inputs).blocks == []


@pytest.fixture
def no_descriptor() -> Iterator[None]:
    """Leave this process no descriptor to spare."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("no_descriptor")
def test_without_a_descriptor_to_spare_all_goes_in_the_body() -> None:
    """Memory is a help, not a need; an array that was asked for is an error."""
    memory, inputs = Memory(), {"x": large()}

    lent = memory.lend(inputs)

    assert lent.inputs["x"] is inputs["x"]
    with pytest.raises(BadRegion, match="Too many open files"):
        memory.empty(4)


def test_a_registration_carries_its_descriptor() -> None:
    """The size is the block's, in whole pages."""
    block = Block(1)

    call = block.registration()

    assert (block.fd,) == call.fds
    assert call.target == f"/v2/systemsharedmemory/region/{block.name}/register"
    assert call.body == (b'{"key":"fd:0","offset":0,"byte_size":4096}',)


def test_a_child_leaves_its_parents_scratch_alone() -> None:
    """It is another peer: what it has it registers anew, under its own id."""
    memory = Memory()
    array = memory.empty(MANY)
    lent = memory.lend({"x": large(), "y": array})
    scratch, home = lent.blocks[1], lent.blocks[0]
    if home is lent.scratch:
        scratch, home = home, scratch
    scratch.registered = home.registered = True
    memory.take_back(lent)

    memory.after_fork()

    mine = memory.lend({"x": large(), "y": array})
    assert scratch not in mine.blocks
    assert home in mine.unknown()


def test_nothing_is_left_open() -> None:
    """Close gives up scratch; arrays go with their last reference."""
    before = len(list(Path("/proc/self/fd").iterdir())), mappings()
    memory = Memory()
    array = memory.empty(MANY)
    lent = memory.lend({"x": large(), "y": array})
    memory.take_back(lent)

    memory.close()
    del array, lent

    assert (mappings(), len(list(Path("/proc/self/fd").iterdir()))) == before[::-1]


def test_outputs_lie_behind_the_inputs_of_one_block() -> None:
    """Aligned, apart, and read from where the daemon writes."""
    memory = Memory()

    lent = memory.lend({"x": large()}, {"a": 100, "b": 50})

    (block,) = lent.blocks
    places = [(place.offset, place.size) for place in lent.places.values()]
    assert [(SHARED_BYTES, 100), (SHARED_BYTES + 128, 50)] == places
    os.pwrite(block.fd, b"answer", SHARED_BYTES + 128)
    assert b"answer" == bytes(lent.placed()["b"][:6])
    assert (100, 50) == tuple(map(len, lent.placed().values()))


def test_scratch_that_may_still_be_written_is_dropped() -> None:
    """The call failed, and its run may be under way."""
    memory = Memory()
    late = memory.lend({}, {"a": 100})
    late.blocks[0].registered = True
    memory.take_back(late)
    good = memory.lend({}, {"a": 100})
    good.at_rest = True
    memory.take_back(good)

    again = memory.lend({}, {"a": 100})

    assert late.blocks != good.blocks
    assert good.blocks == again.blocks
    assert 1 == len(memory.unregistrations())


def test_a_daemon_without_memory_is_asked_for_bodies() -> None:
    """No place is named that it does not know."""
    memory = Memory()
    lent = memory.lend({"x": large()}, {"a": 100})

    lent.send_plain()
    memory.usable = False

    assert ({}, {}) == (lent.places, lent.placed())
    assert {} == memory.lend({}, {"a": 100}).places
