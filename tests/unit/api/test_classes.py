"""The extension "classification": value, index, label, best first."""

import time

import numpy as np
import pytest

from edged.api.classes import best_classes
from edged.errors import InvalidRequest


def classes(
    array: np.ndarray, count: int, labels: tuple[str, ...] = ()
) -> list[object]:
    """Return the strings of an output."""
    found: list[object] = best_classes(array, count, labels, "output 'y'").tolist()
    return found


def test_each_row_gets_its_best() -> None:
    """All dimensions but the last are kept."""
    array = np.array([[1.1, 3.3, 0.5, 2.4], [9, 0, 0, 0]])

    got = classes(array, 2, ("ape", "bee"))

    assert got == [
        [b"3.300000:1:bee", b"2.400000:3"],
        [b"9.000000:0:ape", b"0.000000:1:bee"],
    ]


@pytest.mark.parametrize("shape", [(1, 1_000_000), (10_001, 1)])
def test_too_many_classes_are_refused_before_any_is_written(
    shape: tuple[int, ...],
) -> None:
    """Each is a text: a million of them would hold the loop for a second."""
    began = time.process_time()

    with pytest.raises(InvalidRequest, match="the limit is 10000") as caught:
        classes(np.zeros(shape, "<f4"), 10**9)

    assert "fewer" in caught.value.hint
    assert time.process_time() - began < 0.1
    assert 10_000 == len(classes(np.zeros(100_000, "<f4"), 10_000))


def test_equal_values_stand_by_index() -> None:
    """The order does not depend on how it was sorted."""
    assert classes(np.array([5, 7, 5, 7], np.uint8), 4) == [
        b"7:1",
        b"7:3",
        b"5:0",
        b"5:2",
    ]
    assert classes(np.zeros(99), 99) == [b"0.000000:%d" % i for i in range(99)]


def test_unsigned_and_negative_integers_are_compared_as_such() -> None:
    """No value is negated on the way."""
    assert classes(np.array([0, 2**64 - 1], np.uint64), 1) == [
        b"18446744073709551615:1"
    ]
    assert classes(np.array([-128, 127], np.int8), 1) == [b"127:1"]


def test_nan_is_last() -> None:
    """It is nobody's best class."""
    assert classes(np.array([np.nan, -np.inf, 1.0]), 3) == [
        b"1.000000:2",
        b"-inf:1",
        b"nan:0",
    ]


def test_more_than_there_are_gives_all() -> None:
    """A scalar counts as one class; none are none."""
    assert classes(np.array(2, np.int32), 5) == [b"2:0"]
    assert classes(np.empty((2, 0), np.float32), 5) == [[], []]


@pytest.mark.parametrize("array", [np.array([True]), np.array([b"a"], object)])
def test_other_than_numbers_is_refused(array: np.ndarray) -> None:
    """There is no highest among truths or strings."""
    with pytest.raises(InvalidRequest, match="holds no numbers"):
        classes(array, 1)
