"""What is asked on the data socket, and how answers are read."""

import msgspec
import numpy as np
import pytest

from edged.client import calls
from edged.client.calls import ModelMetadata, Result
from edged.client.http import Answer, Call
from edged.errors import InvalidTensor, NotReady, ProtocolError, UnknownModel
from edged.wire import oip
from edged.wire.adapt import Preference
from edged.wire.tensors import Datatype, TensorSpec

IMAGE = np.arange(12, dtype=np.float32).reshape(1, 3, 4)


def read_back(call: Call) -> oip.Asked:
    """Return what the daemon reads from a call."""
    headers = dict(call.headers)
    body = memoryview(b"".join(call.body))
    length = headers.get(oip.JSON_LENGTH_HEADER)
    return oip.read_request(body, oip.read_json_length(length, len(body)))


def answer(value: object, status: int = 200, **headers: str) -> Answer:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status=status, headers=named, body=msgspec.json.encode(value))


def test_arrays_go_out_in_binary_and_come_in_binary() -> None:
    """Floats as text would cost a hundred times more."""
    call = calls.infer("digits", {"image": IMAGE}, timeout_s=2.0)

    asked = read_back(call)
    assert "/v2/models/digits/infer" == call.target
    assert asked.options.binary_data_output
    np.testing.assert_array_equal(IMAGE, asked.inputs["image"])


def test_the_deadline_goes_along() -> None:
    """In microseconds, as the protocol has it."""
    call = calls.infer("digits", {"image": IMAGE}, timeout_s=0.25)

    assert 250_000 == read_back(call).options.timeout


def test_the_best_classes_can_be_wanted_instead() -> None:
    """Of some outputs; the others stay tensors."""
    call = calls.infer(
        "digits",
        {"image": IMAGE},
        timeout_s=1.0,
        outputs=["scores", "box"],
        classes={"scores": 5},
    )

    assert [("scores", 5), ("box", 0)] == [
        (output.name, output.classes) for output in read_back(call).outputs or ()
    ]


def test_options_become_what_the_daemon_reads() -> None:
    """Each of them, under the protocol's name."""
    call = calls.infer(
        "digits",
        {"image": IMAGE},
        timeout_s=1.0,
        version="1.4.0",
        variant="int8",
        preference="economy",
        min_accuracy=0.5,
        outputs=["scores"],
        priority=1,
        sequence_id="cam-1",
        sequence_start=True,
        sequence_end=True,
        explain=True,
    )

    asked = read_back(call)
    assert "/v2/models/digits/versions/1.4.0/infer" == call.target
    assert ("scores",) == tuple(output.name for output in asked.outputs or ())
    assert (
        oip.Options(
            binary_data_output=True,
            priority=1,
            timeout=1_000_000,
            sequence_id="cam-1",
            sequence_start=True,
            sequence_end=True,
            edged_variant="int8",
            edged_preference=Preference.ECONOMY,
            edged_min_accuracy=0.5,
            edged_explain=True,
        )
        == asked.options
    )


def test_a_result_is_a_mapping_of_arrays() -> None:
    """With the name of who answered."""
    encoded = oip.write_response(
        model="digits",
        version="1.4.0",
        id=None,
        outputs=[oip.Output(name="scores", tensor=IMAGE, binary=True)],
        parameters={"edged_variant": "int8", "edged_queue_us": 5},
    )
    length = str(encoded.json_bytes)

    result = calls.read_infer(
        Answer(
            status=200,
            headers={oip.JSON_LENGTH_HEADER.lower(): length},
            body=bytearray(b"".join(encoded.buffers)),
        )
    )

    np.testing.assert_array_equal(IMAGE, result.output)
    assert ["scores"] == list(result)
    assert ("digits", "1.4.0") == (result.model, result.version)
    assert result.explained is not None
    assert ("int8", 5, 0) == (
        result.explained.variant,
        result.explained.queue_us,
        result.explained.compute_us,
    )
    assert "<Result of digits 1.4.0: scores: float32[1, 3, 4]>" == repr(result)


def test_of_several_outputs_none_is_the_output() -> None:
    """Picking one would be a guess."""
    result = Result(model="m", version="1", outputs={"a": IMAGE, "b": IMAGE})

    with pytest.raises(ValueError, match="a, b"):
        _ = result.output


@pytest.mark.parametrize("names", [(), ("a", "b")])
def test_the_only_input_is_no_guess_either(names: tuple[str, ...]) -> None:
    """The error names what there is."""
    inputs = tuple(
        TensorSpec(name=name, datatype=Datatype.FP32, shape=(1,)) for name in names
    )

    with pytest.raises(InvalidTensor, match="cannot tell which input"):
        calls.only_input(ModelMetadata(name="m", inputs=inputs))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer({"ready": True}), True),
        (answer({"ready": False}, 400), False),
        (answer({"error": "x"}, 503, edged_code="not-ready"), False),
        (answer({"error": "x"}, 503, edged_code="draining"), False),
    ],
)
def test_ready_is_a_yes_or_a_no(given: Answer, *, expected: bool) -> None:
    """Not ready is no error."""
    assert expected is calls.read_ready(given)


def test_an_unknown_model_is_neither_ready_nor_not() -> None:
    """A typo must not look like a model that loads for ever."""
    with pytest.raises(UnknownModel):
        calls.read_ready(answer({"error": "x"}, 404, edged_code="unknown-model"))


def test_a_model_that_is_not_ready_raises_what_the_daemon_raised() -> None:
    """With when to come again."""
    given = answer({"error": "cannot"}, 503, edged_code="not-ready", retry_after="2")

    with pytest.raises(NotReady) as caught:
        calls.read_infer(given)

    assert 2.0 == caught.value.retry_after_s


@pytest.mark.parametrize("value", [[], {"name": 5}, {"name": "m", "inputs": [{}]}])
def test_metadata_that_does_not_hold_is_a_protocol_error(value: object) -> None:
    """Something else listens there, or a newer daemon."""
    with pytest.raises(ProtocolError):
        calls.read_metadata(answer(value))


def test_the_index_names_models_with_state_and_reason() -> None:
    """As the repository extension has it."""
    given = answer([{"name": "digits", "version": "1", "state": "READY", "reason": ""}])

    models = calls.read_models(given)

    assert [("digits", "1", "READY")] == [(m.name, m.version, m.state) for m in models]
