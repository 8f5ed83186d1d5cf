"""The blocking and the asyncio client ask the same server the same things."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edged.client import AsyncClient, Client
from edged.client.transport import SEND_BUFFER_BYTES
from edged.errors import (
    DeadlineExceeded,
    InvalidTensor,
    NoDaemon,
    ProtocolError,
    TimedOut,
    UnknownModel,
)
from tests.fakes.echo import BUSY, Seen, echo_app
from tests.fakes.serving import served
from tests.fakes.wire import answer, in_turn, read_and_hang_up, scripted

#: The system's bound of a send buffer.
MOST = int(Path("/proc/sys/net/core/wmem_max").read_text())

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def seen() -> Seen:
    """Return what the server was asked."""
    return Seen()


@pytest.fixture
def path(seen: Seen) -> Iterator[Path]:
    """Run the server."""
    with served(lambda: echo_app(seen)) as where:
        yield where


@pytest.fixture
def client(path: Path) -> Iterator[Client]:
    """Return a blocking client."""
    with Client(path) as made:
        yield made


@pytest.fixture
async def aclient(path: Path) -> AsyncIterator[AsyncClient]:
    """Return an asyncio client."""
    async with AsyncClient(path) as made:
        yield made


# --- blocking --------------------------------------------------------------------


def test_one_array_is_enough_for_a_model_with_one_input(
    client: Client, seen: Seen
) -> None:
    """Its name is asked for once."""
    results = [client.infer("echo", X) for _ in range(3)]

    assert 1 == seen.metadata
    assert ["x"] == list(seen.asked[0].inputs)
    np.testing.assert_array_equal(X, results[2].output)


def test_inputs_by_name_need_no_metadata(client: Client, seen: Seen) -> None:
    """What the caller knows is not asked for."""
    result = client.infer("echo", {"a": X, "b": X * 2}, explain=True, variant="int8")

    assert 0 == seen.metadata
    assert ["y0", "y1"] == list(result)
    assert result.explained is not None
    assert ("int8", 1, 2) == (
        result.explained.variant,
        result.explained.queue_us,
        result.explained.compute_us,
    )


def test_the_answer_belongs_to_the_caller(client: Client) -> None:
    """It can be written to, and the next call leaves it alone."""
    first = client.infer("echo", X).output
    client.infer("echo", X * 0)

    first += 1
    np.testing.assert_array_equal(X + 1, first)


@pytest.mark.parametrize(
    "array",
    [
        np.array([True, False]),
        np.array([], dtype=np.int64),
        np.arange(10, dtype=np.uint8)[::2],
        np.array([b"a\0b", b""], dtype=object),
        np.float16([[1.5]]),
        np.asfortranarray(X),
        np.zeros(2_000_000, dtype=np.float32),
    ],
)
def test_arrays_of_every_kind_come_back_as_they_went(
    client: Client, array: np.ndarray
) -> None:
    """Empty, strided, of bytes, larger than the socket's buffer."""
    result = client.infer("echo", {"x": array}).output

    assert (array.dtype, array.shape) == (result.dtype, result.shape)
    np.testing.assert_array_equal(array, result)


def test_the_daemons_error_is_raised_again(client: Client) -> None:
    """By the headers that name its code and its hint."""
    with pytest.raises(UnknownModel) as caught:
        client.infer("nobody", {"x": X})

    assert ("cannot find it", "look at the index") == (
        caught.value.message,
        caught.value.hint,
    )


def test_a_busy_daemon_says_when_to_come_again(client: Client) -> None:
    """From Retry-After."""
    with pytest.raises(DeadlineExceeded) as caught:
        client.infer("echo", {"x": X}, priority=BUSY)

    assert 2.0 == caught.value.retry_after_s


def test_metadata_ready_and_models(client: Client, seen: Seen) -> None:
    """What else there is to ask."""
    metadata = client.metadata("echo")
    seen.ready = False
    ready = client.ready(), client.ready("echo")
    models = client.models()

    assert ("x", (-1, 3)) == (metadata.inputs[0].name, metadata.inputs[0].shape)
    assert (False, False) == ready
    assert ["echo"] == [model.name for model in models]


def test_threads_may_share_a_client(client: Client) -> None:
    """Each gets the answer to what it asked."""

    def ask(number: int) -> bool:
        array = np.full((1, 3), number, dtype=np.float32)
        return bool((client.infer("echo", array).output == number).all())

    with ThreadPoolExecutor(8) as pool:
        right = list(pool.map(ask, range(100)))

    assert all(right)


# --- asyncio ---------------------------------------------------------------------


async def test_the_async_client_asks_the_same(aclient: AsyncClient, seen: Seen) -> None:
    """One array, its name asked for once, on a connection that is kept."""
    results = [await aclient.infer("echo", X, explain=True) for _ in range(3)]

    assert 1 == seen.metadata
    np.testing.assert_array_equal(X, results[2].output)
    assert results[2].explained is not None


