"""Regions on real memory: whose they are, how long they last, what is viewed."""

import asyncio
import fcntl
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edged.errors import (
    BadRegion,
    InvalidTensor,
    TooLarge,
    UnknownRegion,
    Unsupported,
)
from edged.host.peer import Peer
from edged.host.shm import FOLDER
from edged.serve.regions import Bounds, Regions, Usage, bounds_for
from edged.serve.slot import IN_PLACE_BYTES
from edged.wire.oip import Place, SharedTensor
from edged.wire.oip_regions import RegionStatus, Registration
from edged.wire.tensors import Datatype, Shape, TensorSpec

SIZE = 1 << 20
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
NAME = f"edged-regions-{os.getpid()}"
ME = Peer(pid=os.getpid(), uid=os.getuid(), gid=os.getgid())
OTHER = Peer(pid=1, uid=os.getuid(), gid=os.getgid())

Memory = Callable[[int], int]


@pytest.fixture
async def regions() -> Iterator[Regions]:
    """Return an owner in which I am connected."""
    made = Regions(Bounds(regions=3, region_bytes=4 * SIZE, named=2))
    made.enter(ME, "here")
    yield made
    made.close()


@pytest.fixture
def memory() -> Iterator[Memory]:
    """Return what makes sealed memfds."""
    made: list[int] = []

    def make(size: int = SIZE) -> int:
        fd = os.memfd_create("edged-regions", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        made.append(fd)
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        return fd

    yield make
    for fd in made:
        os.close(fd)


@pytest.fixture
def named() -> Iterator[str]:
    """Return the key of an object."""
    file = Path(FOLDER) / NAME
    file.touch(0o600)
    os.truncate(file, SIZE)
    yield NAME
    file.unlink()


def register(
    regions: Regions,
    fd: int,
    name: str = "r",
    *,
    peer: Peer = ME,
    offset: int = 0,
    size: int = SIZE,
) -> None:
    """Register a memfd."""
    document = Registration(key="fd:0", offset=offset, byte_size=size)
    regions.register(peer, "here", name, document, [fd])


def tensor(datatype: Datatype, shape: Shape, *, at: int = 0, size: int) -> SharedTensor:
    """Describe a tensor in the region `r`."""
    return SharedTensor(
        datatype=datatype, shape=shape, place=Place(region="r", offset=at, size=size)
    )


def read(regions: Regions, shared: SharedTensor) -> np.ndarray:
    """Take it."""
    return regions.slot(ME, shared.place, "input 'x'").tensor(shared, "input 'x'", [])


def open_files() -> set[str]:
    """Name this process's open descriptors."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def maps() -> int:
    """Count mapped memfds of this test."""
    gc.collect()  # what an earlier test's traceback still holds
    return Path("/proc/self/maps").read_text().count("memfd:edged-regions")


# --- what is viewed, what is copied ------------------------------------------

FLOATS = IN_PLACE_BYTES // 4


async def test_large_floats_are_views(regions: Regions, memory: Memory) -> None:
    """What the peer writes afterwards shows: it is the peer's own memory."""
    fd = memory(SIZE)
    register(regions, fd)

    array = read(regions, tensor(Datatype.FP32, (FLOATS,), at=64, size=IN_PLACE_BYTES))
    os.pwrite(fd, np.float32(7).tobytes(), 64)

    assert array[0] == 7


@pytest.mark.parametrize(
    ("datatype", "count", "at"),
    [
        (Datatype.INT32, FLOATS, 0),
        (Datatype.INT64, FLOATS, 0),
        (Datatype.UINT8, IN_PLACE_BYTES, 0),
        (Datatype.BOOL, IN_PLACE_BYTES, 0),
        (Datatype.FP32, FLOATS - 1, 0),
        (Datatype.FP32, FLOATS, 32),
        (Datatype.FP32, FLOATS, 1),
    ],
)
async def test_everything_else_is_a_copy(
    regions: Regions, memory: Memory, datatype: Datatype, count: int, at: int
) -> None:
    """Integers and BOOL, what is small, and what stands askew."""
    fd = memory(SIZE)
    register(regions, fd)
    size = count * (datatype.item_bytes or 0)

    array = read(regions, tensor(datatype, (count,), at=at, size=size))
    os.pwrite(fd, b"\1" * size, at)

    assert not array.any()


async def test_text_is_copied_before_it_is_taken_apart(
    regions: Regions, memory: Memory
) -> None:
    """Its lengths cannot change under the parser."""
    fd = memory(SIZE)
    register(regions, fd)
    os.pwrite(fd, b"\3\0\0\0one\2\0\0\0of", 0)

    array = read(regions, tensor(Datatype.BYTES, (2,), size=13))
    os.pwrite(fd, b"\xff" * 13, 0)

    assert [b"one", b"of"] == array.tolist()


async def test_a_bool_that_is_none_is_told(regions: Regions, memory: Memory) -> None:
    """Checked on the copy."""
    fd = memory(SIZE)
    register(regions, fd)
    os.pwrite(fd, b"\2", 0)

    with pytest.raises(InvalidTensor, match="a BOOL is a byte of 0 or 1"):
        read(regions, tensor(Datatype.BOOL, (1,), size=1))


async def test_a_copy_is_bounded(memory: Memory) -> None:
    """A large sparse object must not become the daemon's memory."""
    regions = Regions(Bounds(copied_bytes=1000))
    register(regions, memory(SIZE))

    with pytest.raises(TooLarge, match="1001 bytes, the limit is 1000"):
        read(regions, tensor(Datatype.UINT8, (1001,), size=1001))


# --- outputs -----------------------------------------------------------------


def spec(datatype: Datatype, shape: Shape) -> TensorSpec:
    """Describe an output."""
    return TensorSpec(name="y", datatype=datatype, shape=shape)


@pytest.mark.parametrize(
    ("output", "in_place"),
    [
        (spec(Datatype.FP32, (1 << 14,)), True),
        (spec(Datatype.FP32, (100,)), False),
        (spec(Datatype.INT32, (1 << 14,)), False),
        (spec(Datatype.FP32, (-1,)), False),
        (spec(Datatype.BYTES, (2,)), False),
    ],
)
async def test_large_floats_of_known_size_are_computed_in_place(
    regions: Regions,
    memory: Memory,
    output: TensorSpec,
    in_place: bool,  # noqa: FBT001
) -> None:
    """Everything else is put there after the run."""
    register(regions, memory(SIZE))

    slot = regions.slot(ME, Place(region="r", offset=0, size=SIZE), "output 'y'")

    assert in_place == (slot.target(output) is not None)


async def test_an_output_is_put_where_it_is_wanted(
    regions: Regions, memory: Memory
) -> None:
    """From the slot's own start, and not beyond its end."""
    fd = memory(SIZE)
    register(regions, fd, offset=100, size=1000)
    slot = regions.slot(ME, Place(region="r", offset=28, size=8), "output 'y'")

    slot.put(np.array([1, 2], np.int32), "output 'y'")

    assert os.pread(fd, 12, 128) == b"\1\0\0\0\2\0\0\0\0\0\0\0"
    with pytest.raises(BadRegion, match=r"takes 12 bytes, .*is 8") as caught:
        slot.put(np.array([1, 2, 3], np.int32), "output 'y'")
    assert caught.value.fields["needs_bytes"] == 12


async def test_an_output_known_to_be_too_large_is_told_before_the_run(
    regions: Regions, memory: Memory
) -> None:
    """By the signature."""
    register(regions, memory(SIZE))
    slot = regions.slot(ME, Place(region="r", offset=0, size=8), "output 'y'")

    with pytest.raises(BadRegion, match=r"output 'y' .*takes 12 bytes"):
        slot.target(spec(Datatype.INT32, (3,)))


# --- whose, and how long -----------------------------------------------------


async def test_a_region_of_another_peer_is_unknown(
    regions: Regions, memory: Memory
) -> None:
    """Not forbidden: it does not exist for them, and the name is free."""
    register(regions, memory(SIZE))

    with pytest.raises(UnknownRegion):
        regions.status(OTHER, "r")
    with pytest.raises(UnknownRegion):
        regions.slot(OTHER, Place(region="r", offset=0, size=1), "input 'x'")
    regions.unregister(OTHER)
    register(regions, memory(SIZE), peer=OTHER)
    assert (1, 1) == (len(regions.status(ME)), len(regions.status(OTHER)))


async def test_memory_goes_with_the_last_connection(
    regions: Regions, memory: Memory
) -> None:
    """Not with the one that registered it."""
    regions.enter(ME, "there")
    register(regions, memory(SIZE))

    regions.leave(ME, "here")
    with_one = maps()
    regions.leave(ME, "there")

    assert (1, 0) == (with_one, maps())
    assert regions.status(ME) == ()


async def test_unregistered_memory_stays_until_its_user_is_done(
    regions: Regions, memory: Memory
) -> None:
    """A run in flight finishes on it."""
    register(regions, memory(SIZE))
    array = read(regions, tensor(Datatype.FP32, (FLOATS,), size=IN_PLACE_BYTES))
    slot = regions.slot(ME, Place(region="r", offset=0, size=4), "output 'y'")

    regions.unregister(ME, "r")
    in_use = maps()
    array[0] = 1
    slot.put(np.ones(1, np.float32), "output 'y'")
    del array, slot

    assert (1, 0) == (in_use, maps())


async def test_a_named_region_outlives_its_connections(
    regions: Regions, named: str
) -> None:
    """Stock clients come on new ones all the time."""
    regions.register(ME, "here", "r", Registration(key=named, byte_size=SIZE), ())

    regions.leave(ME, "here")

    expected = RegionStatus(name="r", key=named, offset=0, byte_size=SIZE)
    assert regions.status(ME) == (expected,)


async def test_a_named_region_goes_with_its_process(named: str) -> None:
    """And leaves no descriptor behind."""
    before = open_files()
    process = subprocess.Popen(  # noqa: ASYNC220  # an idle child, at once there
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    )
    peer = Peer(pid=process.pid, uid=os.getuid(), gid=0)
    regions = Regions()
    regions.register(peer, "x", "r", Registration(key=named, byte_size=SIZE), ())
    assert len(regions.status(peer)) == 1

    process.communicate(b"\n")
    async with asyncio.timeout(10):
        while regions.status(peer):  # noqa: ASYNC110  # the loop must see it end
            await asyncio.sleep(0.001)

    assert before == open_files()


async def test_a_named_region_of_a_process_that_cannot_be_watched(
    named: str,
) -> None:
    """It goes with the last connection, as a memfd does."""
    ghost = Peer(pid=2**22 + 1, uid=os.getuid(), gid=0)
    regions = Regions()
    regions.register(ghost, "x", "r", Registration(key=named, byte_size=SIZE), ())
    assert len(regions.status(ghost)) == 1

    regions.leave(ghost, "x")

    assert regions.status(ghost) == ()


async def test_everybodys_regions_are_counted(regions: Regions, memory: Memory) -> None:
    """Their own bytes, not those of the objects."""
    register(regions, memory(SIZE), size=100)
    register(regions, memory(SIZE), size=1000, peer=OTHER)

    assert Usage(regions=2, region_bytes=1100) == regions.usage()


# --- bounds and refusals -----------------------------------------------------


async def test_a_peer_has_so_many_regions(regions: Regions, memory: Memory) -> None:
    """One more is refused, and nothing is left of it."""
    for name in "abc":
        register(regions, memory(SIZE), name)

    with pytest.raises(BadRegion, match="has 3, its bound"):
        register(regions, memory(SIZE), "d")

    assert maps() == 3
    regions.unregister(ME, "a")
    register(regions, memory(SIZE), "d")


async def test_a_peer_has_so_many_bytes(regions: Regions, memory: Memory) -> None:
    """What lies before a region in its object counts, because it is mapped."""
    register(regions, memory(4 * SIZE), "a", offset=2 * SIZE, size=SIZE)

    with pytest.raises(BadRegion, match=f"bound is {4 * SIZE}"):
        register(regions, memory(2 * SIZE), "b", size=SIZE + 1)

    register(regions, memory(SIZE), "b")


async def test_all_peers_have_so_many_bytes(memory: Memory) -> None:
    """So that many peers cannot make the daemon fill the machine."""
    regions = Regions(bounds_for(2 * SIZE, copied_bytes=SIZE))
    register(regions, memory(SIZE), "a", size=SIZE // 2)
    register(regions, memory(SIZE), "a", size=SIZE // 2, peer=OTHER)
    third = Peer(pid=2, uid=ME.uid, gid=ME.gid)

    with pytest.raises(BadRegion, match=f"would pass {SIZE} bytes, their bound"):
        register(regions, memory(SIZE), "a", size=1, peer=third)


async def test_all_peers_have_so_many_named_objects(
    regions: Regions, named: str
) -> None:
    """Each costs a descriptor, which belongs to everybody."""
    document = Registration(key=named, byte_size=SIZE)
    regions.register(ME, "here", "a", document, ())
    regions.register(OTHER, "there", "a", document, ())

    with pytest.raises(BadRegion, match="the bound of all"):
        regions.register(ME, "here", "b", document, ())


@pytest.mark.parametrize("count", [0, 2])
async def test_exactly_one_descriptor_belongs_to_a_memfd(
    regions: Regions, memory: Memory, count: int
) -> None:
    """Neither none nor two."""
    document = Registration(key="fd:0", byte_size=SIZE)

    with pytest.raises(BadRegion, match=f"{count} file descriptors came"):
        regions.register(ME, "here", "r", document, [memory(SIZE)] * count)


async def test_no_descriptor_belongs_to_a_name(
    regions: Regions, memory: Memory, named: str
) -> None:
    """It would be a mistake of somebody's."""
    with pytest.raises(BadRegion, match="none belongs"):
        regions.register(
            ME, "here", "r", Registration(key=named, byte_size=1), [memory(SIZE)]
        )


async def test_a_region_lies_within_its_memory(
    regions: Regions, memory: Memory
) -> None:
    """And a tensor within its region."""
    with pytest.raises(BadRegion, match=f"would end at byte {SIZE + 1}"):
        register(regions, memory(SIZE), offset=1)
    register(regions, memory(SIZE), size=100)

    with pytest.raises(BadRegion, match=r"bytes 97 to 101 .* it has 100"):
        regions.slot(ME, Place(region="r", offset=97, size=4), "input 'x'")


async def test_nobody_on_tcp_has_regions(regions: Regions) -> None:
    """Who is there is not known."""
    with pytest.raises(Unsupported):
        regions.status(None)
    with pytest.raises(Unsupported):
        regions.unregister(None)
    with pytest.raises(Unsupported):
        regions.register(None, "t", "r", Registration(key="k", byte_size=1), ())
    with pytest.raises(Unsupported):
        regions.slot(None, Place(region="r", offset=0, size=1), "input 'x'")


async def test_peers_that_cannot_be_told_apart_have_none(
    regions: Regions, memory: Memory
) -> None:
    """In another pid namespace everybody is process 0."""
    ghost = Peer(pid=0, uid=ME.uid, gid=ME.gid)

    with pytest.raises(Unsupported, match="pid namespace"):
        register(regions, memory(SIZE), peer=ghost)


async def test_what_is_refused_leaves_nothing(memory: Memory) -> None:
    """No room is kept for a peer that was refused."""
    regions = Regions()
    with pytest.raises(BadRegion):
        register(regions, memory(SIZE), offset=SIZE)

    assert (0, "0 regions of 0 peers") == (len(regions._rooms), repr(regions))
