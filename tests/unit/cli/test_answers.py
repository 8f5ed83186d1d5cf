"""What `infer` shows."""

import numpy as np

from edged.cli.answers import (
    Class,
    best,
    class_lines,
    tensor_out,
    timing,
    timing_line,
    value_lines,
)
from edged.client.calls import Explained
from edged.wire.release import Output
from edged.wire.tensors import Datatype

PLAIN = Output(name="y", datatype=Datatype.FP32, shape=(-1,))


def test_nan_becomes_null() -> None:
    """JSON has no NaN and no infinity."""
    found = tensor_out(PLAIN, np.array([1.0, np.nan, -np.inf], dtype=np.float32))

    assert [1.0, None, None] == found.data


def test_texts_become_strings() -> None:
    """BYTES are shown as text, whatever they hold."""
    found = tensor_out(PLAIN, np.array([b"a", b"\xff"], dtype=object))

    assert ["a", "\N{REPLACEMENT CHARACTER}"] == found.data


def test_classes_are_read_from_the_extension() -> None:
    """`score:index:label`; a label may hold a colon, and may be missing."""
    assert best(np.array([[b"0.5:3:a:b", b"0.25:1"]], object)) == (
        Class(label="a:b", index=3, score=0.5),
        Class(label="class 1", index=1, score=0.25),
    )


def test_the_classes_of_a_batch_are_kept_apart() -> None:
    """Each sample's stand under its number, and know it in a document."""
    classes = best(
        np.array([[b"0.9:1:b", b"0.1:0:a"], [b"0.8:0:a", b"0.2:1:b"]], object)
    )

    assert ([0, 0, 1, 1], ["y, sample 0:", "  0.9  b", "  0.1  a"]) == (
        [c.sample for c in classes],
        class_lines(classes, PLAIN)[:3],
    )
    assert ["y, sample 1:", "  0.8  a", "  0.2  b"] == class_lines(classes, PLAIN)[3:]


def test_a_promised_range_makes_per_cents() -> None:
    """Only a manifest can say that a score is a share of one."""
    classes = (Class(label="cat", index=0, score=0.123),)
    share = Output(name="y", datatype=Datatype.FP32, shape=(2,), range=(0.0, 1.0))

    assert (["  12.3 %  cat"], ["  0.123  cat"]) == (
        class_lines(classes, share),
        class_lines(classes, PLAIN),
    )


def test_few_values_stand_in_a_line() -> None:
    """Small outputs are shown whole."""
    assert value_lines(np.array([0.5, 2.0], np.float32), PLAIN) == [
        "y: FP32[2]  0.5  2",
        "  max 2 at [1]",
    ]


def test_one_value_has_no_best() -> None:
    """A score alone is just that."""
    assert value_lines(np.array([0.5], np.float32), PLAIN) == ["y: FP32[1]  0.5"]


def test_the_class_of_an_unlabelled_answer_is_told() -> None:
    """By its place in a row, and in a batch by both."""
    array = np.zeros((1, 10), np.float32)
    array[0, 7] = 0.9988

    assert ("max 0.9988 at [7]", "max 0.9988 at [0,7]") == (
        value_lines(array, PLAIN)[-1].rpartition(", ")[2],
        value_lines(np.concatenate((array, array / 2)), PLAIN)[-1].rpartition(", ")[2],
    )


def test_nan_is_no_best() -> None:
    """Where a value is none, no place is named."""
    array = np.array([1.0, np.nan], np.float32)

    assert "  max nan" == value_lines(array, PLAIN)[-1]


def test_many_values_are_summed_up() -> None:
    """The first ones, and the range."""
    assert value_lines(np.arange(100, dtype=np.float32), PLAIN) == [
        "y: FP32[100]",
        "  0  1  2  3  4  5  …",
        "  min 0, mean 49.5, max 99 at [99]",
    ]


def test_the_widest_values_fit_a_console() -> None:
    """Six numbers with sign and exponent."""
    lines = value_lines(np.full(100, -1.23456e-05, np.float32), PLAIN)

    assert max(map(len, lines)) <= 80


def test_no_values_are_no_trouble() -> None:
    """An empty output has a shape and nothing else."""
    assert value_lines(np.zeros((0, 4), np.float32), PLAIN) == ["y: FP32[0,4]"]


def test_times_are_summed_up() -> None:
    """Quantiles and the rate of requests one after the other."""
    assert timing_line(timing([0.010] * 9 + [0.110])) == (
        "10 requests: p50 10.0 ms, p95 65.0 ms, 50 a second"
    )


def test_one_time_has_no_quantiles() -> None:
    """A single round trip is just that."""
    assert timing_line(timing([0.0042])) == "4.20 ms"


def test_a_time_has_its_parts() -> None:
    """Waiting and computing, as the daemon measured them."""
    told = Explained(variant="fp32", queue_us=40, compute_us=3100)

    assert ("4.20 ms (queue 0.04, compute 3.10)", True) == (
        timing_line(timing([0.0042], told)),
        "(the last: queue 0.04, compute 3.10)" in timing_line(timing([1, 2], told)),
    )
