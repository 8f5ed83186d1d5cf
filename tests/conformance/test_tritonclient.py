"""The unmodified tritonclient HTTP client, over the Unix socket and over loopback TCP.

Checklist: facts on the protocol, 1.10; each test names what it covers.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as stock
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from edged.client import triton

DTYPES = [
    np.bool_, np.uint8, np.uint16, np.uint32, np.uint64,
    np.int8, np.int16, np.int32, np.int64, np.float16, np.float32, np.float64,
]  # fmt: skip


@pytest.fixture(params=["unix", "tcp"])
def client(request: pytest.FixtureRequest, served: Any) -> Iterator[Any]:
    """Return the sync client on each kind of socket."""
    if request.param == "unix":
        made = triton.http_client(served.socket)
    else:
        made = stock.InferenceServerClient(served.tcp)
    with made:
        yield made


def tensor(name: str, array: np.ndarray, *, binary: bool = True) -> stock.InferInput:
    """Return the stock client's input for an array."""
    made = stock.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def ramp(dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers that tell positions apart."""
    return (np.arange(np.prod(shape)).reshape(shape) % 2).astype(dtype)


X = np.array([[4, 1, 3, 2]], np.float32)


def test_server_says_that_it_is_live_and_ready(client: Any) -> None:
    """Both health rows answer 200."""
    assert client.is_server_live()
    assert client.is_server_ready()


def test_model_readiness_is_by_name_and_version(client: Any) -> None:
    """A model is ready under its name and its live version, and under no other."""
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "1.4.0")
    assert not client.is_model_ready("digits", "1.3.0")
    assert not client.is_model_ready("nobody")


def test_server_metadata_lists_extensions(client: Any) -> None:
    """Name, version and extensions are there."""
    metadata = client.get_server_metadata()

    assert metadata["name"] == "edged"
    assert "binary_tensor_data" in metadata["extensions"]


def test_model_metadata_describes_tensors(client: Any) -> None:
    """Inputs and outputs are the signature's, free dimensions are -1."""
    metadata = client.get_model_metadata("pair", "1.0.0")

    assert metadata == {
        "name": "pair",
        "versions": ["1.0.0"],
        "platform": "edged_release",
        "inputs": [
            {"name": "a", "datatype": "INT32", "shape": [-1, 3]},
            {"name": "b", "datatype": "INT32", "shape": [-1, 3]},
        ],
        "outputs": [{"name": "sum", "datatype": "INT32", "shape": [-1, 3]}],
    }


def test_model_config_has_what_load_generators_read(client: Any) -> None:
    """With a batch, dims leave out the first dimension of the metadata's shapes."""
    config = client.get_model_config("pair")

    assert config["max_batch_size"] == 8
    assert config["input"][0] == {"name": "a", "data_type": "TYPE_INT32", "dims": [3]}
    assert "sequence_batching" in config
    assert client.get_model_config("digits")["max_batch_size"] == 0


def test_statistics_count_each_inference(client: Any) -> None:
    """Every leaf of a success grows by one with each answer."""
    before = client.get_inference_statistics("each-int8")["model_stats"][0]

    client.infer("each-int8", [tensor("x", ramp(np.int8, (2, 3)))])

    after = client.get_inference_statistics("each-int8")["model_stats"][0]
    assert after["inference_count"] == before["inference_count"] + 1
    for leaf in (
        "success",
        "queue",
        "compute_input",
        "compute_infer",
        "compute_output",
    ):
        grown = after["inference_stats"][leaf]["count"]
        assert grown == before["inference_stats"][leaf]["count"] + 1, leaf


def test_statistics_of_all_models_name_each(client: Any) -> None:
    """Without a name every live model is listed."""
    stats = client.get_inference_statistics()["model_stats"]

    assert {"digits", "pair", "echo"} <= {row["name"] for row in stats}


def test_repository_index_lists_models(client: Any) -> None:
    """Each row has name, version, state."""
    index = client.get_model_repository_index()

    assert {
        "name": "digits",
        "version": "1.4.0",
        "state": "READY",
        "reason": "",
    } in index


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_load_and_unload_are_not_for_this_socket(client: Any, verb: str) -> None:
    """Both are refused with 403 and a command that does it."""
    with pytest.raises(InferenceServerException, match="edgectl models") as caught:
        getattr(client, f"{verb}_model")("digits")

    assert caught.value.status() == "403"


def test_cuda_trace_and_logging_are_not_there(client: Any) -> None:
    """Extensions that edged does not have answer 501 in JSON."""
    calls = [
        client.get_cuda_shared_memory_status,
        client.get_trace_settings,
        lambda: client.get_trace_settings("digits"),
        client.get_log_settings,
        lambda: client.update_log_settings({"log_verbose_level": 1}),
    ]

    for call in calls:
        with pytest.raises(
            InferenceServerException, match="no such extension"
        ) as caught:
            call()
        assert caught.value.status() == "501"


@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (0, 4), (3, 0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_datatype_comes_back_as_it_went(
    client: Any, dtype: type, shape: tuple[int, ...]
) -> None:
    """Binary tensors of every datatype, empty ones included, survive the trip."""
    sent = ramp(dtype, shape)
    model = f"each-{np_to_triton_dtype(sent.dtype).lower()}"

    got = client.infer(model, [tensor("x", sent)]).as_numpy("x")

    assert got.dtype == sent.dtype
    np.testing.assert_array_equal(got, sent)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d is not np.float16])
