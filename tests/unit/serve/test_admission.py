"""May a request come in."""

import numpy as np
import pytest

from edged.errors import DeadlineExceeded, InvalidTensor, LowPriority, QueueFull
from edged.serve import admission
from edged.wire.release import Input, Output, Signature
from edged.wire.tensors import Datatype

SIGNATURE = Signature(
    inputs=(
        Input(name="image", datatype=Datatype.FP32, shape=(-1, 1, 8, 8)),
        Input(name="gain", datatype=Datatype.INT64, shape=()),
    ),
    outputs=(
        Output(name="scores", datatype=Datatype.FP32, shape=(-1, 10)),
        Output(name="embedding", datatype=Datatype.FP32, shape=(-1, 4)),
    ),
)
PLAN = admission.plan(SIGNATURE)
IMAGE = np.zeros((2, 1, 8, 8), "<f4")
GAIN = np.array(1, "<i8")


def test_inputs_as_the_signature_says_come_in() -> None:
    """A free dimension takes any size."""
    admission.check_inputs(PLAN, "digits", {"image": IMAGE, "gain": GAIN})


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"image": IMAGE}, "input 'gain' is missing"),
        ({"image": IMAGE, "gain": GAIN, "x": GAIN}, "no input 'x'"),
        ({"image": IMAGE.astype("<f8"), "gain": GAIN}, "came as float64"),
        ({"image": IMAGE[:, :, :7], "gain": GAIN}, "shape 2x1x7x8, it takes ?x1x8x8"),
        ({"image": IMAGE[0], "gain": GAIN}, "shape 1x8x8, it takes ?x1x8x8"),
        ({"image": IMAGE, "gain": GAIN.reshape(1)}, "shape 1, it takes scalar"),
    ],
)
def test_an_input_that_differs_is_refused_by_name(
    inputs: dict[str, np.ndarray], says: str
) -> None:
    """The sentence names the tensor, what came and what the model takes."""
    with pytest.raises(InvalidTensor, match="cannot run digits: ") as caught:
        admission.check_inputs(PLAN, "digits", inputs)

    assert says in caught.value.message
    assert caught.value.hint == "edgectl models show digits"


def test_all_outputs_are_wanted_when_none_is_named() -> None:
    """The signature's order is the answer's."""
    assert admission.wanted_outputs(PLAN, "digits", None) == ("scores", "embedding")


def test_wanted_outputs_keep_the_caller_s_order() -> None:
    """The order asked for is the order of the answer."""
    wanted = admission.wanted_outputs(PLAN, "digits", ("embedding", "scores"))

    assert wanted == ("embedding", "scores")


@pytest.mark.parametrize("outputs", [("boxes",), ("scores", "scores")])
def test_an_output_unknown_or_twice_is_refused(outputs: tuple[str, ...]) -> None:
    """Neither can be answered in a body that is read by name."""
    with pytest.raises(InvalidTensor):
        admission.wanted_outputs(PLAN, "digits", outputs)


def test_a_full_queue_tells_when_to_come_back() -> None:
    """The wait is the queue times the service time."""
    admission.check_room("digits", inflight=7, limit=8, run_s=0.25)

    with pytest.raises(QueueFull) as caught:
        admission.check_room("digits", inflight=8, limit=8, run_s=0.25)

    assert caught.value.retry_after_s == 2.0


def test_a_request_at_its_deadline_is_not_run() -> None:
    """Running it would only delay the next one."""
    admission.check_time("digits", now_s=9.99, deadline_s=10.0)

    with pytest.raises(DeadlineExceeded):
        admission.check_time("digits", now_s=10.0, deadline_s=10.0)


def test_where_only_urgent_requests_are_taken_others_hear_why() -> None:
    """The protocol's 0 is the usual priority, not the highest."""
    why = {"because": "the box is critical (84 C of 80 C)", "retry_after_s": 40.0}

    admission.check_priority("m", priority=1, **why)
    for priority in (0, 2, 9):
        with pytest.raises(LowPriority, match=r"critical \(84 C") as refused:
            admission.check_priority("m", priority=priority, **why)
        assert 40.0 == refused.value.retry_after_s
