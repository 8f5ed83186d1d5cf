"""The stock client's own shared memory, unmodified, over the Unix socket."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as stock
from tritonclient.utils import (
    InferenceServerException,
    np_to_triton_dtype,
    serialize_byte_tensor,
)
from tritonclient.utils import shared_memory as shm

from edged.client import triton

KEY = f"/edged-test-{os.getpid()}"
FILE = Path("/dev/shm") / KEY[1:]  # noqa: S108  # where Linux keeps such objects
BYTES = 64 * 1024
X = np.array([[4, 1, 3, 2]], np.float32)


@pytest.fixture
def client(served: Any) -> Iterator[Any]:
    """Return the sync client; what it leaves registered goes."""
    with triton.http_client(served.socket) as made:
        yield made
        made.unregister_system_shared_memory()


@pytest.fixture
def memory() -> Iterator[Any]:
    """Return an object that exists, made by the stock helper."""
    made = shm.create_shared_memory_region("mine", KEY, BYTES)
    yield made
    shm.destroy_shared_memory_region(made)


def shared_input(
    name: str, array: np.ndarray, *, region: str = "r", offset: int = 0
) -> stock.InferInput:
    """Describe an input that lies in a region."""
    made = stock.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_shared_memory(region, array.nbytes, offset=offset)
    return made


def shared_output(name: str, size: int, *, offset: int = 0) -> Any:
    """Want an output in the region `r`."""
    made = stock.InferRequestedOutput(name)
    made.set_shared_memory("r", size, offset=offset)
    return made


def test_input_and_output_in_one_region(client: Any, memory: Any) -> None:
    """The answer says name, type and shape; the numbers are where they were wanted."""
    shm.set_shared_memory_region(memory, [X], offset=128)
    client.register_system_shared_memory("r", KEY, BYTES)

    answer = client.infer(
        "digits",
        [shared_input("x", X, offset=128)],
        outputs=[shared_output("y", 16, offset=1024)],
    )

    described = answer.get_output("y")
    found = shm.get_contents_as_numpy(memory, np.float32, [1, 4], offset=1024)
    assert described == {"name": "y", "datatype": "FP32", "shape": [1, 4]}
    np.testing.assert_array_equal(found, X / 2)


def test_a_region_is_not_the_whole_object(client: Any, memory: Any) -> None:
    """Tensors count from the region's own start."""
    shm.set_shared_memory_region(memory, [X], offset=4096 + 16)
    client.register_system_shared_memory("r", KEY, 4096, offset=4096)

    answer = client.infer("digits", [shared_input("x", X, offset=16)])

    np.testing.assert_array_equal(answer.as_numpy("y"), X / 2)
    with pytest.raises(InferenceServerException, match="bytes 4096 to 4112"):
        client.infer("digits", [shared_input("x", X, offset=4096)])


@pytest.mark.parametrize(
    "array",
    [
        np.array([[True, False]]),
        np.array([[1, -2, 3]], np.int64),
        np.array([[0.5, 2]], np.float16),
        np.arange(8000, dtype=np.float64).reshape(2, 4000),
        np.zeros((0, 4), np.uint8),
    ],
    ids=lambda array: str(array.dtype),
)
def test_every_kind_of_number_passes(
    client: Any, memory: Any, array: np.ndarray
) -> None:
    """Both ways by the same region."""
    model = f"each-{np_to_triton_dtype(array.dtype).lower()}"
    if array.nbytes:
        shm.set_shared_memory_region(memory, [array])
    client.register_system_shared_memory("r", KEY, BYTES)

    answer = client.infer(model, [shared_input("x", array)])

    np.testing.assert_array_equal(answer.as_numpy("x"), array)


def test_text_passes_in_the_protocols_form(client: Any, memory: Any) -> None:
    """BYTES have their lengths before them, in a region as in a body."""
    words = np.array([[b"one", b"", b"three\0"]], object)
    packed = serialize_byte_tensor(words)
    shm.set_shared_memory_region(memory, [packed])
    client.register_system_shared_memory("r", KEY, BYTES)
    given = stock.InferInput("x", [1, 3], "BYTES")
    given.set_shared_memory("r", len(packed.item()))

    client.infer("each-bytes", [given], outputs=[shared_output("x", 100, offset=512)])

    found = shm.get_contents_as_numpy(memory, np.object_, [1, 3], offset=512)
    np.testing.assert_array_equal(found, words)


def test_some_tensors_come_in_the_body(client: Any, memory: Any) -> None:
    """One input in memory, one in the body; one output in memory, one in the answer."""
    a, b = np.array([[1, 2, 3]], np.int32), np.array([[4, 5, 6]], np.int32)
    shm.set_shared_memory_region(memory, [a])
    client.register_system_shared_memory("r", KEY, BYTES)
    in_body = stock.InferInput("b", [1, 3], "INT32")
    in_body.set_data_from_numpy(b)

    answer = client.infer("pair", [shared_input("a", a), in_body])

    np.testing.assert_array_equal(answer.as_numpy("sum"), a + b)


@pytest.mark.usefixtures("memory")
def test_status_tells_what_is_registered(client: Any) -> None:
    """All regions or one; an unknown one is 404."""
    row = {"name": "r", "key": KEY, "offset": 64, "byte_size": 1000}
    client.register_system_shared_memory("r", KEY, 1000, offset=64)

    assert client.get_system_shared_memory_status() == [row]
    assert client.get_system_shared_memory_status("r") == [row]
    with pytest.raises(InferenceServerException, match="'q'") as caught:
        client.get_system_shared_memory_status("q")
    assert caught.value.status() == "404"