def test_every_datatype_but_fp16_goes_as_json(client: Any, dtype: type) -> None:
    """JSON in and JSON out give the same numbers."""
    sent = ramp(dtype, (2, 3))
    model = f"each-{np_to_triton_dtype(sent.dtype).lower()}"

    result = client.infer(
        model,
        [tensor("x", sent, binary=False)],
        outputs=[stock.InferRequestedOutput("x", binary_data=False)],
    )

    assert "data" in result.get_output("x")
    np.testing.assert_array_equal(result.as_numpy("x"), sent)


def test_64_bit_integers_are_exact_in_json(client: Any) -> None:
    """Numbers that a double cannot hold come back to the last digit."""
    for dtype in (np.int64, np.uint64):
        limits = np.iinfo(dtype)
        sent = np.array([[limits.max, limits.max - 1, limits.min]], dtype)

        result = client.infer(
            f"each-{np.dtype(dtype).name}",
            [tensor("x", sent, binary=False)],
            outputs=[stock.InferRequestedOutput("x", binary_data=False)],
        )

        np.testing.assert_array_equal(result.as_numpy("x"), sent)


def test_bytes_keep_nuls_and_emptiness_in_binary(client: Any) -> None:
    """BYTES elements are any bytes."""
    sent = np.array([[b"a\0b", b""], [b"\xff\xfe", "gr\u00fc\u00df".encode()]], object)

    got = client.infer("each-bytes", [tensor("x", sent)]).as_numpy("x")

    np.testing.assert_array_equal(got, sent)


def test_bytes_go_as_text_in_json(client: Any) -> None:
    """BYTES in JSON are UTF-8 strings."""
    sent = np.array([["a", ""], ["gr\u00fc\u00df", "\U0001f600"]], object)

    result = client.infer(
        "each-bytes",
        [tensor("x", sent, binary=False)],
        outputs=[stock.InferRequestedOutput("x", binary_data=False)],
    )

    np.testing.assert_array_equal(result.as_numpy("x"), sent)


def test_binary_and_json_mix_in_one_request(client: Any) -> None:
    """One input each way, one output each way, several of each kind."""
    a = ramp(np.int32, (2, 3))
    ints, floats = ramp(np.int8, (1, 3)), ramp(np.float32, (1, 2))
    inputs = [
        tensor(name, np.zeros((0, 0), dtype), binary=name != "int16")
        for name, dtype in (
            ("bool", np.bool_), ("uint8", np.uint8), ("uint16", np.uint16),
            ("uint32", np.uint32), ("uint64", np.uint64), ("int16", np.int16),
            ("int32", np.int32), ("int64", np.int64), ("fp16", np.float16),
            ("fp64", np.float64), ("bytes", np.object_),
        )
    ]  # fmt: skip

    pair = client.infer("pair", [tensor("a", a), tensor("b", a, binary=False)])
    echo = client.infer(
        "echo",
        [tensor("int8", ints, binary=False), *inputs, tensor("fp32", floats)],
        outputs=[
            stock.InferRequestedOutput("fp32", binary_data=False),
            stock.InferRequestedOutput("bytes", binary_data=True),
            stock.InferRequestedOutput("int8", binary_data=True),
        ],
    )

    np.testing.assert_array_equal(pair.as_numpy("sum"), a + a)
    np.testing.assert_array_equal(echo.as_numpy("int8"), ints)
    np.testing.assert_array_equal(echo.as_numpy("fp32"), floats)
    assert [o["name"] for o in echo.get_response()["outputs"]] == [
        "fp32",
        "bytes",
        "int8",
    ]


def test_only_the_outputs_asked_for_come(client: Any) -> None:
    """Per-output requests choose and order."""
    result = client.infer(
        "digits", [tensor("x", X)], outputs=[stock.InferRequestedOutput("sum")]
    )

    assert result.as_numpy("y") is None
    np.testing.assert_array_equal(result.as_numpy("sum"), [10])


def test_classification_gives_value_index_and_label(client: Any) -> None:
    """The two best of four, with the label where there is one."""
    result = client.infer(
        "digits",
        [tensor("x", X)],
        outputs=[stock.InferRequestedOutput("y", class_count=2)],
    )

    np.testing.assert_array_equal(
        result.as_numpy("y"), [[b"2.000000:0:zero", b"1.500000:2"]]
    )


