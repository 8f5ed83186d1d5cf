"""The fake runtime keeps the promises that tests of adapters lean on."""

import numpy as np

from edged.wire.tensors import Datatype, TensorSpec
from tests.fakes.loaded import FakeLoaded

SPEC = TensorSpec(name="x", datatype=Datatype.FP32, shape=(1,))


def test_it_answers_what_it_was_given_and_only_what_is_wanted() -> None:
    """Canned answers come back by name."""
    answers = {"y": np.float32([1]), "z": np.float32([2])}
    fake = FakeLoaded((SPEC,), (SPEC,), answers=answers)

    got = fake.run({"x": np.float32([0])}, ("z",))

    assert got == {"z": np.float32([2])}


def test_it_remembers_feeds_resets_and_the_end() -> None:
    """A test can ask what the code under test did."""
    fake = FakeLoaded((SPEC,), (SPEC,), answers={})
    fed = np.float32([7])

    fake.run({"x": fed}, ())
    fake.reset()
    fake.close()

    assert fake.fed[0]["x"] is fed
    assert (1, True) == (fake.resets, fake.closed)
