"""Function models answer through the real registry."""

import numpy as np

from edged.serve.request import InferRequest
from edged.wire.tensors import Datatype
from tests.fakes.models import FunctionRuns, live_model, registry_of, signature

X = np.array([1, 2], np.float32)
SIGNATURE = signature(
    [("x", Datatype.FP32, (2,))],
    [("twice", Datatype.FP32, (2,)), ("x", Datatype.FP32, (2,))],
)


async def test_the_function_is_what_answers() -> None:
    """Admission, the thread and the counters are real; the variant is the function."""
    live = live_model("m", SIGNATURE, lambda f: {"twice": f["x"] * 2, "x": f["x"]})
    request = InferRequest(model="m", inputs={"x": X}, variant="small")

    answer = await registry_of(live).infer(request)

    np.testing.assert_array_equal(answer.outputs["twice"], [2, 4])
    assert answer.variant == "small"
    assert live.stats.success.count == 1


def test_only_wanted_outputs_are_given() -> None:
    """As a runtime does."""
    runs = FunctionRuns(lambda feeds: {"x": feeds["x"], "y": feeds["x"]})

    assert list(runs.run({"x": X}, ("y",))) == ["y"]


async def test_a_retired_model_is_closed() -> None:
    """The registry lets go of what another release replaced."""
    old, new = (live_model("m", SIGNATURE, dict, version=v) for v in ("1", "2"))
    registry = registry_of(old)

    registry.switch(new)
    old.scheduler._executor.shutdown(wait=True)

    assert all(rung.runs.closed for rung in old.ladder.rungs)
