"""From the protocol's terms to the registry's, and back."""

import numpy as np
import pytest

from edged.api import translate
from edged.errors import InvalidRequest
from edged.serve.conditions import Conditions
from edged.serve.lending import Loan
from edged.serve.request import InferResponse, Sequence
from edged.wire import oip
from edged.wire.tensors import Datatype
from tests.fakes.models import live_model, signature

X = np.ones((2, 2), "<f4")
TWO = signature(
    [("a", Datatype.FP32, (1,)), ("b", Datatype.FP32, (1,))],
    [("y", Datatype.FP32, (1,))],
)


def asked(**options: object) -> oip.Asked:
    """Return what a body may say."""
    return oip.Asked(inputs={"x": X}, options=oip.Options(**options))  # type: ignore[arg-type]


def answer(y: np.ndarray) -> InferResponse:
    """Return an answer with one output."""
    return InferResponse(
        model="m",
        version="1",
        variant="v",
        labels={},
        outputs={"y": y},
        queue_ns=1000,
        compute_ns=2000,
    )


def test_a_request_has_its_deadline_from_its_arrival() -> None:
    """`timeout` is in microseconds."""
    request = translate.to_request(
        asked(timeout=500_000, priority=1),
        Loan(inputs={"x": X}, into={}, slots={}),
        model="m",
        version=None,
        arrived_s=10.0,
        turn=(1, 2),
    )

    assert (10.5, 1, (1, 2)) == (request.deadline_s, request.priority, request.peer)


def test_no_timeout_is_the_daemons() -> None:
    """None, not the present."""
    loan = Loan(inputs={"x": X}, into={}, slots={})
    request = translate.to_request(
        asked(), loan, model="m", version="1", arrived_s=10.0, turn=None
    )

    assert (None, None, None) == (request.deadline_s, request.sequence, request.outputs)


def test_a_sequence_needs_an_id() -> None:
    """0 and the empty text are none."""
    of = translate.sequence_of

    assert Sequence(id="7", start=True) == of(
        oip.Options(sequence_id=7, sequence_start=True)
    )
    assert of(oip.Options(sequence_id="")) is None
    with pytest.raises(InvalidRequest, match="no sequence_id"):
        of(oip.Options(sequence_end=True))


def test_a_raw_body_is_for_models_with_one_input() -> None:
    """Nothing says which one it is."""
    with pytest.raises(InvalidRequest, match="2 inputs"):
        translate.read(memoryview(b"abcd"), 0, live_model("m", TWO, dict))


def test_an_answer_is_explained_to_who_asks() -> None:
    """And to nobody else."""
    explained = translate.write(
        answer(X), asked(edged_explain=True, binary_data_output=True), Conditions()
    )
    plain = translate.write(answer(X), asked(), Conditions())

    assert (
        b'"edged_strategy":"normal","edged_queue_us":1,"edged_compute_us":2'
        in bytes(explained.buffers[0])
    )
    assert X.tobytes() == bytes(explained.buffers[1])
    assert (None, False) == (plain.json_bytes, b"edged_" in bytes(plain.buffers[0]))
