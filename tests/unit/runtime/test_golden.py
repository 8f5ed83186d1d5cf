"""Known answers: reading, recording, judging."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edged.errors import BadBundle, BadModel
from edged.runtime import golden
from edged.runtime.golden import GoldenSet, Verdict
from edged.wire.release import Golden, Input, Output, Signature, Tolerance
from edged.wire.tensors import Datatype, Shape
from tests.fakes.models import FunctionRuns

FP32 = Datatype.FP32
RULES = Golden(file="g.npz", tolerance=Tolerance(atol=0.01, rtol=0.0), agreement=0.75)


def signature(x: Shape = (1, 2), y: Shape = (1, 2)) -> Signature:
    """Describe a model of one input and one output."""
    return Signature(
        inputs=(Input(name="x", datatype=FP32, shape=x),),
        outputs=(Output(name="y", datatype=FP32, shape=y),),
    )


def runs(function: Callable[[np.ndarray], object]) -> FunctionRuns:
    """Answer `y = function(x)`."""
    return FunctionRuns(lambda feeds: {"y": np.asarray(function(feeds["x"]))})


def four() -> GoldenSet:
    """Know the identity of four samples, two of each class."""
    x = np.float32([[[0.9, 0.1]], [[0.2, 0.8]], [[0.7, 0.3]], [[0.4, 0.6]]])
    return GoldenSet(inputs={"x": x}, outputs={"y": x}, samples=4)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """The same arrays come back, and the same set gives the same bytes."""
    path = tmp_path / "g.npz"
    path.write_bytes(golden.write(four()))

    known = golden.read(path, signature())

    assert np.array_equal(four().inputs["x"], known.inputs["x"])
    assert np.array_equal(four().outputs["y"], known.outputs["y"])
    assert golden.write(four()) == golden.write(known)


def test_text_survives_the_file(tmp_path: Path) -> None:
    """BYTES need no pickle."""
    text = np.array([[b"ab"], [b"\xff"]], object)
    sig = Signature(
        inputs=(Input(name="t", datatype=Datatype.BYTES, shape=(1,)),),
        outputs=(Output(name="u", datatype=Datatype.BYTES, shape=(1,)),),
    )
    known = GoldenSet(inputs={"t": text}, outputs={"u": text}, samples=2)
    path = tmp_path / "g.npz"
    path.write_bytes(golden.write(known))

    assert golden.read(path, sig).inputs["t"].tolist() == text.tolist()


def test_a_file_without_answers_proves_nothing(tmp_path: Path) -> None:
    """A release must not pass its proof by having none; it is told what to add."""
    path = tmp_path / "g.npz"
    asked = GoldenSet(inputs=four().inputs, outputs={}, samples=4)
    path.write_bytes(golden.write(asked))

    with pytest.raises(BadBundle, match="it has no outputs") as caught:
        golden.read(path, signature())

    assert "y" in caught.value.hint


def test_samples_may_lack_the_batch_dimension() -> None:
    """Images [3, 2] are three samples of an input [1, 2]; float64 becomes float32."""
    known = golden.arrange("g.npz", {"x": np.ones((3, 2))}, signature())

    assert known.samples == 3
    assert (known.inputs["x"].shape, known.inputs["x"].dtype) == ((3, 1, 2), np.float32)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({}, "input x: FP32[1,2] is missing"),
        ({"x": np.ones((2, 1, 3))}, "does not fit [2, 1, 3]"),
        ({"x": np.ones((2, 1, 2)), "q": np.ones(2)}, "'q' is no tensor"),
        ({"x": np.ones((2, 1, 2)), "y": np.ones((3, 1, 2))}, "[2, 3] samples"),
        ({"x": np.ones((1, 1, 2)), "y": np.full((1, 1, 2), np.nan)}, "y has NaN"),
        ({"x": np.ones((0, 1, 2))}, "[0] samples"),
        ({"x": np.array([[[b"a", b"b"]]], object)}, "does not fit object"),
    ],
)
def test_arrays_that_do_not_fit_are_told(
    arrays: dict[str, np.ndarray], why: str
) -> None:
    """The sentence names the array and what it should be."""
    with pytest.raises(BadBundle) as caught:
        golden.arrange("g.npz", arrays, signature())

    assert why in caught.value.message


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    """Text, a truncated archive, a pickled array, half a header: one error."""
    pickled = io.BytesIO()
    np.savez(pickled, x=np.array([{}], object))
    whole = golden.write(four())
    half = io.BytesIO()
    with zipfile.ZipFile(half, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00\x08\x00{'shape'")

    for data in (b"hello", whole[:100], pickled.getvalue(), half.getvalue(), b""):
        path = tmp_path / "g.npz"
        path.write_bytes(data)
        with pytest.raises(BadBundle, match=r"not a \.npz of plain arrays"):
            golden.read(path, signature())


def test_recording_keeps_what_the_model_said() -> None:
    """A recorded set is good for the model that it was recorded from."""
    model = runs(lambda x: x * 2)

    known = golden.record(model, signature(), samples=5, seed=0)

    assert known.samples == 5
    assert np.array_equal(known.inputs["x"] * 2, known.outputs["y"])
    assert golden.check(model, known, RULES, best=True).ok


def test_answers_of_changing_shape_are_kept_once() -> None:
    """A detector's boxes cannot be stacked."""
    sizes = iter([1, 2, 3])

    known = golden.record(
        runs(lambda _: np.zeros((next(sizes), 2), np.float32)),
        signature(y=(-1, 2)),
        samples=3,
        seed=0,
    )

    assert (1, (1, 1, 2)) == (known.samples, known.outputs["y"].shape)


