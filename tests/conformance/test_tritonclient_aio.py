"""The unmodified tritonclient aio client, over the Unix socket and over TCP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as stock
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from edged.client import triton

X = np.array([[4, 1, 3, 2]], np.float32)


@pytest.fixture(params=["unix", "tcp"])
async def client(request: pytest.FixtureRequest, served: Any) -> AsyncIterator[Any]:
    """Return the aio client on each kind of socket."""
    if request.param == "unix":
        made = await triton.aio_client(served.socket)
    else:
        made = aio.InferenceServerClient(served.tcp)
    async with made:
        yield made


def tensor(name: str, array: np.ndarray, *, binary: bool = True) -> stock.InferInput:
    """Return the stock client's input for an array."""
    made = stock.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


async def test_describing_rows_answer(client: Any) -> None:
    """Health, metadata, config, statistics and index; none is ever compressed."""
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("digits", "1.4.0")
    assert not await client.is_model_ready("nobody")
    assert (await client.get_server_metadata())["name"] == "edged"
    assert (await client.get_model_metadata("digits"))["versions"] == ["1.4.0"]
    assert (await client.get_model_config("digits"))["name"] == "digits"
    assert (await client.get_inference_statistics("digits"))["model_stats"]
    assert (await client.get_inference_statistics())["model_stats"]
    assert await client.get_model_repository_index()


async def test_binary_answer_is_not_compressed_unasked(client: Any) -> None:
    """The session's own list of encodings does not make edged compress."""
    result = await client.infer("digits", [tensor("x", X)])

    np.testing.assert_array_equal(result.as_numpy("y"), X / 2)


async def test_json_both_ways(client: Any) -> None:
    """JSON in and out."""
    result = await client.infer(
        "digits",
        [tensor("x", X, binary=False)],
        outputs=[stock.InferRequestedOutput("y", binary_data=False)],
        request_id="a",
    )

    np.testing.assert_array_equal(result.as_numpy("y"), X / 2)
    assert result.get_response()["id"] == "a"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
async def test_compression_works_both_ways(client: Any, algorithm: str) -> None:
    """Asked for, both directions are compressed."""
    result = await client.infer(
        "digits",
        [tensor("x", X)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )

    np.testing.assert_array_equal(result.as_numpy("y"), X / 2)


async def test_bytes_and_empty_tensors_pass(client: Any) -> None:
    """BYTES with NULs and a tensor without elements."""
    strings = np.array([[b"a\0b", b""]], object)
    empty = np.zeros((0, 5), np.float16)

    got = await client.infer("each-bytes", [tensor("x", strings)])
    none = await client.infer("each-fp16", [tensor("x", empty)])

    np.testing.assert_array_equal(got.as_numpy("x"), strings)
    assert none.as_numpy("x").shape == (0, 5)


async def test_large_tensors_pass(client: Any) -> None:
    """602 KB each way."""
    sent = np.arange(150_528, dtype=np.float32).reshape(1, -1)

    result = await client.infer("each-fp32", [tensor("x", sent)])

    np.testing.assert_array_equal(result.as_numpy("x"), sent)


async def test_many_large_calls_at_a_time_keep_apart(client: Any) -> None:
    """Each of sixteen callers gets its own 602 KB back."""
    sent = [np.full((1, 150_528), n, np.float32) for n in range(16)]

    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(client.infer("each-fp32", [tensor("x", array)]))
            for array in sent
        ]

    for call, array in zip(calls, sent, strict=True):
        np.testing.assert_array_equal(call.result().as_numpy("x"), array)


async def test_errors_keep_status_and_text(client: Any) -> None:
    """A refusal arrives as the client's own exception with our text."""
    with pytest.raises(InferenceServerException, match="no input 'z'") as caught:
        await client.infer("digits", [tensor("z", X)])
    assert caught.value.status() == "400"

    with pytest.raises(InferenceServerException, match="no such extension") as caught:
        await client.get_cuda_shared_memory_status()
    assert caught.value.status() == "501"

    with pytest.raises(InferenceServerException, match="edgectl models load") as caught:
        await client.load_model("digits")
    assert caught.value.status() == "403"