@pytest.mark.usefixtures("memory")
def test_a_name_is_registered_once(client: Any) -> None:
    """A second time is refused, until it is unregistered."""
    client.register_system_shared_memory("r", KEY, BYTES)

    with pytest.raises(InferenceServerException, match="already") as caught:
        client.register_system_shared_memory("r", KEY, BYTES)

    assert caught.value.status() == "400"
    client.unregister_system_shared_memory("r")
    client.register_system_shared_memory("r", KEY, BYTES)


def test_unregistering_what_is_not_there_is_fine(client: Any) -> None:
    """As Triton has it."""
    client.unregister_system_shared_memory("nobody")
    client.unregister_system_shared_memory()

    assert client.get_system_shared_memory_status() == []


def test_memory_lives_on_without_its_name(client: Any) -> None:
    """Unlinked after it was registered, it still serves."""
    made = shm.create_shared_memory_region("mine", KEY, BYTES)
    shm.set_shared_memory_region(made, [X])
    client.register_system_shared_memory("r", KEY, BYTES)
    FILE.unlink()

    answer = client.infer("digits", [shared_input("x", X)])

    np.testing.assert_array_equal(answer.as_numpy("y"), X / 2)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("/nobody-made-this", "there is none of that name"),
        ("/../../etc/passwd", "no name of a POSIX"),
        ("/a/b", "no name of a POSIX"),
        ("..", "no name of a POSIX"),
        ("", "no name of a POSIX"),
        ("/triton_python_backend_shm_region_x", "reserved"),
        ("a" * 300, "over 255 bytes"),
        ("fd:0", "0 file descriptors came"),
    ],
)
def test_a_key_that_leads_nowhere_is_refused(client: Any, key: str, told: str) -> None:
    """Every key that is no object of the caller's."""
    with pytest.raises(InferenceServerException, match=told) as caught:
        client.register_system_shared_memory("r", key, 64)

    assert caught.value.status() == "400"


@pytest.mark.usefixtures("memory")
def test_a_region_must_lie_within_its_object(client: Any) -> None:
    """The object's own size counts."""
    with pytest.raises(InferenceServerException, match=f"has {BYTES}"):
        client.register_system_shared_memory("r", KEY, BYTES + 1)
    with pytest.raises(InferenceServerException, match=f"has {BYTES}"):
        client.register_system_shared_memory("r", KEY, BYTES, offset=1)


def test_an_output_that_does_not_fit_says_what_it_needs(
    client: Any, memory: Any
) -> None:
    """Known before the run, or after it where a dimension is free."""
    shm.set_shared_memory_region(memory, [X])
    client.register_system_shared_memory("r", KEY, BYTES)

    with pytest.raises(InferenceServerException, match="takes 16 bytes"):
        client.infer("digits", [shared_input("x", X)], outputs=[shared_output("y", 12)])
    with pytest.raises(InferenceServerException, match="takes 16 bytes"):
        client.infer(
            "each-fp32", [shared_input("x", X)], outputs=[shared_output("x", 12)]
        )


@pytest.mark.usefixtures("memory")
def test_a_truncated_object_is_an_error_and_no_signal(client: Any) -> None:
    """What a mapping would turn into SIGBUS is a refusal here, in and out."""
    client.register_system_shared_memory("r", KEY, BYTES)
    os.truncate(FILE, 100)
    big = np.zeros((1, 1000), np.float32)

    with pytest.raises(InferenceServerException, match="ends at byte 100") as caught:
        client.infer("each-fp32", [shared_input("x", big)])
    assert caught.value.status() == "400"
    with pytest.raises(InferenceServerException, match="shorter"):
        client.infer(
            "digits",
            [shared_input("x", X)],
            outputs=[shared_output("y", 16, offset=4096)],
        )
    os.truncate(FILE, BYTES)


@pytest.mark.usefixtures("memory")
def test_tcp_has_no_shared_memory(served: Any) -> None:
    """Nobody is known there; the answer says what to do instead."""
    with stock.InferenceServerClient(served.tcp) as client:
        for call in (
            client.get_system_shared_memory_status,
            lambda: client.register_system_shared_memory("r", KEY, BYTES),
            lambda: client.infer("digits", [shared_input("x", X)]),
        ):
            with pytest.raises(InferenceServerException, match="Unix") as caught:
                call()
            assert caught.value.status() == "501"


async def test_the_aio_client_shares_memory_too(served: Any, memory: Any) -> None:
    """Registered, described, used and unregistered on connections of its own."""
    shm.set_shared_memory_region(memory, [X])
    async with await triton.aio_client(served.socket) as client:
        await client.register_system_shared_memory("r", KEY, BYTES)
        rows = await client.get_system_shared_memory_status()
        await client.infer(
            "digits",
            [shared_input("x", X)],
            outputs=[shared_output("y", 16, offset=1024)],
        )
        await client.unregister_system_shared_memory("r")
        left = await client.get_system_shared_memory_status()

    found = shm.get_contents_as_numpy(memory, np.float32, [1, 4], offset=1024)
    np.testing.assert_array_equal(found, X / 2)
    assert (["r"], []) == ([row["name"] for row in rows], left)
