"""Tensors lent by a peer, from admission to answer."""

import asyncio
import fcntl
import gc
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from edged.errors import BadRegion, InvalidTensor, UnknownRegion
from edged.host.peer import Peer
from edged.serve.lending import borrow
from edged.serve.live import Live
from edged.serve.placement import MEASURED, Placement
from edged.serve.regions import Regions
from edged.serve.request import InferRequest
from edged.serve.slot import BOUND_BYTES, LOOP_COPY_BYTES
from edged.wire.oip import Place, SharedTensor, Wanted
from edged.wire.oip_regions import Registration
from edged.wire.tensors import Datatype, Shape
from tests.fakes.models import live_model, registry_of, signature

ME = Peer(pid=os.getpid(), uid=os.getuid(), gid=0)
SIZE = 4 << 20
MANY = BOUND_BYTES // 4


@pytest.fixture
def fd() -> Iterator[int]:
    """Return a sealed memfd."""
    made = os.memfd_create("edged-lending", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(made, SIZE)
    fcntl.fcntl(made, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    yield made
    os.close(made)


@pytest.fixture
def regions(fd: int) -> Regions:
    """Return regions in which it is `r`."""
    made = Regions()
    made.register(ME, "c", "r", Registration(key="fd:0", byte_size=SIZE), [fd])
    return made


@pytest.fixture
def live() -> Iterator[Live]:
    """Return a release with a large and a free output."""
    sig = signature(
        [("x", Datatype.FP32, (-1,)), ("n", Datatype.INT32, (1,))],
        [("y", Datatype.FP32, (MANY,)), ("z", Datatype.FP32, (-1,))],
    )
    made = live_model("m", sig, dict)
    yield made
    made.close_now().result()


def shared(datatype: Datatype, shape: Shape, *, at: int = 0) -> SharedTensor:
    """Describe an input in the region."""
    size = int(np.prod(shape)) * (datatype.item_bytes or 0)
    return SharedTensor(
        datatype=datatype, shape=shape, place=Place(region="r", offset=at, size=size)
    )


def wanted(name: str, at: int, size: int) -> Wanted:
    """Want an output in the region."""
    place = Place(region="r", offset=at, size=size)
    return Wanted(name=name, binary=False, place=place)


def maps() -> int:
    """Count mapped memfds of this test."""
    gc.collect()  # what an earlier test's traceback still holds
    return Path("/proc/self/maps").read_text().count("memfd:edged-lending")


def end_workers_of(model: str) -> None:
    """Wait for an unloaded model's workers: a run's frame outlives its answer."""
    for thread in threading.enumerate():
        if thread.name.startswith(f"run-{model}"):
            thread.join(5)


BODY = {"n": np.array([7], np.int32)}


def test_inputs_of_body_and_memory_come_together(
    regions: Regions, live: Live, fd: int
) -> None:
    """By name; nothing is asked of who wants no output there."""
    os.pwrite(fd, np.array([1, 2], np.float32).tobytes(), 64)
    lent = {"x": shared(Datatype.FP32, (2,), at=64)}

    loan = borrow(regions, ME, live, inputs=BODY, shared=lent, wanted=())

    assert ([1, 2], [7]) == (loan.inputs["x"].tolist(), loan.inputs["n"].tolist())
    assert ({}, {}) == (loan.into, loan.slots)


@pytest.mark.parametrize(
    "lent",
    [
        {"x": shared(Datatype.FP64, (2,))},
        {"x": shared(Datatype.FP32, (2, 2))},
        {"q": shared(Datatype.FP32, (2,))},
    ],
)
def test_what_the_model_does_not_take_is_not_looked_for(
    regions: Regions, live: Live, lent: dict[str, SharedTensor]
) -> None:
    """The tensor is refused before its memory is copied, whoever has the region."""
    for memory in (regions, Regions()):
        with pytest.raises(InvalidTensor):
            borrow(memory, ME, live, inputs=BODY, shared=lent, wanted=())


def test_a_large_output_is_made_in_place_and_another_put_there(
    regions: Regions, live: Live, fd: int
) -> None:
    """Either way it lies where it was wanted."""
    asked = (wanted("y", 0, BOUND_BYTES), wanted("z", BOUND_BYTES, 8))
    loan = borrow(regions, ME, live, inputs={}, shared={}, wanted=asked)
    loan.into["y"][:] = 3
    made = {"y": loan.into["y"], "z": np.array([4, 5], np.float32)}

    loan.place(made)

    found = np.frombuffer(os.pread(fd, BOUND_BYTES + 8, 0), np.float32)
    assert {"y"} == set(loan.into)
    assert (3, 3, [4, 5]) == (found[0], found[MANY - 1], found[MANY:].tolist())


def test_an_output_that_was_not_made_in_place_is_put_there(
    regions: Regions, live: Live, fd: int
) -> None:
    """The runtime may answer freshly all the same."""
    asked = (wanted("y", 0, BOUND_BYTES),)
    loan = borrow(regions, ME, live, inputs={}, shared={}, wanted=asked)

    loan.place({"y": np.full(MANY, 6, np.float32)})

    assert np.frombuffer(os.pread(fd, 4, 0), np.float32).tolist() == [6]


def test_room_is_checked_before_and_after(regions: Regions, live: Live) -> None:
    """A fixed output at once, a free one when it is there."""
    with pytest.raises(BadRegion, match=f"takes {BOUND_BYTES} bytes"):
        borrow(regions, ME, live, inputs={}, shared={}, wanted=(wanted("y", 0, 8),))
    loan = borrow(regions, ME, live, inputs={}, shared={}, wanted=(wanted("z", 0, 8),))

    with pytest.raises(BadRegion, match="takes 12 bytes"):
        loan.place({"z": np.zeros(3, np.float32)})


def test_an_unknown_region_is_told(live: Live) -> None:
    """For an output as for an input."""
    lent = {"x": shared(Datatype.FP32, (2,))}

    with pytest.raises(UnknownRegion, match="'r'"):
        borrow(Regions(), ME, live, inputs=BODY, shared=lent, wanted=())
    with pytest.raises(UnknownRegion, match="'r'"):
        borrow(Regions(), ME, live, inputs={}, shared={}, wanted=(wanted("z", 0, 8),))


async def test_a_run_finishes_on_memory_that_was_unregistered(
    regions: Regions, fd: int
) -> None:
    """It reads and writes what it was lent; then the memory is gone."""
    begun, go_on = threading.Event(), threading.Event()

    def double(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        begun.set()
        go_on.wait(5)
        return {"y": feeds["x"] * 2}

    tensors = [("x", Datatype.FP32, (-1,))], [("y", Datatype.FP32, (-1,))]
    live = live_model("slow", signature(*tensors), double)
    registry = registry_of(live)
    os.pwrite(fd, np.full(MANY, 4, np.float32).tobytes(), 0)
    loan = borrow(
        regions,
        ME,
        live,
        inputs={},
        shared={"x": shared(Datatype.FP32, (MANY,))},
        wanted=(wanted("y", BOUND_BYTES, BOUND_BYTES),),
    )
    asked = InferRequest(model="slow", inputs=loan.inputs, into=loan.into)
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(registry.infer(asked))
        while not begun.is_set():  # noqa: ASYNC110  # set in a thread
            await asyncio.sleep(0.001)
        regions.unregister(ME)
        os.pwrite(fd, np.full(MANY, 5, np.float32).tobytes(), 0)
        go_on.set()
    loan.place(answer.result().outputs)

    found = np.frombuffer(os.pread(fd, BOUND_BYTES, BOUND_BYTES), np.float32)
    assert regions.status(ME) == ()
    assert (10, 10) == (found[0], found[-1])  # it was a view: the later write shows
    del loan, asked, answer
    registry.unload("slow")
    end_workers_of("slow")
    assert not maps()


@pytest.mark.parametrize(
    ("datatype", "size", "later"),
    [
        (Datatype.INT32, LOOP_COPY_BYTES, 0),
        (Datatype.INT32, LOOP_COPY_BYTES + 4, 1),
        (Datatype.BOOL, LOOP_COPY_BYTES + 4, 0),
        (Datatype.FP32, LOOP_COPY_BYTES + 4, 0),
    ],
)
def test_what_is_large_is_copied_later(
    regions: Regions, datatype: Datatype, size: int, later: int
) -> None:
    """Unless its elements are checked, or it is not copied at all."""
    lent = {"x": shared(datatype, (size // (datatype.item_bytes or 1),))}
    live = live_model("m", signature([("x", datatype, (-1,))], []), dict)

    loan = borrow(regions, ME, live, inputs={}, shared=lent, wanted=())

    live.close_now().result()
    assert later == len(loan.fills)


async def test_a_large_copy_is_never_made_on_the_loop() -> None:
    """Not even for a model whose runs are so short that they happen there."""
    tensors = [("x", Datatype.INT32, (-1,))], [("y", Datatype.INT32, (-1,))]
    live = live_model("m", signature(*tensors), lambda feeds: {"y": feeds["x"]})
    registry = registry_of(live)
    x = {"x": np.zeros(1, np.int32)}
    seen: list[int] = []
    for _ in range(3 * MEASURED):
        await registry.infer(InferRequest(model="m", inputs=x))

    def fill() -> None:
        seen.append(threading.get_ident())

    await registry.infer(InferRequest(model="m", inputs=x, fills=(fill,)))

    places = {live.scheduler.placement(variant) for variant in live.stats.variants}
    registry.unload("m")
    assert Placement.LOOP in places
    assert 1 == len(seen)
    assert threading.get_ident() != seen[0]


async def test_a_large_copy_is_made_where_the_model_runs(
    regions: Regions, fd: int
) -> None:
    """Before it runs, and once; it is what the run sees, whatever the peer does."""
    count = LOOP_COPY_BYTES // 4 + 1
    os.pwrite(fd, np.full(count, 4, np.int32).tobytes(), 0)
    seen: list[tuple[str, int]] = []

    def run(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        os.pwrite(fd, np.full(count, 5, np.int32).tobytes(), 0)
        seen.append(("run", threading.get_ident()))
        return {"y": feeds["x"].copy()}

    tensors = [("x", Datatype.INT32, (-1,))], [("y", Datatype.INT32, (-1,))]
    live = live_model("whole", signature(*tensors), run)
    registry = registry_of(live)
    lent = {"x": shared(Datatype.INT32, (count,))}
    loan = borrow(regions, ME, live, inputs={}, shared=lent, wanted=())

    def fill() -> None:
        seen.append(("fill", threading.get_ident()))
        loan.fills[0]()

    asked = InferRequest(model="whole", inputs=loan.inputs, fills=(fill,))
    answer = await registry.infer(asked)

    output = answer.outputs["y"]
    registry.unload("whole")
    assert (4, 4) == (output.min(), output.max())
    assert ["fill", "run"] == [what for what, _ in seen]
    assert 1 == len({thread for _, thread in seen})


async def test_a_copy_that_fails_is_its_callers_error() -> None:
    """An object was cut short; nothing runs on what is missing."""
    runs: list[int] = []

    def run(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        runs.append(1)
        return {"y": feeds["x"]}

    def fill() -> None:
        raise BadRegion("cannot read: it ends at byte 0")

    tensors = [("x", Datatype.INT32, (-1,))], [("y", Datatype.INT32, (-1,))]
    registry = registry_of(live_model("m", signature(*tensors), run))
    asked = InferRequest(model="m", inputs={"x": np.zeros(1, np.int32)}, fills=(fill,))

    with pytest.raises(BadRegion):
        await registry.infer(asked)

    registry.unload("m")
    assert [] == runs