async def test_the_async_client_takes_many_calls_at_a_time(
    aclient: AsyncClient,
) -> None:
    """Each on a connection of its own, each with its own answer."""

    async def ask(number: int) -> None:
        array = np.full((1, 3), number, dtype=np.float32)
        result = await aclient.infer("echo", {"x": array})
        np.testing.assert_array_equal(array, result.output)

    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(ask(number))


async def test_large_arrays_go_both_ways(aclient: AsyncClient) -> None:
    """Larger than every buffer on the way."""
    array = np.random.default_rng(1).random(2_000_000, dtype=np.float32)

    result = await aclient.infer("echo", {"x": array})

    np.testing.assert_array_equal(array, result.output)


async def test_the_async_client_raises_the_same_errors(aclient: AsyncClient) -> None:
    """By class."""
    with pytest.raises(UnknownModel):
        await aclient.infer("nobody", {"x": X})
    with pytest.raises(InvalidTensor):
        await aclient.infer("echo", {"x": np.array([1j])})


async def test_the_rest_of_the_async_client(aclient: AsyncClient, seen: Seen) -> None:
    """Metadata, ready, models."""
    metadata = await aclient.metadata("echo")
    ready = await aclient.ready(), await aclient.ready("echo")
    models = await aclient.models()

    assert ("echo", (True, True), 1) == (metadata.name, ready, len(models))
    assert 1 == seen.metadata


async def test_a_cancelled_call_does_not_spoil_the_next(
    aclient: AsyncClient,
) -> None:
    """Its connection goes, so its late answer is nobody else's."""
    async with asyncio.TaskGroup() as group:
        call = group.create_task(aclient.infer("echo", {"x": X}))
        await asyncio.sleep(0.0005)
        call.cancel()

    result = await aclient.infer("echo", {"x": X + 1})

    np.testing.assert_array_equal(X + 1, result.output)


async def test_no_daemon_is_told_by_the_async_client_too(folder: Path) -> None:
    """As by the blocking one."""
    async with AsyncClient(folder / "t.sock") as client:
        with pytest.raises(NoDaemon) as caught:
            await client.ready()

    assert "no-socket" == caught.value.fields["cause"]


async def test_the_async_deadline_is_for_the_whole_call(folder: Path) -> None:
    """Also where nobody accepts."""
    path = folder / "t.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(0)
        async with AsyncClient(path) as first, AsyncClient(path) as second:
            began = time.monotonic()
            for client in (first, second):
                with pytest.raises(TimedOut):
                    await client.ready(timeout_s=0.2)
            took_s = time.monotonic() - began

    assert 0.35 < took_s < 1


async def test_a_post_is_not_sent_again_by_the_async_client(folder: Path) -> None:
    """A GET is."""
    post = in_turn(answer(b"[]"), read_and_hang_up)
    get = in_turn(answer(b"{}"), read_and_hang_up)

    with scripted(folder / "t.sock", [post, get, answer(b"{}")]) as begun:
        async with AsyncClient(folder / "t.sock") as client:
            await client.models()
            with pytest.raises(NoDaemon, match="closed the connection"):
                await client.models()
            ready = [await client.ready() for _ in range(2)]

    assert ([True, True], [0, 1, 2]) == (ready, begun)


async def test_a_connection_that_was_closed_while_idle_is_replaced(
    folder: Path,
) -> None:
    """Even before the loop has noticed."""
    gone = threading.Event()

    def one(connection: socket.socket) -> None:
        answer(b"[]")(connection)
        gone.set()

    with scripted(folder / "t.sock", [one, answer(b"[]")]) as begun:
        async with AsyncClient(folder / "t.sock") as client:
            await client.models()
            gone.wait()
            time.sleep(0.02)  # noqa: ASYNC251  # the loop must not notice
            await client.models()

    assert [0, 1] == begun


async def test_the_async_client_s_large_requests_leave_in_one_go(folder: Path) -> None:
    """Its connections have the blocking client's buffer, or the system's bound."""
    sizes: list[int] = []

    with scripted(folder / "t.sock", [answer(b"[]")]):
        async with AsyncClient(folder / "t.sock") as client:
            await client.models()
            ours = client._idle[0]._transport.get_extra_info("socket")
            sizes.append(ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

    # The kernel doubles what it is asked for: socket(7).
    assert [2 * min(SEND_BUFFER_BYTES, MOST)] == sizes


async def test_garbage_is_a_protocol_error_for_the_async_client(folder: Path) -> None:
    """And nothing else."""

    def garbage(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"220 mail.example ESMTP\r\n\r\n")

    with scripted(folder / "t.sock", [garbage]):
        async with AsyncClient(folder / "t.sock") as client:
            with pytest.raises(ProtocolError):
                await client.ready()