def test_nan_is_not_recorded() -> None:
    """A model that answers NaN to its first inputs has no golden answers."""
    with pytest.raises(BadModel, match="output y is NaN"):
        golden.record(runs(lambda x: x * np.nan), signature(), samples=1, seed=0)


def test_the_best_variant_must_be_within_tolerance() -> None:
    """One sample outside is one too many, though its class is right."""
    good = golden.check(runs(lambda x: x + 0.005), four(), RULES, best=True)
    bad = golden.check(runs(lambda x: x + 0.02), four(), RULES, best=True)

    assert (Verdict.GOOD, Verdict.DEVIATES) == (good.verdict, bad.verdict)
    assert bad.agreement == 1.0
    assert bad.worst == pytest.approx(0.02, rel=1e-3)
    assert "worst difference 0.02 (must be within 0.01" in bad.text


def test_other_variants_must_agree_often_enough() -> None:
    """Three of four is the author's 75 %, two of four is not."""
    three = golden.check(
        runs(lambda x: x if x[0, 0] > 0.3 else x[:, ::-1]), four(), RULES, best=False
    )
    two = golden.check(
        runs(lambda x: x if x[0, 0] > 0.5 else x[:, ::-1]), four(), RULES, best=False
    )

    assert (True, 0.75) == (three.ok, three.agreement)
    assert (False, 0.5) == (two.ok, two.agreement)
    assert "agrees on 50.0% of 4 samples" in two.text


def test_a_collapsed_variant_fails() -> None:
    """Constant answers of a plausible shape and range are no answers."""
    constant = runs(lambda _: np.float32([[0.7, 0.3]]))

    report = golden.check(constant, four(), RULES, best=False)

    assert report.verdict is Verdict.COLLAPSED
    assert report.text.startswith("gives the same answer to different inputs")


def test_a_collapse_shows_even_where_every_golden_class_is_the_same() -> None:
    """Agreement alone would call it perfect."""
    x = np.float32([[[0.9, 0.1]], [[0.6, 0.4]], [[0.7, 0.3]]])
    known = GoldenSet(inputs={"x": x}, outputs={"y": x}, samples=3)

    report = golden.check(
        runs(lambda _: np.float32([[0.8, 0.2]])), known, RULES, best=False
    )

    assert (1.0, Verdict.COLLAPSED) == (report.agreement, report.verdict)


@pytest.mark.parametrize("best", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_answers_fail_at_every_rung(best: bool, bad: float) -> None:  # noqa: FBT001  # a parameter of the test
    """One NaN in one sample is enough, whatever the agreement."""
    lenient = Golden(file="g", tolerance=Tolerance(atol=1e30), agreement=0.0)

    report = golden.check(
        runs(lambda x: np.where(x == np.float32(0.9), bad, x)),
        four(),
        lenient,
        best=best,
    )

    assert report.verdict is Verdict.NOT_FINITE
    assert report.worst == np.inf


def test_every_sample_starts_afresh() -> None:
    """A model with state is reset before each."""

    class Counting(FunctionRuns):
        total = 0

        def reset(self) -> None:
            self.total = 0

    model = Counting(lambda _: {})
    model._function = lambda feeds: {"y": _count(model, feeds["x"])}
    x = np.ones((3, 1, 1), np.float32)
    known = GoldenSet(inputs={"x": x}, outputs={"y": x}, samples=3)

    assert golden.check(model, known, RULES, best=True).ok


def _count(model: object, x: np.ndarray) -> np.ndarray:
    model.total += x
    return model.total