def test_id_is_echoed_only_if_given(client: Any) -> None:
    """The answer carries the request's id."""
    with_id = client.infer("digits", [tensor("x", X)], request_id="7 of 9")
    without = client.infer("digits", [tensor("x", X)])

    assert with_id.get_response()["id"] == "7 of 9"
    assert "id" not in without.get_response()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_works_both_ways(client: Any, algorithm: str) -> None:
    """A compressed request gets its compressed answer; both are binary."""
    sent = ramp(np.float32, (40, 50))

    result = client.infer(
        "each-fp32",
        [tensor("x", sent)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )

    np.testing.assert_array_equal(result.as_numpy("x"), sent)


def test_raw_body_is_the_only_input(client: Any) -> None:
    """`Inference-Header-Content-Length: 0`: no JSON, outputs in binary."""
    body = X.tobytes()
    response = client._post(
        "v2/models/digits/infer", body, {"Inference-Header-Content-Length": "0"}, None
    )

    result = stock.InferResult(response, verbose=False)

    np.testing.assert_array_equal(result.as_numpy("y"), X / 2)


def test_priority_timeout_and_custom_parameters_are_taken(client: Any) -> None:
    """What schedules is parsed, what is unknown is passed over."""
    result = client.infer(
        "digits",
        [tensor("x", X)],
        priority=1,
        timeout=5_000_000,
        parameters={"shop": "bakery", "rate": 0.5, "retry": False, "n": 3},
    )

    np.testing.assert_array_equal(result.as_numpy("y"), X / 2)
    assert "parameters" not in result.get_response()


def test_deadline_that_cannot_be_met_is_503(client: Any) -> None:
    """A timeout of a microsecond has passed before the run begins."""
    with pytest.raises(InferenceServerException, match="deadline") as caught:
        client.infer("digits", [tensor("x", X)], timeout=1)

    assert caught.value.status() == "503"


def test_sequence_parameters_are_taken(client: Any) -> None:
    """A model without state of its own answers a sequence as any request."""
    a = ramp(np.int32, (1, 3))

    result = client.infer(
        "pair",
        [tensor("a", a), tensor("b", a)],
        sequence_id=5,
        sequence_start=True,
        sequence_end=True,
    )

    np.testing.assert_array_equal(result.as_numpy("sum"), a + a)


def test_variant_can_be_insisted_on_and_explained(client: Any) -> None:
    """Two parameters of edged choose the rung and tell which one ran."""
    result = client.infer(
        "digits",
        [tensor("x", X)],
        parameters={"edged_variant": "small", "edged_explain": True},
    )

    told = result.get_response()["parameters"]
    assert told["edged_variant"] == "small"
    assert set(told) == {
        "edged_variant",
        "edged_strategy",
        "edged_queue_us",
        "edged_compute_us",
    }


def test_large_tensors_pass(client: Any) -> None:
    """602 KB each way, more than any buffer on the way."""
    sent = np.arange(150_528, dtype=np.float32).reshape(1, -1)

    result = client.infer("each-fp32", [tensor("x", sent)])

    np.testing.assert_array_equal(result.as_numpy("x"), sent)


def test_many_calls_share_one_connection(client: Any) -> None:
    """Keep-alive holds over answers and errors alike."""
    for _ in range(20):
        client.infer("digits", [tensor("x", X)])
        with pytest.raises(InferenceServerException):
            client.infer("nobody", [tensor("x", X)])


def test_async_infer_answers_later(client: Any) -> None:
    """The sync client's own asynchronous call works."""
    pending = [client.async_infer("digits", [tensor("x", X)]) for _ in range(3)]

    results = [each.get_result() for each in pending]

    for result in results:
        np.testing.assert_array_equal(result.as_numpy("y"), X / 2)


BAD: list[tuple[str, str, np.ndarray, str, str]] = [
    ("nobody", "x", X, "404", "cannot find model 'nobody'"),
    ("digits", "z", X, "400", "has no input 'z'"),
    ("digits", "x", X.astype(np.float64), "400", "came as float64"),
    ("digits", "x", X[:, :3].copy(), "400", "came with shape 1x3"),
    ("broken", "x", X, "500", "it is broken"),
]


@pytest.mark.parametrize(("model", "name", "array", "status", "text"), BAD)
def test_errors_say_what_is_wrong(
    client: Any, model: str, name: str, array: np.ndarray, status: str, text: str
) -> None:
    """Unknown names, wrong dtypes and shapes, a failing model: each tells itself."""
    with pytest.raises(InferenceServerException, match=text) as caught:
        client.infer(model, [tensor(name, array)])

    assert caught.value.status() == status


def test_unknown_output_is_refused(client: Any) -> None:
    """An output that the model does not give is named."""
    with pytest.raises(InferenceServerException, match="no output 'nothing'") as caught:
        client.infer(
            "digits", [tensor("x", X)], outputs=[stock.InferRequestedOutput("nothing")]
        )

    assert caught.value.status() == "400"


def test_version_that_is_not_live_names_the_live_one(client: Any) -> None:
    """A pinned version that went away answers 404 and says which one to ask for."""
    with pytest.raises(InferenceServerException, match=r"1\.4\.0") as caught:
        client.infer("digits", [tensor("x", X)], model_version="1.3.0")

    assert caught.value.status() == "404"
