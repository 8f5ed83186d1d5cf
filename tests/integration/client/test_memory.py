"""The Python clients' shared memory, through the door of a real daemon."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edged.client import AsyncClient, Client
from edged.client.memory import SHARED_BYTES
from edged.errors import Busy, TimedOut
from tests.data import onnx_files
from tests.fakes.daemon import ROOT, Daemon, running, short_home

SHAPE = (4, SHARED_BYTES // 16)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Return a folder with a short path."""
    with short_home() as made:
        yield made


@pytest.fixture(scope="module")
def box(home: Path) -> Iterator[Daemon]:
    """Return a daemon that serves `twice`: y = x + x, of any size."""
    path = home / "twice.onnx"
    path.write_bytes(onnx_files.adder(dims=["N", "M"]))
    with running(home) as daemon:
        daemon.install(path, name="twice")
        yield daemon


def mapped(daemon: Daemon) -> int:
    """Count the blocks that the daemon has mapped."""
    maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
    return maps.count("memfd:edged-client")


@pytest.fixture(autouse=True)
def _nobody_is_left(box: Daemon) -> None:
    """Begin when the daemon has noticed that the last test's clients are gone."""
    assert _soon(lambda: mapped(box) == 0)


def large(value: float = 1) -> np.ndarray:
    """Return an array that is just large enough to be shared."""
    return np.full(SHAPE, value, np.float32)


def test_a_large_array_goes_by_memory(box: Daemon) -> None:
    """Registered once, used for every call, and gone with the client."""
    with Client(box.data) as client:
        for value in range(5):
            result = client.infer("twice", {"x": large(value)})
            assert (result.output == 2 * value).all()
            assert mapped(box) == (2 if value else 1)  # the second has room for answers

    assert _soon(lambda: mapped(box) == 0)


def test_an_array_of_the_client_is_not_copied(box: Daemon) -> None:
    """A ring of frames is one region."""
    with Client(box.data) as client:
        frames = client.empty((3, *SHAPE))
        for value, frame in enumerate(frames):
            frame[:] = value
            assert (client.infer("twice", {"x": frame}).output == 2 * value).all()
        assert mapped(box) == 2  # the frames, and the scratch of the answers


def test_memory_that_was_dropped_is_given_back(box: Daemon) -> None:
    """The next registration tells the daemon."""
    with Client(box.data) as client:
        for _ in range(100):  # more than a process may have at a time
            array = client.empty(SHAPE)
            array[:] = 1
            client.infer("twice", {"x": array})
            del array

        assert _soon(lambda: mapped(box) <= 2)


def test_a_large_answer_comes_by_memory(box: Daemon) -> None:
    """From the second on; it is the caller's own, whatever is asked later."""
    x = np.ones((1, 4), np.float32)
    with Client(box.data) as client:
        sizes = []
        for _ in range(2):
            client.infer("twice", {"x": x})
            sizes.append(mapped(box))
        kept = [client.infer("twice", {"x": large(value)}).output for value in range(9)]

    assert [0, 0] == sizes
    assert [[2 * value] * 2 for value in range(9)] == [[y.min(), y.max()] for y in kept]
    assert all(y.flags.owndata and y.flags.writeable for y in kept[1:])


def test_an_answer_that_is_larger_than_the_last_is_asked_for_again() -> None:
    """The same inputs, by their shapes, with outputs of another size."""
    with short_home() as other, running(other) as daemon:
        path = other / "nonzero.onnx"
        path.write_bytes(
            onnx_files.model(
                [onnx_files.node("NonZero", ["x"], ["y"])],
                [onnx_files.value_info("x", onnx_files.FLOAT, ["N"])],
                [onnx_files.value_info("y", onnx_files.INT64, [1, "M"])],
            )
        )
        daemon.install(path, name="where")
        x = np.zeros(SHARED_BYTES, np.float32)
        x[: SHARED_BYTES // 4] = 1
        with Client(daemon.data) as client:
            sizes = []
            for _ in range(3):
                sizes.append(client.infer("where", {"x": x}).output.size)
                x[:] = 1

    assert [SHARED_BYTES // 4, SHARED_BYTES, SHARED_BYTES] == sizes


def test_scratch_of_a_call_that_timed_out_is_not_used_again(box: Daemon) -> None:
    """A run that is late may still write its answer there."""
    with Client(box.data) as client:
        for _ in range(2):
            client.infer("twice", {"x": large()})
        before = {block.name for block in client._memory._scratch}
        with suppress(TimedOut, Busy):
            client.infer("twice", {"x": large()}, timeout_s=1e-6)
        after = {block.name for block in client._memory._scratch}

    assert after < before


def test_small_arrays_use_no_memory(box: Daemon) -> None:
    """They go in the body as ever."""
    with Client(box.data) as client:
        client.infer("twice", {"x": np.ones((1, 4), np.float32)})

        assert mapped(box) == 0


def test_metadata_between_does_no_harm(box: Daemon) -> None:
    """It ends a connection, and maybe the last one: then all is told anew."""
    with Client(box.data) as client:
        array = client.empty(SHAPE)
        for value in range(3):
            array[:] = value
            result = client.infer("twice", array)
            client.metadata("twice")
            assert (result.output == 2 * value).all()


def test_many_threads_share_a_client(box: Daemon) -> None:
    """Each call has scratch of its own; an array may be sent by several at a time."""
    with Client(box.data) as client:
        mine = client.empty(SHAPE)
        mine[:] = 100

        def ask(value: int) -> bool:
            own = client.infer("twice", {"x": large(value)}).output
            shared = client.infer("twice", {"x": mine}).output
            return bool((own == 2 * value).all() and (shared == 200).all())

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(64)))


