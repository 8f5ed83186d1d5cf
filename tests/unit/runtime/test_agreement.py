"""One answer against its golden value."""

import numpy as np
import pytest

from edged.runtime.agreement import collapsed, compare
from edged.wire.release import Golden, Tolerance

GOLDEN = Golden(file="g.npz", tolerance=Tolerance(atol=0.1, rtol=1e-6))


def test_within_tolerance_is_agreement_whatever_is_on_top() -> None:
    """Two near-equal classes may change places."""
    got, want = np.float32([0.5, 0.49]), np.float32([0.49, 0.5])

    result = compare(got, want, GOLDEN)

    assert (True, 1.0) == (result.within, result.agreement)
    assert result.error == pytest.approx(0.01)


def test_outside_tolerance_the_top_class_decides() -> None:
    """Share of rows whose greatest value stands at the same place."""
    want = np.float32([[0.9, 0.1], [0.1, 0.9]])

    result = compare(np.float32([[0.6, 0.4], [0.6, 0.4]]), want, GOLDEN)

    assert (False, 0.5) == (result.within, result.agreement)


def test_a_single_value_agrees_by_tolerance_alone() -> None:
    """There is no class in one number."""
    result = compare(np.float32([1.0]), np.float32([2.0]), GOLDEN)

    assert (False, 0.0) == (result.within, result.agreement)


def test_nan_agrees_with_nothing() -> None:
    """Not with a number and not with NaN."""
    nan = np.float32([np.nan, 0])

    results = [compare(nan, want, GOLDEN) for want in (np.float32([0, 0]), nan)]

    assert [(False, False, 0.0, np.inf)] * 2 == [
        (r.within, r.finite, r.agreement, r.error) for r in results
    ]


def test_equal_infinities_agree() -> None:
    """log(0) is an answer that some models give."""
    infinite = np.float32([-np.inf, 0])

    same = compare(infinite, infinite, GOLDEN)
    other = compare(infinite, np.float32([0, 0]), GOLDEN)
    finite = compare(np.float32([-1e30, 0]), infinite, GOLDEN)

    assert (True, True) == (same.within, same.finite)
    assert (False, False) == (other.within, other.finite)
    assert (False, True) == (finite.within, finite.finite)


def test_another_shape_is_another_answer() -> None:
    """Nothing is broadcast."""
    result = compare(np.float32([1]), np.float32([1, 1]), GOLDEN)

    assert (False, 0.0) == (result.within, result.agreement)


def test_bytes_are_equal_or_not() -> None:
    """Text has no tolerance."""
    text, other = np.array([b"a"], object), np.array([b"b"], object)

    assert compare(text, text, GOLDEN).within
    assert not compare(text, other, GOLDEN).within


def test_integers_use_the_tolerance_too() -> None:
    """A quantum of difference is the author's to allow."""
    got, want = np.uint8([255]), np.uint8([0])

    assert compare(got, want, GOLDEN).error == 255.0


def test_one_answer_to_everything_is_a_collapse() -> None:
    """Golden answers differ, these do not."""
    golden = np.float32([[0.6, 0.4], [0.9, 0.1]])
    same = [np.float32([0.7, 0.3])] * 2

    assert collapsed(same, golden)
    assert not collapsed([same[0], np.float32([0.8, 0.2])], golden)


def test_saturated_answers_are_no_collapse() -> None:
    """An int8 softmax says 0.996 where floats say 0.9999 and 0.9991."""
    golden = np.float32([[0.9999, 0.0001], [0.9991, 0.0009]])

    assert not collapsed([np.float32([0.996, 0.0])] * 2, golden)


def test_one_sample_cannot_show_a_collapse() -> None:
    """There is nothing to compare it with."""
    assert not collapsed([np.float32([1, 0])], np.float32([[1, 0]]))
