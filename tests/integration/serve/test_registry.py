"""Request -> answer with real runtimes and real threads."""

import asyncio
import threading
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from edged.errors import (
    DeadlineExceeded,
    NotReady,
    QueueFull,
    UnknownModel,
    UnknownVariant,
    UnknownVersion,
)
from edged.serve.request import InferRequest
from edged.wire.messages import ModelName, ModelPhase
from edged.wire.release import BackendName, Variant
from tests.data import tflite_files
from tests.fakes.box import LIMITS, Box, bundle


async def test_a_rung_can_be_insisted_on(tmp_path: Path) -> None:
    """Both answer the same signature; an unknown one is refused by name."""
    box = Box(tmp_path)
    await box.start()
    rungs = bundle(
        extra={"small.tflite": tflite_files.adder()},
        variants=(
            Variant(id="big", backend=BackendName.ONNX, file="model.onnx"),
            Variant(id="small", backend=BackendName.LITERT, file="small.tflite"),
        ),
    )
    await box.install(rungs)

    assert await box.ask(variant="big") == await box.ask(variant="small")
    with pytest.raises(UnknownVariant, match="it has big, small"):
        await box.ask(variant="huge")
    counted = {v.id: v.requests for v in box.registry.status("sums").variants}
    assert counted == {"big": 1, "small": 1}
    box.close()


async def test_a_rung_that_rotted_is_left_out_at_start(tmp_path: Path) -> None:
    """The rest of the ladder serves; status says what is missing."""
    box = Box(tmp_path)
    await box.start()
    live = await box.install(
        bundle(
            extra={"small.tflite": tflite_files.adder()},
            variants=(
                Variant(id="big", backend=BackendName.ONNX, file="model.onnx"),
                Variant(id="small", backend=BackendName.LITERT, file="small.tflite"),
            ),
        )
    )
    file = box.layout.release("sums", live.live.folder) / "model.onnx"
    file.write_bytes(b"\0" * file.stat().st_size)

    again = Box(tmp_path)
    await again.start()

    assert await again.ask() == [2.0] * 4
    status = again.registry.status("sums")
    assert status.phase is ModelPhase.READY
    assert "variant big of sums is left out" in status.problem.text
    with pytest.raises(UnknownVariant, match="could not be loaded"):
        await again.ask(variant="big")
    box.close()
    again.close()


async def test_what_is_not_there_is_told_apart(box: Box) -> None:
    """Unknown name, unknown version, not loaded."""
    with pytest.raises(UnknownModel, match="installed are sums, totals"):
        await box.ask(model="nobody")
    with pytest.raises(UnknownVersion, match=r"1\.1 is the live one"):
        await box.ask(version="9")
    await box.unload("sums")
    with pytest.raises(NotReady):
        await box.ask()


async def test_a_passed_deadline_runs_nothing(box: Box) -> None:
    """The caller is told at once and the model is not asked."""
    before = box.registry.live("sums").stats.execution_count

    with pytest.raises(DeadlineExceeded):
        await box.ask(deadline_s=0.0)

    assert box.registry.live("sums").stats.execution_count == before
    assert await box.ask() == [2.0] * 4


async def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    """Two fit, the others are refused and counted; afterwards all is empty."""
    box = Box(tmp_path, limits=msgspec.structs.replace(LIMITS, queue_length=2))
    await box.start()
    await box.install(bundle())
    outcomes: list[str] = []

    async def ask() -> None:
        try:
            await box.ask()
        except QueueFull:
            outcomes.append("refused")
        else:
            outcomes.append("answered")

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(ask())

    assert outcomes.count("answered") == 2
    assert outcomes.count("refused") == 8
    live = box.registry.live("sums")
    assert (live.scheduler.inflight, live.stats.rejected["queue-full"]) == (0, 8)
    box.close()


async def test_a_retired_release_closes_when_its_last_caller_left(box: Box) -> None:
    """Its thread ends; nothing leaks over twenty switches."""

    def threads() -> int:
        return sum(t.name.startswith("run-sums") for t in threading.enumerate())

    await box.ask()
    for seq in range(2, 22):
        await box.install(bundle(seq=seq))
        await box.ask()

    async with asyncio.timeout(5):
        while threads() > 1:  # noqa: ASYNC110  # a thread ends without an event
            await asyncio.sleep(0.02)


async def test_loading_and_unloading_gives_memory_back(box: Box, models: Path) -> None:
    """Thirty rounds of a 14 MB model stay within 10 % of the first ones."""
    file = models / "mobilenet-ladder/mobilenet_v2_1.0_224_fp32.onnx"
    await box.install({"vision.onnx": file.read_bytes()}, name="vision")
    vision = ModelName(name="vision")
    (given,) = box.registry.live("vision").signature.inputs
    x = np.zeros([1 if dim < 0 else dim for dim in given.shape], "<f4")
    process = psutil.Process()
    sizes = []

    for _ in range(30):
        await box.registry.infer(InferRequest(model="vision", inputs={given.name: x}))
        await box.unload(vision.name)
        await box.load(vision.name)
        sizes.append(process.memory_info().rss)

    assert max(sizes[10:]) <= 1.1 * max(sizes[:5])
