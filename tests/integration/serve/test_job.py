"""Joint runs on a real model: nobody can tell."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edged.errors import InvalidTensor
from edged.wire.adapt import Strategy
from edged.wire.release import Batch, Input, Output, Signature
from edged.wire.tensors import Datatype
from tests.data import onnx_files
from tests.fakes.box import LIMITS, Box, bundle
from tests.fakes.ladders import regime

FREE = Signature(
    inputs=(Input(name="x", datatype=Datatype.FP32, shape=(-1, 4)),),
    outputs=(Output(name="y", datatype=Datatype.FP32, shape=(-1, 4)),),
)
WIDE = Signature(
    inputs=(Input(name="x", datatype=Datatype.FP32, shape=(-1, -1)),),
    outputs=(Output(name="y", datatype=Datatype.FP32, shape=(-1, -1)),),
)


def batched(signature: Signature = FREE, **changes: object) -> dict[str, bytes]:
    """Return a bundle of a model whose requests may be joined."""
    dims = ("N", 4) if signature is FREE else ("N", "M")
    model = onnx_files.unary("Softmax", dims=dims)
    batch = Batch(axis=0, max=8)
    return bundle(model, signature=signature, batch=batch, **changes)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """Return a box that joins what comes within 20 ms."""
    limits = msgspec.structs.replace(LIMITS, batch_window_s=0.02, batch_max=8)
    made = Box(tmp_path, limits=limits)
    await made.start()
    yield made
    made.close()


async def asked(box: Box, inputs: list[np.ndarray]) -> list[list[float]]:
    """Ask all at once."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(box.ask(x)) for x in inputs]
    return [task.result() for task in tasks]


async def test_joint_answers_are_those_of_single_ones(box: Box) -> None:
    """Each caller gets its own rows, and fewer runs were made than requests."""
    await box.install(batched())
    rng = np.random.default_rng(7)
    inputs = [rng.standard_normal((n % 3 + 1, 4)).astype("<f4") for n in range(12)]
    alone = [await box.ask(x) for x in inputs]
    runs: list[int] = []
    rung = box.registry.live("sums").ladder.rungs[0]
    inner = rung.runs.run
    rung.runs.run = lambda feeds, wanted, *rest: (  # type: ignore[method-assign]  # a probe
        runs.append(len(feeds["x"])) or inner(feeds, wanted, *rest)
    )

    together = await asked(box, inputs)

    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert len(runs) < 12
    assert max(runs) <= 8
    assert sum(runs) == sum(len(x) for x in inputs)


async def test_other_shapes_run_apart(box: Box) -> None:
    """A request of another width does not spoil, nor join, the others."""
    await box.install(batched(WIDE))

    answers = await asked(
        box, [np.ones((1, 4), "<f4"), np.ones((1, 5), "<f4"), np.ones((1, 4), "<f4")]
    )

    assert [len(answer) for answer in answers] == [4, 5, 4]


async def test_a_lone_request_waits_no_longer_than_the_window(box: Box) -> None:
    """And one that is full waits not at all."""
    await box.install(batched())
    loop = asyncio.get_running_loop()
    began = loop.time()

    await box.ask()
    lone = loop.time() - began
    began = loop.time()
    await box.ask(np.ones((8, 4), "<f4"))
    full = loop.time() - began

    assert 0.015 <= lone < 2
    assert full < lone


async def test_a_refused_request_joins_nobody(box: Box) -> None:
    """It is refused before the queue; the others are answered."""
    await box.install(batched())

    async def bad() -> None:
        with pytest.raises(InvalidTensor):
            await box.ask(np.ones((1, 9), "<f4"))

    async with asyncio.TaskGroup() as group:
        group.create_task(bad())
        good = group.create_task(box.ask())

    assert good.result() == [0.25] * 4


async def test_without_a_window_nothing_is_joined(tmp_path: Path) -> None:
    """The default."""
    box = Box(tmp_path)
    await box.start()
    await box.install(batched())

    answers = await asked(box, [np.ones((1, 4), "<f4")] * 4)

    assert answers == [[0.25] * 4] * 4
    box.close()


async def test_a_strategy_opens_a_window_and_closes_it(tmp_path: Path) -> None:
    """What waits in it when it closes is run at once."""
    box = Box(tmp_path, limits=msgspec.structs.replace(LIMITS, batch_max=8))
    await box.start()
    await box.install(batched())
    box.registry.obey(regime(Strategy.LIGHTWEIGHT, caps={"batch_window_s": 60.0}))

    async with asyncio.TaskGroup() as group:
        lone = group.create_task(box.ask())
        await asyncio.sleep(0.1)
        assert not lone.done()
        box.registry.obey(regime())

    assert lone.result() == [0.25] * 4
    box.close()


async def test_nobody_is_late_for_the_sake_of_company(tmp_path: Path) -> None:
    """A window ends before the deadline of who waits in it."""
    box = Box(tmp_path, limits=msgspec.structs.replace(LIMITS, batch_max=8))
    await box.start()
    await box.install(batched())
    box.registry.obey(regime(Strategy.LIGHTWEIGHT, caps={"batch_window_s": 60.0}))
    box.registry.live("sums").stats.variants["fp32"].add(200_000_000)

    assert await box.ask(deadline_s=time.monotonic() + 1.0) == [0.25] * 4
    box.close()