async def test_a_model_is_a_function(box: Daemon) -> None:
    """The same in both clients; options are those of `infer`."""
    x = np.ones((1, 4), np.float32)
    with Client(box.data) as client:
        model = client.model("twice")
        result = model(x, explain=True)
    async with AsyncClient(box.data) as other:
        answered = await other.model("twice")({"x": x}, timeout_s=5)

    assert ("Model('twice')", "twice") == (repr(model), result.model)
    assert result.explained is not None
    assert result.output.tolist() == answered.output.tolist() == [[2, 2, 2, 2]]


async def test_the_async_client_does_the_same(box: Daemon) -> None:
    """Many calls at a time, from scratch and from an array of its own."""
    async with AsyncClient(box.data) as client:
        mine = client.empty(SHAPE)
        mine[:] = 100
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(client.infer("twice", {"x": array}))
                for n in range(8)
                for array in (large(n), mine)
            ]
        answers = [task.result().output for task in asked]

    expected = [value for n in range(8) for value in (2 * n, 200)]
    assert expected == [float(answer.max()) for answer in answers]
    assert expected == [float(answer.min()) for answer in answers]


async def test_the_async_client_gets_large_answers_by_memory(box: Daemon) -> None:
    """From the second on, each call in scratch of its own."""
    async with AsyncClient(box.data) as client:
        await client.infer("twice", {"x": large()})
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(client.infer("twice", {"x": large(n)}))
                for n in range(8)
            ]
        answers = [task.result().output for task in asked]

    assert [2 * n for n in range(8)] == [float(answer.max()) for answer in answers]
    assert all(answer.flags.owndata for answer in answers)


def test_another_daemon_is_told_anew() -> None:
    """A restart forgets regions; the call that finds out is answered all the same."""
    with short_home() as other:
        path = other / "twice.onnx"
        path.write_bytes(onnx_files.adder(dims=["N", "M"]))
        with running(other) as first:
            first.install(path, name="twice")
            client = Client(first.data)
            mine = client.empty(SHAPE)
            mine[:] = 3
            for _ in range(2):  # the second has its answer in memory, too
                client.infer("twice", {"x": mine})
        with running(other), client:
            result = client.infer("twice", {"x": mine})

    assert (result.output == 6).all()


def test_a_child_may_go_on_with_the_client(box: Daemon) -> None:
    """Both ask at the same time; neither reads the other's answers or scratch."""
    code = f"""
import os, sys
import numpy as np
from edged.client import Client
client = Client(sys.argv[1])
mine = client.empty({SHAPE})
mine[:] = 5
def ask(base):
    for n in range(50):
        x = np.full({SHAPE}, base + n, np.float32)
        assert (client.infer("twice", {{"x": x}}).output == 2 * (base + n)).all()
        assert (client.infer("twice", {{"x": mine}}).output == 10).all()
ask(0)
child = os.fork()
ask(1000 if child else 2000)
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(box.data)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=15,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert _soon(lambda: mapped(box) == 0)


def test_a_client_closes_what_it_opens(box: Daemon) -> None:
    """Descriptors and mappings are as before."""

    def held() -> tuple[int, int]:
        maps = Path("/proc/self/maps").read_text().count("memfd:edged-client")
        return len(list(Path("/proc/self/fd").iterdir())), maps

    before = held()
    for _ in range(3):
        with Client(box.data) as client:
            array = client.empty(SHAPE)
            client.infer("twice", {"x": array})
            client.infer("twice", {"x": large()})
            del array

    assert before == held()


def _soon(true: Callable[[], bool]) -> bool:
    """Tell whether it becomes true before long."""
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()
